//! No two Services share a clusterIP or a nodePort, and only some types have a nodePort (B8, B12).

use std::collections::BTreeMap;

use sim_core::model::application::ServiceKind;

use crate::diagnostics::Sink;
use crate::diagnostics::codes::{DUPLICATE_NAME, INCOMPLETE_OBJECT};
use crate::draft::Draft;

pub(super) fn check(draft: &Draft, sink: &mut Sink) {
    let mut addresses = BTreeMap::new();
    let mut node_ports = BTreeMap::new();
    for service in &draft.services {
        if let Some(address) = service.cluster_ip
            && let Some(other) = addresses.insert(address, &service.name)
        {
            let message = format!("provided IP is already allocated: {address} belongs to Service {other}");
            sink.report(DUPLICATE_NAME, &service.place, message);
        }
        for port in &service.ports {
            let Some(node_port) = port.node_port else { continue };
            let place = port.place.at("nodePort");
            if !matches!(service.kind, ServiceKind::NodePort | ServiceKind::LoadBalancer) {
                let message = format!("a nodePort may not be used when the type is {}", service.kind.type_name());
                sink.report(INCOMPLETE_OBJECT, &place, message);
            }
            if let Some(other) = node_ports.insert((node_port, port.protocol), &service.name) {
                let message = format!("provided port is already allocated: {node_port} belongs to Service {other}");
                sink.report(DUPLICATE_NAME, &place, message);
            }
        }
    }
}
