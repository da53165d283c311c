//! What stood in the cluster at a time, as kubectl would print it: pods, services, endpoints, nodes.
//! Follows records up to that time and ignores the rest.

mod age;
mod tables;
#[cfg(test)]
mod tests;

pub use age::age;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use sim_core::kernel::time::SimTime;
use sim_core::model::ids::{NodeId, PodId, ServiceId, ServicePortId, WorkloadId};
use sim_core::model::settings::Subnet;
use sim_core::trace::words::ExitReason;
use sim_core::trace::{Body, Record, TraceHeader, TraceSink};

use crate::id_map::IdMap;

/// What to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Pods (containers under port mapping).
    Pods,
    /// Services.
    Services,
    /// The addresses behind each Service.
    Endpoints,
    /// Nodes.
    Nodes,
}

impl Resource {
    /// The resource of a name or a short name that kubectl knows.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "pods" | "pod" | "po" => Some(Self::Pods),
            "services" | "service" | "svc" => Some(Self::Services),
            "endpoints" | "ep" => Some(Self::Endpoints),
            "nodes" | "node" | "no" => Some(Self::Nodes),
            _ => None,
        }
    }
}

/// Which of them, and how much of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// `-o wide`.
    pub wide: bool,
    /// `-l`: labels that must stand, `key=value` each.
    pub labels: Vec<String>,
    /// `-n`: this namespace; `default` when empty.
    pub namespace: String,
}

/// A pod's state.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own, told by its own record
struct Pod {
    name: Option<(WorkloadId, String)>,
    created: SimTime,
    node: Option<NodeId>,
    address: Option<IpAddr>,
    ready: bool,
    deleted: bool,
    gone: bool,
    conflict: bool,
    /// Containers by number: whether they run, how often they started and stopped, when last.
    containers: BTreeMap<u8, Container>,
}

/// A container's state.
#[derive(Clone, Debug, Default)]
struct Container {
    running: bool,
    starts: u64,
    exits: u64,
    last_start: SimTime,
}

/// A node's state.
#[derive(Clone, Debug, Default)]
struct Node {
    registered: Option<SimTime>,
    address: Option<IpAddr>,
    subnet: Option<Subnet>,
    not_ready: bool,
    cordoned: bool,
}

/// The state of a run's objects at one time.
#[derive(Clone, Debug)]
pub struct ClusterState {
    header: TraceHeader,
    at: SimTime,
    pods: IdMap<Pod>,
    nodes: IdMap<Node>,
    services: BTreeMap<ServiceId, (IpAddr, SimTime)>,
    deleted_services: BTreeSet<ServiceId>,
    node_ports: BTreeMap<ServicePortId, u16>,
    endpoints: BTreeSet<(ServicePortId, IpAddr, u16, PodId)>,
}

impl ClusterState {
    /// The state at `at` of a run with this header; needs the run's records up to that time.
    pub fn new(header: &TraceHeader, at: SimTime) -> Self {
        Self {
            header: header.clone(),
            at,
            pods: IdMap::default(),
            nodes: IdMap::default(),
            services: BTreeMap::new(),
            deleted_services: BTreeSet::new(),
            node_ports: BTreeMap::new(),
            endpoints: BTreeSet::new(),
        }
    }

    /// The table that kubectl would print; `None` when nothing fits.
    pub fn table(&self, resource: Resource, query: &Query) -> Option<String> {
        match resource {
            Resource::Pods => tables::pods(self, query),
            Resource::Services => tables::services(self, query),
            Resource::Endpoints => tables::endpoints(self, query),
            Resource::Nodes => tables::nodes(self, query),
        }
    }

    fn delete_service(&mut self, service: ServiceId) {
        self.services.remove(&service);
        self.deleted_services.insert(service);
        let ports = &self.header.service_ports;
        self.node_ports.retain(|port, _| ports.get(port.index()).is_none_or(|port| port.service != service.0));
    }

