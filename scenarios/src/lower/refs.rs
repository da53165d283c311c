//! References of scenario files: `deployment/web`, `deployment/shop/web`, `service/web`, `pod/web-0`, node and link names.

use std::collections::BTreeSet;

use sim_core::model::application::WorkloadKind;
use sim_core::model::ids::{LinkId, NodeId, WorkloadId};
use sim_core::topology::{NodeRole, Topology};

use crate::diagnostics::codes::{
    AMBIGUOUS, UNKNOWN_LINK, UNKNOWN_NODE, UNKNOWN_SERVICE, UNKNOWN_WORKLOAD, UNKNOWN_ZONE,
};
use crate::diagnostics::{Place, Sink};
use crate::directory::Directory;
use crate::draft::{Draft, DraftWorkload};
use crate::nearest::did_you_mean;

/// kubectl's names and short names of kinds.
pub(crate) const KINDS: &[(&str, WorkloadKind)] = &[
    ("deployment", WorkloadKind::Deployment),
    ("deploy", WorkloadKind::Deployment),
    ("replicaset", WorkloadKind::ReplicaSet),
    ("rs", WorkloadKind::ReplicaSet),
    ("statefulset", WorkloadKind::StatefulSet),
    ("sts", WorkloadKind::StatefulSet),
    ("daemonset", WorkloadKind::DaemonSet),
    ("ds", WorkloadKind::DaemonSet),
    ("replicationcontroller", WorkloadKind::ReplicationController),
    ("rc", WorkloadKind::ReplicationController),
    ("pod", WorkloadKind::Pod),
    ("po", WorkloadKind::Pod),
];

/// Splits `[NAMESPACE/]NAME`.
fn namespace_and_name(text: &str) -> (Option<&str>, &str) {
    text.split_once('/').map_or((None, text), |(namespace, name)| (Some(namespace), name))
}

/// The number of a workload.
pub(crate) fn workload(text: &str, known: &Directory<'_>, place: &Place, sink: &mut Sink) -> Option<WorkloadId> {
    let draft = known.draft;
    let (kind, rest) = text.split_once('/').unwrap_or(("", text));
    let (namespace, name) = namespace_and_name(rest);
    let kind = KINDS.iter().find(|(known, _)| *known == kind).map(|(_, kind)| *kind);
    let named = kind.map_or(&[][..], |kind| known.workloads(kind, name));
    let inside = |index: &usize| namespace.is_none_or(|namespace| draft.workloads[*index].namespace == namespace);
    let matches: Vec<usize> = named.iter().copied().filter(inside).collect();
    match matches.as_slice() {
        [index] => Some(WorkloadId::from_index(*index)),
        // Two of one name in one namespace are reported as such.
        [first, rest @ ..]
            if rest.iter().all(|i| draft.workloads[*i].namespace == draft.workloads[*first].namespace) =>
        {
            Some(WorkloadId::from_index(*first))
        }
        [] if sink.incomplete => None,
        [] => {
            let all: Vec<String> = draft.workloads.iter().map(DraftWorkload::reference).collect();
            let help = did_you_mean(text, all.iter().map(String::as_str));
            sink.help(UNKNOWN_WORKLOAD, place, format!("there is no workload `{text}`"), &help);
            None
        }
        several => ambiguous(text, several.iter().map(|index| draft.workloads[*index].namespace.as_str()), place, sink),
    }
}

/// The place of a Service in the draft; `text` is `[NAMESPACE/]NAME`.
pub(crate) fn service(text: &str, known: &Directory<'_>, place: &Place, sink: &mut Sink) -> Option<usize> {
    let draft = known.draft;
    let (namespace, name) = namespace_and_name(text);
    let inside = |index: &usize| namespace.is_none_or(|namespace| draft.services[*index].namespace == namespace);
    let matches: Vec<usize> = known.services(name).iter().copied().filter(inside).collect();
    match matches.as_slice() {
        [index] => Some(*index),
        // Two of one name in one namespace are reported as such.
        [first, rest @ ..] if rest.iter().all(|i| draft.services[*i].namespace == draft.services[*first].namespace) => {
            Some(*first)
        }
        [] if sink.incomplete => None,
        [] => {
            let help = did_you_mean(name, draft.services.iter().map(|service| service.name.as_str()));
            sink.help(UNKNOWN_SERVICE, place, format!("there is no Service `{text}`"), &help);
            None
        }
        several => ambiguous(text, several.iter().map(|index| draft.services[*index].namespace.as_str()), place, sink),
    }
}

