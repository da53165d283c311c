//! What stood in the cluster at a time, as kubectl would print it: pods, what controls them, services, endpoints, nodes, events.
//! Follows records up to that time and ignores the rest; knows neither files nor what was typed.

mod age;
mod describe;
mod describe_nodes;
mod docker_events;
mod events;
mod kinds;
mod objects;
mod rows;
mod table;
#[cfg(test)]
mod tests;
mod watch;
mod workloads;

pub use age::age;
pub use kinds::{KINDS, Kind, Resource};
pub use watch::Watch;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use sim_core::kernel::time::SimTime;
use sim_core::model::ids::{NodeId, PodId, ServiceId, ServicePortId, WorkloadId};
use sim_core::model::settings::{AddressModelKind, Subnet};
use sim_core::trace::fields::TemplateHash;
use sim_core::trace::header::{NodeName, ServiceName, WorkloadName};
use sim_core::trace::words::{DeleteReason, ExitReason, PendingReason};
use sim_core::trace::{Body, Record, TraceHeader, TraceSink};

use crate::id_map::IdMap;
use events::EventLog;
use workloads::Controller;

/// Which objects, and how much of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// `-o wide`.
    pub wide: bool,
    /// `-l`: labels that must stand, `key=value` each.
    pub labels: Vec<String>,
    /// `-n`: this namespace; `default` when empty.
    pub namespace: String,
    /// `-A`: every namespace.
    pub all_namespaces: bool,
}

impl Query {
    fn has_namespace(&self, namespace: &str) -> bool {
        self.all_namespaces || namespace == if self.namespace.is_empty() { "default" } else { &self.namespace }
    }

    /// True if every label that the query asks for is among `labels`.
    fn fits(&self, labels: &[String]) -> bool {
        self.labels.iter().all(|wanted| labels.contains(wanted))
    }
}

/// A pod's state.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own, told by its own record
struct Pod {
    name: Option<(WorkloadId, String)>,
    /// The template that it was made of.
    template: Option<TemplateHash>,
    created: SimTime,
    node: Option<NodeId>,
    address: Option<IpAddr>,
    /// As the READY column counts.
    ready: bool,
    /// As the pod's condition says.
    condition: bool,
    deleted: bool,
    gone: bool,
    conflict: bool,
    /// Why it finds no place or does not start.
    pending: Option<PendingReason>,
    /// Ports of its host that lead to it: the host's and its own.
    published: BTreeSet<(u16, u16)>,
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
    last_exit: Option<(SimTime, ExitReason)>,
}

/// A node's state.
#[derive(Clone, Debug, Default)]
struct Node {
    registered: Option<SimTime>,
    address: Option<IpAddr>,
    subnet: Option<Subnet>,
    not_ready: bool,
    tainted: bool,
    cordoned: bool,
    /// When it last became ready or not ready.
    changed: SimTime,
}

/// A node that a query asks for.
struct SelectedNode<'a> {
    id: NodeId,
    name: &'a NodeName,
    labels: Vec<String>,
    node: &'a Node,
}

/// The state of a run's objects at one time.
#[derive(Clone, Debug)]
pub struct ClusterState {
    header: TraceHeader,
    at: SimTime,
    pods: IdMap<Pod>,
    /// By the number of their workload.
    controllers: Vec<Controller>,
    nodes: IdMap<Node>,
    services: BTreeMap<ServiceId, (IpAddr, SimTime)>,
    deleted_services: BTreeSet<ServiceId>,
    node_ports: BTreeMap<ServicePortId, u16>,
    endpoints: BTreeSet<(ServicePortId, IpAddr, u16, PodId)>,
    /// What was told of objects; `None` when nobody will ask.
    log: Option<EventLog>,
    /// How many records have changed something.
    changes: u64,
}

impl ClusterState {
    /// The state at `at` of a run with this header; needs the run's records up to that time.
    pub fn new(header: &TraceHeader, at: SimTime) -> Self {
        Self {
            header: header.clone(),
            at,
            pods: IdMap::default(),
            controllers: header.workloads.iter().map(Controller::new).collect(),
            nodes: IdMap::default(),
            services: BTreeMap::new(),
            deleted_services: BTreeSet::new(),
            node_ports: BTreeMap::new(),
            endpoints: BTreeSet::new(),
            log: None,
            changes: 0,
        }
    }

    /// The same, and it remembers events, which [`Resource::Events`] and descriptions show.
    #[must_use]
    pub fn with_events(self) -> Self {
        Self { log: Some(EventLog::default()), ..self }
    }

    /// The table that kubectl would print; `None` when nothing fits.
    pub fn table(&self, resource: Resource, query: &Query) -> Option<String> {
        let table = rows::of(self, resource, query);
        (!table.rows.is_empty()).then(|| table.render(self.at))
    }

