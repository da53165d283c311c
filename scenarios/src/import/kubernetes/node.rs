//! Node objects: names, zones, blocks of pod addresses. Knows nothing of capacities and conditions.

use std::net::IpAddr;

use serde_json::Value;
use sim_core::model::units::Subnet;

use super::types::{self, NodeSpec};
use super::{boolean, identity, ignore_unknown};
use crate::decode::decode;
use crate::diagnostics::codes::PARTLY_MODELLED;
use crate::diagnostics::{Place, Sink};
use crate::draft::{Draft, DraftNode};
use crate::schema::settings::Setting;
use crate::schema::values::SubnetText;

const ZONE: &str = "topology.kubernetes.io/zone";
const CONTROL_PLANE: [&str; 2] = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

/// Imports a Node.
pub(super) fn import(object: &Value, place: &Place, draft: &mut Draft, sink: &mut Sink) {
    let Some(decoded) = decode::<types::Node>(object.clone(), place, sink) else { return };
    ignore_unknown(&decoded.unknown, place, sink);
    let Some((name, _)) = identity(decoded.value.metadata.as_ref(), place, sink) else { return };
    let labels = decoded.value.metadata.unwrap_or_default().labels.0;
    let spec = decoded.value.spec.unwrap_or_default();
    draft.nodes.push(DraftNode {
        place: place.at("metadata").at("name"),
        name,
        zone: labels.get(ZONE).cloned().unwrap_or_default(),
        pod_cidr: pod_cidr(&spec, place, sink),
        // A node of the control plane without the taint, as in a cluster of one node, hosts workload.
        control_plane: CONTROL_PLANE.iter().any(|role| labels.contains_key(*role)) && keeps_away(&spec),
        unschedulable: boolean(spec.unschedulable, &place.at("spec").at("unschedulable"), sink),
    });
}

fn keeps_away(spec: &NodeSpec) -> bool {
    let mut taints = spec.taints.iter().map(|(_, taint)| taint);
    taints.any(|taint| CONTROL_PLANE.contains(&taint.key.as_str()) && taint.effect.starts_with("No"))
}

fn pod_cidr(spec: &NodeSpec, place: &Place, sink: &mut Sink) -> Option<Subnet> {
    let text = spec.pod_cidr.clone().filter(|text| !text.is_empty())?;
    let read = <Subnet as Setting<SubnetText>>::read(&SubnetText(text));
    let block = read.and_then(|block| match block {
        Subnet { address: IpAddr::V4(_), prefix: 0..=30 } => Ok(block),
        Subnet { .. } => Err(format!("{block} has no room for pods")),
    });
    if let Err(message) = &block {
        let message = format!("{message}; the node gets a block of podwire's");
        sink.report(PARTLY_MODELLED, &place.at("spec").at("podCIDR"), message);
    }
    block.ok()
}
