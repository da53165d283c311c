//! Services of every type.

use std::net::IpAddr;

use serde_json::Value;
use sim_core::model::application::ServiceKind;

use super::super::port;
use super::types::{self, IntOrString, ServicePortObject, ServiceSpec};
use super::{boolean, identity, ignore_unknown, protocol, service_traffic};
use crate::decode::decode;
use crate::diagnostics::codes::{BAD_VALUE, INCOMPLETE_OBJECT};
use crate::diagnostics::{Place, Sink};
use crate::draft::{Draft, DraftService, DraftServicePort, TargetPort};

/// Imports a Service.
pub(crate) fn import(object: &Value, place: &Place, draft: &mut Draft, sink: &mut Sink) {
    let Some(decoded) = decode::<types::Service>(object.clone(), place, sink) else { return };
    ignore_unknown(&decoded.unknown, place, sink);
    let spec = decoded.value.spec.unwrap_or_default();
    let spec_place = place.at("spec");
    let meta = decoded.value.metadata;
    let Some((name, namespace)) = identity(meta.as_ref(), place, sink) else { return };
    let (kind, cluster_ip) = kind(&spec, &spec_place, sink);
    let ports: Vec<DraftServicePort> = spec
        .ports
        .iter()
        .filter_map(|(index, entry)| service_port(entry, &spec_place.at("ports").item(index), sink))
        .collect();
    let needs_ports = !matches!(kind, ServiceKind::Headless | ServiceKind::ExternalName);
    if needs_ports && spec.ports.is_empty() {
        sink.report(INCOMPLETE_OBJECT, &place.at("metadata").at("name"), format!("Service {name} has no ports"));
    }
    let at = spec_place.at("publishNotReadyAddresses");
    draft.services.push(DraftService {
        place: place.at("metadata").at("name"),
        name,
        namespace,
        kind,
        cluster_ip,
        publish_not_ready_addresses: boolean(spec.publish_not_ready_addresses, &at, sink),
        traffic: service_traffic::read(&spec, &spec_place, sink),
        labels: meta.unwrap_or_default().labels.0.into_iter().collect(),
        selector: spec.selector.0.into_iter().collect(),
        ports,
    });
}

fn kind(spec: &ServiceSpec, place: &Place, sink: &mut Sink) -> (ServiceKind, Option<IpAddr>) {
    let kind = match spec.kind.as_deref().unwrap_or("ClusterIP") {
        "ClusterIP" => ServiceKind::ClusterIp,
        "NodePort" => ServiceKind::NodePort,
        "LoadBalancer" => ServiceKind::LoadBalancer,
        "ExternalName" => return (ServiceKind::ExternalName, None),
        other => {
            let message = format!("`{other}` is not a type of Service");
            let help = crate::nearest::did_you_mean(other, ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]);
            sink.help(BAD_VALUE, &place.at("type"), message, &help);
            ServiceKind::ClusterIp
        }
    };
    match spec.cluster_ip.as_deref().unwrap_or_default() {
        "" => (kind, None),
        "None" if kind == ServiceKind::ClusterIp => (ServiceKind::Headless, None),
        text => {
            let address = text.parse::<IpAddr>().ok();
            if address.is_none() {
                sink.report(BAD_VALUE, &place.at("clusterIP"), format!("`{text}` is not an address"));
            }
            (kind, address)
        }
    }
}

fn service_port(entry: &ServicePortObject, place: &Place, sink: &mut Sink) -> Option<DraftServicePort> {
    let Some(number) = entry.port else {
        sink.report(INCOMPLETE_OBJECT, place, "a Service port without `port`");
        return None;
    };
    let number = port(number, "port", &place.at("port"), sink);
    let target = match &entry.target_port {
        None => number.map(TargetPort::Number),
        Some(IntOrString::Int(target)) => {
            port(*target, "targetPort", &place.at("targetPort"), sink).map(TargetPort::Number)
        }
        Some(IntOrString::Text(name)) => Some(TargetPort::Name(name.clone())),
    };
    let node_port = entry.node_port.filter(|number| *number != 0);
    Some(DraftServicePort {
        place: place.clone(),
        name: entry.name.clone().unwrap_or_default(),
        port: number?,
        protocol: protocol(entry.protocol.as_deref(), place, sink),
        node_port: node_port.and_then(|number| port(number, "nodePort", &place.at("nodePort"), sink)),
        target: target?,
    })
}