    fn container(&mut self, pod: PodId, container: u8) -> &mut Container {
        self.pods.slot(pod.0).containers.entry(container).or_default()
    }

    #[allow(clippy::wildcard_enum_match_arm)] // only what stands in a pod's row
    fn pod_record(&mut self, record: &Record) {
        match record.body {
            Body::PodCreated { pod, workload, ordinal, suffix } => {
                let name = self.header.pod_name(workload, ordinal, suffix);
                let pod = self.pods.slot(pod.0);
                (pod.name, pod.created) = (Some((workload, name)), record.time);
            }
            Body::PodScheduled { pod, node } => self.pods.slot(pod.0).node = Some(node),
            Body::AddressAssigned { pod, address } => self.pods.slot(pod.0).address = Some(address),
            Body::ContainerStarted { pod, container } => {
                self.pods.slot(pod.0).conflict = false;
                let container = self.container(pod, container);
                container.running = true;
                container.starts += 1;
                container.last_start = record.time;
            }
            // The kubelet that would report it is dead as well, so the API shows the container as it was.
            Body::ContainerExited { reason: ExitReason::NodeDown, .. } => {}
            Body::ContainerExited { pod, container, .. } => {
                let container = self.container(pod, container);
                container.running = false;
                container.exits += 1;
            }
            Body::PodReady { pod } => self.pods.slot(pod.0).ready = true,
            Body::PodNotReady { pod } => {
                // READY counts containers as the kubelet last told, and a silent node's kubelet tells nothing.
                let node = self.pods.slot(pod.0).node;
                let silent = node.and_then(|node| self.nodes.get(node.0)).is_some_and(|node| node.not_ready);
                if !silent {
                    self.pods.slot(pod.0).ready = false;
                }
            }
            Body::PodDeleted { pod, .. } => self.pods.slot(pod.0).deleted = true,
            Body::PodGone { pod } => self.pods.slot(pod.0).gone = true,
            Body::PortConflict { pod, .. } => self.pods.slot(pod.0).conflict = true,
            _ => {}
        }
    }
}

impl TraceSink for ClusterState {
    #[allow(clippy::wildcard_enum_match_arm)] // pods' records are the rest that matters
    fn record(&mut self, record: &Record) {
        if record.time > self.at {
            return;
        }
        match record.body {
            Body::NodeRegistered { node, address, subnet } => {
                let node = self.nodes.slot(node.0);
                *node = Node {
                    registered: Some(record.time),
                    address: Some(address),
                    subnet: Some(subnet),
                    not_ready: node.not_ready,
                    cordoned: node.cordoned,
                };
            }
            Body::NodeNotReady { node } => self.nodes.slot(node.0).not_ready = true,
            Body::NodeReady { node } => self.nodes.slot(node.0).not_ready = false,
            Body::NodeCordoned { node } => self.nodes.slot(node.0).cordoned = true,
            Body::NodeUncordoned { node } => self.nodes.slot(node.0).cordoned = false,
            Body::TemplateUsed { workload, hash } => self.header.use_template(workload, hash),
            Body::ServiceDeleted { service } => self.delete_service(service),
            Body::ServiceCreated { service, cluster_ip } => {
                self.deleted_services.remove(&service);
                self.services.insert(service, (cluster_ip, record.time));
            }
            Body::NodePortAllocated { service_port, node_port } => {
                self.node_ports.insert(service_port, node_port);
            }
            Body::EndpointAdded { service_port, pod, address, port, .. }
            | Body::RegistryAdded { service_port, pod, address, port, .. } => {
                self.endpoints.insert((service_port, address, port, pod));
            }
            Body::EndpointRemoved { service_port, pod, address, port, .. }
            | Body::EndpointTerminating { service_port, pod, address, port, .. }
            | Body::RegistryRemoved { service_port, pod, address, port, .. } => {
                self.endpoints.remove(&(service_port, address, port, pod));
            }
            _ => self.pod_record(record),
        }
    }
}
