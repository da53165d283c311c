//! What can be asked: which workloads stand behind a Service's port, and why a Service cannot be dialled.

use sim_core::model::application::{ContainerPort, Protocol, ServiceKind};

use crate::draft::{Draft, DraftService, DraftServicePort, DraftWorkload, TargetPort};

/// Namespaces of Kubernetes itself.
const SYSTEM: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// True for what belongs to the cluster, not to an application.
pub(super) fn is_system(namespace: &str, name: &str) -> bool {
    SYSTEM.contains(&namespace) || (namespace, name) == ("default", "kubernetes")
}

/// A workload's ports as its containers declare them.
pub(super) fn declared(workload: &DraftWorkload) -> impl Iterator<Item = &ContainerPort> {
    workload.containers.iter().flat_map(|container| &container.container.ports)
}

/// The workloads with pods behind a port of a Service.
pub(super) fn backends(draft: &Draft, service: &DraftService, port: &DraftServicePort) -> Vec<usize> {
    let listens = |workload: &DraftWorkload| match &port.target {
        TargetPort::Number(_) => true,
        TargetPort::Name(name) => declared(workload).any(|port| port.name == *name),
    };
    let selects = |workload: &DraftWorkload| {
        workload.namespace == service.namespace
            && !service.selector.is_empty()
            && service.selector.iter().all(|label| workload.labels.contains(label))
    };
    let all = draft.workloads.iter().enumerate();
    all.filter(|(_, it)| it.replicas > 0 && selects(it) && listens(it)).map(|(index, _)| index).collect()
}

/// Which of a Service's ports is meant.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    /// The one with this number.
    Number(u16),
    /// The first one.
    First,
}

/// A Service's port that answers, with the workloads behind it.
pub(super) struct Reached<'a> {
    pub(super) port: &'a DraftServicePort,
    pub(super) backends: Vec<usize>,
}

/// The port that is meant, or why nobody can dial it.
pub(super) fn dial(draft: &Draft, index: usize, wanted: Wanted) -> Result<Reached<'_>, String> {
    let service = &draft.services[index];
    let name = &service.name;
    match service.kind {
        ServiceKind::Headless if service.ports.is_empty() => {
            return Err(format!(
                "{name} has neither `ports` nor `expose`, and its image is none that podwire knows; `expose: [PORT]` helps"
            ));
        }
        ServiceKind::ExternalName => return Err(format!("Service {name} is an ExternalName, outside of the cluster")),
        ServiceKind::ClusterIp | ServiceKind::Headless | ServiceKind::NodePort | ServiceKind::LoadBalancer => {}
    }
    let mut tcp = service.ports.iter().filter(|port| port.protocol == Protocol::Tcp);
    let found = match wanted {
        Wanted::Number(number) => tcp.find(|port| port.port == number),
        Wanted::First => tcp.next(),
    };
    let Some(port) = found else {
        return Err(match wanted {
            Wanted::Number(number) => format!("Service {name} has no TCP port {number}"),
            Wanted::First => format!("Service {name} has no TCP port"),
        });
    };
    let backends = backends(draft, service, port);
    if backends.is_empty() { Err(format!("Service {name} has no pods here")) } else { Ok(Reached { port, backends }) }
}

/// The TCP ports of a Service that answer.
pub(super) fn open_ports(draft: &Draft, index: usize) -> Vec<Reached<'_>> {
    let ports = draft.services[index].ports.iter();
    ports.filter_map(|port| dial(draft, index, Wanted::Number(port.port)).ok()).collect()
}

/// True when somebody can dial a Service with this workload behind it.
pub(super) fn is_served(draft: &Draft, workload: usize) -> bool {
    (0..draft.services.len()).flat_map(|index| open_ports(draft, index)).any(|open| open.backends.contains(&workload))
}