fn ambiguous<'a, T>(
    text: &str,
    namespaces: impl Iterator<Item = &'a str>,
    place: &Place,
    sink: &mut Sink,
) -> Option<T> {
    let namespaces: Vec<&str> = namespaces.collect();
    let message = format!("`{text}` stands in several namespaces: {}", namespaces.join(", "));
    sink.help(AMBIGUOUS, place, message, "write the namespace before the name, as in kind/NAMESPACE/NAME");
    None
}

/// One pod of a workload by its own name: a bare Pod, or `NAME-ORDINAL` of a `StatefulSet`.
pub(crate) fn pod(text: &str, draft: &Draft, place: &Place, sink: &mut Sink) -> Option<(WorkloadId, u32)> {
    let (namespace, name) = namespace_and_name(text);
    for (index, workload) in draft.workloads.iter().enumerate() {
        if namespace.is_some_and(|namespace| workload.namespace != namespace) {
            continue;
        }
        let id = WorkloadId::from_index(index);
        let ordinal = name.strip_prefix(workload.name.as_str()).and_then(|rest| rest.strip_prefix('-'));
        match workload.kind {
            WorkloadKind::Pod if workload.name == name => return Some((id, 0)),
            WorkloadKind::StatefulSet => {
                if let Some(ordinal) = ordinal.and_then(|text| text.parse::<u32>().ok()) {
                    return Some((id, ordinal));
                }
            }
            WorkloadKind::Pod
            | WorkloadKind::Deployment
            | WorkloadKind::ReplicaSet
            | WorkloadKind::ReplicationController
            | WorkloadKind::DaemonSet => {}
        }
    }
    if sink.incomplete {
        return None;
    }
    let help = "bare Pods and pods of StatefulSets (web-0) have names that are known before the run; \
                name others by their place: deployment/NAME#0, or {of: deployment/NAME, index: 0}";
    sink.help(UNKNOWN_WORKLOAD, place, format!("there is no pod `{text}`"), help);
    None
}

/// The number of a node.
pub(crate) fn node(text: &str, topology: &Topology, place: &Place, sink: &mut Sink) -> Option<NodeId> {
    let found = topology.named(text);
    if found.is_none() {
        let help = did_you_mean(text, topology.nodes().iter().map(|node| node.name.as_str()));
        sink.help(UNKNOWN_NODE, place, format!("there is no node `{text}`"), &help);
    }
    found
}

/// The number of a node that hosts workload.
pub(crate) fn worker(text: &str, topology: &Topology, place: &Place, sink: &mut Sink) -> Option<NodeId> {
    let id = node(text, topology, place, sink)?;
    if topology.node(id).role == NodeRole::Worker {
        return Some(id);
    }
    let workers = topology.nodes().iter().filter(|node| node.role == NodeRole::Worker);
    let names: Vec<&str> = workers.map(|node| node.name.as_str()).take(12).collect();
    sink.help(UNKNOWN_NODE, place, format!("node `{text}` hosts no workload"), &format!("known: {}", names.join(", ")));
    None
}

/// The first worker of a zone, which stands for the zone.
pub(crate) fn zone(text: &str, topology: &Topology, place: &Place, sink: &mut Sink) -> Option<NodeId> {
    let mut workers = topology.with_role(NodeRole::Worker);
    let found = workers.find(|worker| !text.is_empty() && topology.node(*worker).zone == text);
    if found.is_none() {
        let known: BTreeSet<&str> = topology.nodes().iter().map(|node| node.zone.as_str()).collect();
        let help = did_you_mean(text, known.into_iter().filter(|zone| !zone.is_empty()));
        sink.help(UNKNOWN_ZONE, place, format!("there is no zone `{text}` with workers"), &help);
    }
    found
}

/// The number of a link.
pub(crate) fn link(text: &str, topology: &Topology, place: &Place, sink: &mut Sink) -> Option<LinkId> {
    let found = topology.links().iter().position(|link| link.name == text);
    if found.is_none() {
        let help = did_you_mean(text, topology.links().iter().map(|link| link.name.as_str()));
        sink.help(UNKNOWN_LINK, place, format!("there is no link `{text}`"), &help);
    }
    found.map(LinkId::from_index)
}