    /// The objects as JSON, shaped like those of the Kubernetes API; the run's start stands as 1970-01-01T00:00:00Z.
    pub fn objects(&self, resource: Resource, query: &Query) -> Vec<serde_json::Value> {
        objects::of(self, resource, query)
    }

    /// `pod/NAME`, `deployment.apps/NAME` and the like, as `kubectl get -o name` prints them.
    pub fn names(&self, resource: Resource, query: &Query) -> Vec<String> {
        let table = rows::of(self, resource, query);
        let kind = resource.kind();
        let group = if kind.group.is_empty() { String::new() } else { format!(".{}", kind.group) };
        table.rows.iter().map(|row| format!("{}{group}/{}", kind.singular, row.name)).collect()
    }

    /// What `kubectl describe` says of the object `name`, or of all whose names begin so; nothing when there is none.
    pub fn describe(&self, resource: Resource, name: &str, query: &Query) -> Vec<String> {
        describe::of(self, resource, name, query)
    }

    /// True when the run is one of containers behind ports of their hosts.
    fn is_docker(&self) -> bool {
        self.header.model == AddressModelKind::PortMapping.name()
    }

    /// Pods that stand and fit, by name: the pod, its name and whose it is.
    fn selected_pods<'a>(&'a self, query: &Query) -> Vec<(u32, &'a Pod, &'a str, &'a WorkloadName)> {
        let found = self.pods.iter().filter(|(_, pod)| !pod.gone).filter_map(|(id, pod)| {
            let (workload, name) = pod.name.as_ref()?;
            Some((id, pod, name.as_str(), self.header.workloads.get(workload.index())?))
        });
        let fits = |owner: &WorkloadName| query.has_namespace(&owner.namespace) && query.fits(&owner.labels);
        let mut found: Vec<_> = found.filter(|(_, _, _, owner)| fits(owner)).collect();
        found.sort_by_key(|(id, _, name, owner)| (owner.namespace.as_str(), *name, *id));
        found
    }

    /// Services that stand and fit, by name.
    fn selected_services<'a>(&'a self, query: &Query) -> Vec<(ServiceId, &'a ServiceName)> {
        let all = self.header.services.iter().zip(0_u32..).map(|(service, number)| (ServiceId(number), service));
        // A Service's own labels are no part of a trace; its selector is what manifests repeat there.
        let fits = |service: &ServiceName| query.has_namespace(&service.namespace) && query.fits(&service.selector);
        let stands = |id: &ServiceId| !self.deleted_services.contains(id);
        let mut found: Vec<_> = all.filter(|(id, service)| stands(id) && fits(service)).collect();
        found.sort_by_key(|(id, service)| (service.namespace.as_str(), service.name.as_str(), *id));
        found
    }

    /// Nodes that take part and fit, by name: number, name, labels and state.
    fn selected_nodes<'a>(&'a self, query: &Query) -> Vec<SelectedNode<'a>> {
        let all = self.header.nodes.iter().zip(0_u32..).filter(|(name, _)| name.role != "external");
        let found = all.filter_map(|(name, number)| {
            let node = self.nodes.get(number).filter(|node| node.registered.is_some())?;
            let labels = vec![
                format!("kubernetes.io/hostname={}", name.name),
                format!("topology.kubernetes.io/zone={}", name.zone),
            ];
            query.fits(&labels).then_some(SelectedNode { id: NodeId(number), name, labels, node })
        });
        let mut found: Vec<_> = found.collect();
        found.sort_by_key(|found| found.name.name.as_str());
        found
    }

    /// Addresses and ports behind a Service, by Service port.
    fn endpoints_of(&self, service: ServiceId) -> impl Iterator<Item = &(ServicePortId, IpAddr, u16, PodId)> {
        let ports = &self.header.service_ports;
        let of_service =
            move |port: &ServicePortId| ports.get(port.index()).is_some_and(|port| port.service == service.0);
        self.endpoints.iter().filter(move |(port, ..)| of_service(port))
    }

    fn node_name(&self, node: NodeId) -> &str {
        self.header.nodes.get(node.index()).map_or("?", |node| node.name.as_str())
    }

    fn delete_service(&mut self, service: ServiceId) {
        self.services.remove(&service);
        self.deleted_services.insert(service);
        let ports = &self.header.service_ports;
        self.node_ports.retain(|port, _| ports.get(port.index()).is_none_or(|port| port.service != service.0));
    }

    /// A pod counts no more for its controller, if it still did.
    fn end_pod(&mut self, pod: PodId, scaled_down: bool) {
        let Some(pod) = self.pods.get(pod.0).filter(|pod| !pod.deleted && !pod.gone) else { return };
        let controller = pod.name.as_ref().and_then(|(workload, _)| self.controllers.get_mut(workload.index()));
        if let Some(controller) = controller {
            controller.lose(scaled_down);
        }
    }

    fn container(&mut self, pod: PodId, container: u8) -> &mut Container {
        self.pods.slot(pod.0).containers.entry(container).or_default()
    }

    #[allow(clippy::wildcard_enum_match_arm)] // only what stands in a pod's row
    fn pod_record(&mut self, record: &Record) -> bool {
        match record.body {
            Body::PodCreated { pod, workload, ordinal, suffix } => {
                let name = self.header.pod_name(workload, ordinal, suffix);
                let controller = self.controllers.get_mut(workload.index());
                let template = controller.map(|controller| {
                    controller.gain();
                    controller.template()
                });
                let pod = self.pods.slot(pod.0);
                (pod.name, pod.template, pod.created) = (Some((workload, name)), template, record.time);
            }
            Body::PodScheduled { pod, node } => {
                let pod = self.pods.slot(pod.0);
                (pod.node, pod.pending) = (Some(node), None);
            }
            Body::PodPending { pod, reason } => self.pods.slot(pod.0).pending = Some(reason),
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
            Body::ContainerExited { pod, container, reason } => {
                let container = self.container(pod, container);
                container.running = false;
                container.exits += 1;
                container.last_exit = Some((record.time, reason));
            }
            Body::PodReady { pod } => {
                let pod = self.pods.slot(pod.0);
                (pod.ready, pod.condition) = (true, true);
            }
            Body::PodNotReady { pod } => {
                self.pods.slot(pod.0).condition = false;
                // READY counts containers as the kubelet last told, and a silent node's kubelet tells nothing.
                let node = self.pods.slot(pod.0).node;
                let silent = node.and_then(|node| self.nodes.get(node.0)).is_some_and(|node| node.not_ready);
                if !silent {
                    self.pods.slot(pod.0).ready = false;
                }
            }
            Body::PodDeleted { pod, reason } => {
                self.end_pod(pod, reason == DeleteReason::ScaledDown);
                self.pods.slot(pod.0).deleted = true;
            }
            Body::PodGone { pod } => {
                self.end_pod(pod, false);
                self.pods.slot(pod.0).gone = true;
            }
            Body::PortConflict { pod, .. } => self.pods.slot(pod.0).conflict = true,
            Body::PortPublished { pod, container_port, host_port, .. } => {
                self.pods.slot(pod.0).published.insert((host_port, container_port));
            }
            Body::PortReleased { pod, host_port, .. } => {
                self.pods.slot(pod.0).published.retain(|(port, _)| *port != host_port);
            }
            _ => return false,
        }
        true
    }

    /// Takes a record in; false when it changes nothing here.
    #[allow(clippy::wildcard_enum_match_arm)] // pods' records are the rest that matters
    fn take(&mut self, record: &Record) -> bool {
        match record.body {
            Body::NodeRegistered { node, address, subnet } => {
                let node = self.nodes.slot(node.0);
                let seen = node.registered.is_some();
                (node.registered, node.address, node.subnet) = (Some(record.time), Some(address), Some(subnet));
                if !seen {
                    node.changed = record.time;
                }
            }
            Body::NodeNotReady { node } => {
                let node = self.nodes.slot(node.0);
                (node.not_ready, node.changed) = (true, record.time);
            }
            Body::NodeReady { node } => {
                let node = self.nodes.slot(node.0);
                (node.not_ready, node.tainted, node.changed) = (false, false, record.time);
            }
            Body::NodeTainted { node } => self.nodes.slot(node.0).tainted = true,
            Body::NodeCordoned { node } => self.nodes.slot(node.0).cordoned = true,
            Body::NodeUncordoned { node } => self.nodes.slot(node.0).cordoned = false,
            Body::TemplateUsed { workload, hash } => {
                self.header.use_template(workload, hash);
                if let Some(controller) = self.controllers.get_mut(workload.index()) {
                    controller.use_template(hash);
                }
            }
            Body::ReplicasWanted { workload, revision, replicas } => {
                if let Some(controller) = self.controllers.get_mut(workload.index()) {
                    controller.resize(revision, replicas, record.time);
                }
            }
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
            _ => return self.pod_record(record),
        }
        true
    }
}

impl TraceSink for ClusterState {
    fn record(&mut self, record: &Record) {
        if record.time > self.at {
            return;
        }
        self.changes += u64::from(self.take(record));
        if let Some(mut log) = self.log.take() {
            self.changes += u64::from(log.take(self, record));
            self.log = Some(log);
        }
    }
}
