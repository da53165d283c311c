//! What a dump of a cluster says of the cluster: nodes with zones and podCIDRs, where pods stand, address ranges.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use sim_core::model::application::WorkloadKind;
use sim_core::model::settings::{ClusterSettings, Subnet};

use super::names::{self, Names};
use crate::draft::{Draft, DraftNode, DraftWorkload};

/// The lines of `topology`.
pub(super) fn topology(draft: &Draft) -> Vec<String> {
    let mut lines = vec!["  topology:".to_owned()];
    let planes: Vec<String> =
        draft.nodes.iter().filter(|node| node.control_plane).map(|node| node.name.clone()).collect();
    if !planes.is_empty() {
        lines.push(format!("    # control plane, which hosts no workload: {}", names::some(&planes)));
    }
    let workers: Vec<&DraftNode> = draft.nodes.iter().filter(|node| !node.control_plane).collect();
    let named = nodes_of_pods(draft);
    if !workers.is_empty() {
        lines.push("    nodes:".to_owned());
        lines.extend(workers.iter().map(|node| worker(node)));
    } else if draft.nodes.is_empty() && !named.is_empty() {
        lines.push("    nodes: # guess: the nodes that pods stand on; there are no Node objects".to_owned());
        lines.extend(named.iter().map(|name| format!("      - {{name: {}}}", names::scalar(name))));
    } else {
        lines.push(guessed_workers(draft));
    }
    lines
}

/// Workers where no file says how many there are.
const USUAL_WORKERS: u64 = 3;

/// As many workers as hold all pods when one of them is down, not fewer than usual, and not more than `clusterCIDR` has blocks
/// for beside the control plane's.
fn guessed_workers(draft: &Draft) -> String {
    let cluster = ClusterSettings::default();
    let (daemons, others): (Vec<&DraftWorkload>, Vec<&DraftWorkload>) =
        draft.workloads.iter().partition(|workload| workload.kind == WorkloadKind::DaemonSet);
    let pods: u64 = others.iter().map(|workload| u64::from(workload.replicas)).sum();
    let room = u64::from(cluster.max_pods).saturating_sub(daemons.len() as u64).max(1);
    let needed = pods.div_ceil(room) + 1;
    let most = (1_u64 << (cluster.node_cidr_mask_size - cluster.cluster_cidr.prefix)) - 1;
    let (count, why) = match needed {
        ..=USUAL_WORKERS => (USUAL_WORKERS, String::new()),
        _ if needed <= most => (needed, format!("; all {pods} pods fit when one is down")),
        _ => (most, format!("; the default clusterCIDR has no blocks for more, and {pods} pods want {needed}")),
    };
    format!("    nodes: {{count: {count}}} # guess: there are no Node objects of workers{why}")
}

fn worker(node: &DraftNode) -> String {
    let mut parts = vec![format!("name: {}", names::scalar(&node.name))];
    if !node.zone.is_empty() {
        parts.push(format!("zone: {}", names::scalar(&node.zone)));
    }
    parts.extend(node.pod_cidr.map(|block| format!("podCIDR: {block}")));
    if node.unschedulable {
        parts.push("unschedulable: true".to_owned());
    }
    format!("      - {{{}}}", parts.join(", "))
}

fn nodes_of_pods(draft: &Draft) -> BTreeSet<&str> {
    let bound = draft.workloads.iter().filter_map(|workload| workload.node_name.as_ref()).map(|(_, node)| &**node);
    bound.chain(draft.workloads.iter().flat_map(|workload| &workload.pod_nodes).map(String::as_str)).collect()
}

/// The lines of `placement`: nodes of pods as the dump has them.
pub(super) fn placement(draft: &Draft, named: &Names<'_>) -> Vec<String> {
    let workers: BTreeSet<&str> =
        draft.nodes.iter().filter(|node| !node.control_plane).map(|node| node.name.as_str()).collect();
    let hosts = |name: &&String| draft.nodes.is_empty() || workers.contains(name.as_str());
    let mut lines = Vec::new();
    for (index, workload) in draft.workloads.iter().enumerate() {
        if workload.kind == WorkloadKind::DaemonSet {
            continue;
        }
        let nodes = workload.pod_nodes.iter().filter(hosts).take(workload.replicas as usize);
        let nodes: Vec<String> = nodes.map(|name| names::scalar(name)).collect();
        if !nodes.is_empty() {
            let key = names::scalar(&named.workload(index));
            lines.push(format!("    {key}: [{}]", nodes.join(", ")));
        }
    }
    if !lines.is_empty() {
        lines.insert(0, "  placement: # where the dump has the pods; replacements go to the scheduler".to_owned());
    }
    lines
}

/// The lines of `cluster`: ranges that hold the addresses and ports that Services ask for.
pub(super) fn cluster(draft: &Draft) -> Vec<String> {
    let default = ClusterSettings::default();
    let mut lines = Vec::new();
    if let Some(range) = service_range(draft, default.service_cluster_ip_range) {
        lines.push(format!("    serviceClusterIPRange: {range} # guess: it holds every clusterIP of the files"));
    }
    let ports = draft.services.iter().flat_map(|service| &service.ports).filter_map(|port| port.node_port);
    let range = default.service_node_port_range;
    let (first, last) = ports.fold((range.first, range.last), |(first, last), port| (first.min(port), last.max(port)));
    if (first, last) != (range.first, range.last) {
        lines.push(format!("    serviceNodePortRange: {first}-{last} # guess: it holds every nodePort of the files"));
    }
    if !lines.is_empty() {
        lines.insert(0, "  cluster:".to_owned());
    }
    lines
}

/// The narrowest block of a usual length that holds every clusterIP; `None` when the default does.
fn service_range(draft: &Draft, default: Subnet) -> Option<Subnet> {
    let asked = draft.services.iter().filter_map(|service| match service.cluster_ip {
        Some(IpAddr::V4(address)) => Some(u32::from(address)),
        _ => None,
    });
    let asked: Vec<u32> = asked.collect();
    let holds = |block: Subnet| {
        let IpAddr::V4(first) = block.address else { return false };
        let offset = |address: &u32| u64::from(*address).checked_sub(u64::from(u32::from(first)));
        asked.iter().all(|address| offset(address).is_some_and(|offset| offset > 0 && offset + 1 < block.size()))
    };
    if holds(default) {
        return None;
    }
    let around = |prefix: u8| {
        let mask = u32::MAX << (32 - u32::from(prefix));
        Subnet { address: IpAddr::V4(Ipv4Addr::from(asked[0] & mask)), prefix }
    };
    [16, 12, 8].into_iter().map(around).find(|block| holds(*block))
}
