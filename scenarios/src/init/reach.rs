//! What can be asked: which workloads stand behind a Service's port, and why a Service cannot be dialled.

use std::collections::BTreeMap;
use std::net::IpAddr;

use sim_core::model::application::{ContainerPort, Protocol, ServiceKind};

use crate::directory::Directory;
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

/// Who can be asked.
pub(super) struct Reach<'a> {
    pub(super) draft: &'a Draft,
    directory: &'a Directory<'a>,
    /// The first Service of each clusterIP.
    addresses: BTreeMap<IpAddr, usize>,
    /// Of each workload, whether somebody can dial a Service with it behind.
    served: Vec<bool>,
}

impl<'a> Reach<'a> {
    /// Who can be asked of what the files hold.
    pub(super) fn of(directory: &'a Directory<'a>) -> Self {
        let draft = directory.draft;
        let mut addresses = BTreeMap::new();
        for (index, service) in draft.services.iter().enumerate() {
            if let Some(address) = service.cluster_ip {
                addresses.entry(address).or_insert(index);
            }
        }
        let mut reach = Self { draft, directory, addresses, served: vec![false; draft.workloads.len()] };
        let open: Vec<Reached<'_>> = (0..draft.services.len()).flat_map(|index| reach.open_ports(index)).collect();
        open.iter().flat_map(|open| &open.backends).for_each(|workload| reach.served[*workload] = true);
        reach
    }

    /// The workloads with pods behind a port of a Service.
    fn backends(&self, service: &DraftService, port: &DraftServicePort) -> Vec<usize> {
        let listens = |workload: &DraftWorkload| match &port.target {
            TargetPort::Number(_) => true,
            TargetPort::Name(name) => declared(workload).any(|port| port.name == *name),
        };
        let mut selected = self.directory.selected(&service.namespace, &service.selector);
        selected.retain(|index| self.draft.workloads[*index].replicas > 0 && listens(&self.draft.workloads[*index]));
        selected
    }

    /// The port that is meant, or why nobody can dial it.
    pub(super) fn dial(&self, index: usize, wanted: Wanted) -> Result<Reached<'a>, String> {
        let service = &self.draft.services[index];
        let name = &service.name;
        match service.kind {
            ServiceKind::Headless if service.ports.is_empty() => {
                return Err(format!(
                    "{name} has neither `ports` nor `expose`, and its image is none that podwire knows; `expose: [PORT]` helps"
                ));
            }
            ServiceKind::ExternalName => {
                return Err(format!("Service {name} is an ExternalName, outside of the cluster"));
            }
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
        let backends = self.backends(service, port);
        if backends.is_empty() {
            return Err(format!("Service {name} has no pods here"));
        }
        Ok(Reached { port, backends })
    }

    /// The TCP ports of a Service that answer.
    pub(super) fn open_ports(&self, index: usize) -> Vec<Reached<'a>> {
        let ports = self.draft.services[index].ports.iter();
        ports.filter_map(|port| self.dial(index, Wanted::Number(port.port)).ok()).collect()
    }

    /// True when somebody can dial a Service with this workload behind it.
    pub(super) fn is_served(&self, workload: usize) -> bool {
        self.served[workload]
    }

    /// The Service that a workload means by a host: an alias, `NAME`, `NAME.NAMESPACE`, `NAME.NAMESPACE.svc...` or a
    /// clusterIP.
    pub(super) fn service_of(&self, workload: &DraftWorkload, host: &str) -> Option<usize> {
        let alias = workload.clues.links.iter().find(|(_, alias)| alias == host).map(|(name, _)| name.as_str());
        let mut labels = alias.unwrap_or(host).split('.');
        let name = labels.next()?;
        let namespace = labels.next().unwrap_or(&workload.namespace);
        let in_cluster = labels.next().is_none_or(|label| label == "svc");
        let is_meant = |service: &usize| in_cluster && self.draft.services[*service].namespace == namespace;
        let named = self.directory.services(name).iter().copied().find(is_meant);
        let addressed = host.parse().ok().and_then(|address: IpAddr| self.addresses.get(&address).copied());
        named.into_iter().chain(addressed).min()
    }
}
