//! Who makes requests, and the addresses each client knows.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::World;
use super::destination_map::DestinationMap;
use super::local_ports::key_of_ports;
use super::names::NameCache;
use super::resting::End;
use super::state::PodState;
use super::traffic::ClientState;
use crate::control::versions::Backend;
use crate::kernel::draws::EntityKey;
use crate::model::application::{HostPort, Origin, Protocol, Publish, Target};
use crate::model::ids::{NodeId, PodId, ServicePortId, SourceId, WorkloadId};
use crate::model::settings::{AddressModelKind, Discovery};
use crate::topology::NodeRole;
use crate::trace::fields::Client;
use crate::trace::{Body, RecordId};

/// How a client comes to know addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Knowledge {
    /// An address that was given as such.
    OneAddress,
    /// One clusterIP.
    ClusterIp(ServicePortId),
    /// The addresses of all nodes, for their node ports.
    NodePorts,
    /// The address of a load balancer outside.
    LoadBalancer(ServicePortId),
    /// A list that never changes.
    Fixed,
    /// A list that follows the registry.
    Registry(ServicePortId),
    /// A list that each lookup of a name brings.
    Named(ServicePortId),
    /// The same from the DNS of the client's own host.
    Embedded(ServicePortId),
}

impl World {
    /// Clients that are nodes themselves start with the run.
    pub(super) fn start_node_clients(&mut self, cause: RecordId) {
        for source in 0..self.model.sources.len() {
            for node in self.client_nodes(source) {
                self.add_client(source, Client::Node(node), None, node, cause);
            }
        }
    }

    /// The nodes that are clients of a source themselves.
    fn client_nodes(&self, source: usize) -> Vec<NodeId> {
        match self.model.sources[source].from {
            Origin::Workload(_) | Origin::Workloads { .. } | Origin::Pod { .. } => Vec::new(),
            Origin::Node(node) | Origin::External(node) => vec![node],
            Origin::Zone(node) => self.model.topology.zone_of(node).collect(),
        }
    }

    /// A pod's processes listen: they can make requests, too.
    pub(super) fn start_pod_clients(&mut self, pod: PodId, cause: RecordId) {
        let workload = self.pods[pod.index()].workload;
        let node = self.pods[pod.index()].node.expect("a running pod has a node");
        let known = self.pods[pod.index()].first_client;
        let sources = 0..self.model.sources.len();
        let ordinal = self.pods[pod.index()].ordinal;
        let here: Vec<usize> = sources.filter(|source| self.starts_in(*source, workload, ordinal)).collect();
        for (place, source) in here.into_iter().enumerate() {
            match known {
                Some(first) => self.revive_client(first as usize + place, cause),
                None => self.add_client(source, Client::Pod(pod), Some(pod), node, cause),
            }
        }
        self.start_callers(pod, workload, node, cause);
    }

    /// The clients for the calls of a pod's workload, side by side in the order of its edges.
    fn start_callers(&mut self, pod: PodId, workload: WorkloadId, node: NodeId, cause: RecordId) {
        let Some(plan) = self.model.graph().plans[workload.index()] else { return };
        let edges = plan.first_edge as usize..(plan.first_edge + plan.edges) as usize;
        if self.model.graph().edges[edges.start].first_path == SourceId(u32::MAX) {
            // No traffic reaches this workload, so it calls nobody.
            return;
        }
        if let Some(first) = self.pods[pod.index()].first_caller {
            for index in first as usize..first as usize + edges.len() {
                self.revive_client(index, cause);
            }
            return;
        }
        let first = u32::try_from(self.clients.len()).expect("clients number below 2^32");
        self.pods[pod.index()].first_caller = Some(first);
        for edge in edges {
            self.add_client(edge, Client::Pod(pod), Some(pod), node, cause);
        }
    }

    /// The client that a pod makes a call with.
    pub(super) fn caller(&self, pod: PodId, workload: WorkloadId, edge: u32) -> Option<u32> {
        let plan = self.model.graph().plans[workload.index()]?;
        Some(self.pods[pod.index()].first_caller? + (edge - plan.first_edge))
    }

    fn add_client(&mut self, edge: usize, client: Client, pod: Option<PodId>, node: NodeId, cause: RecordId) {
        let address = pod.and_then(|pod| self.pods[pod.index()].address);
        let address = address.unwrap_or_else(|| self.model.topology.node(node).address);
        let ordinal = pod.map_or(0, |pod| u64::from(self.pods[pod.index()].ordinal));
        let key = self.edge_key(edge).part("client", ordinal);
        // The clients of a zone are told apart by their nodes' names.
        let of_zone = self.model.sources.get(edge).is_some_and(|source| matches!(source.from, Origin::Zone(_)));
        let key = if of_zone { key.with(self.nodes[node.index()].key) } else { key };
        // Those of several workloads by these, too.
        let several =
            self.model.sources.get(edge).is_some_and(|source| matches!(source.from, Origin::Workloads { .. }));
        let workload = pod.filter(|_| several).map(|pod| self.model.workload(self.pods[pod.index()].workload).key());
        let key = workload.map_or(key, |name| key.with(EntityKey::of(&name)));
        let index = self.clients.len();
        let number = u32::try_from(index).expect("clients number below 2^32");
        let first = match pod {
            Some(pod) => &mut self.pods[pod.index()].first_client,
            None => &mut self.nodes[node.index()].first_client,
        };
        let owner = *first.get_or_insert(number);
        self.clients.push(ClientState {
            edge: u32::try_from(edge).expect("calls number below 2^32"),
            key,
            client,
            pod,
            node,
            address,
            owner,
            is_outside: self.model.topology.node(node).role == NodeRole::External,
            alive: false,
            pod_drains: false,
            list: Arc::from([]),
            list_record: 0,
            version: 0,
            balancer: None,
            names: NameCache::default(),
            ports_key: key_of_ports(&self.model.topology.node(node).name, address),
            pools: DestinationMap::default(),
            idle_order: None,
            open: 0,
            waiting: 0,
            retry_tokens: Self::first_tokens(),
            health: BTreeMap::new(),
            drained: Vec::new(),
        });
        self.revive_client(index, cause);
    }

    /// The stable name of an edge's draws: its source, or the calling workload and the call's name.
    fn edge_key(&self, edge: usize) -> EntityKey {
        let definition = &self.model.graph().edges[edge];
        match definition.caller {
            None => self.paths[edge].key,
            Some(caller) => EntityKey::of(&self.model.workload(caller).key()).part(&definition.call_name, 0),
        }
    }

    pub(super) fn target_of(&self, edge: usize) -> Target {
        self.model.graph().edges[edge].call.to
    }

    /// A client (again) takes part: it reads its configuration and asks its registry.
    fn revive_client(&mut self, index: usize, cause: RecordId) {
        let edge = self.clients[index].edge as usize;
        if let Some(pod) = self.clients[index].pod
            && let Some(address) = self.pods[pod.index()].address
            && self.clients[index].address != address
        {
            self.clients[index].address = address;
        }
        self.clients[index].alive = true;
        self.clients[index].pod_drains = false;
        self.clients[index].health = BTreeMap::new();
        self.clients[index].drained = Vec::new();
        self.clients[index].balancer = None;
        self.clients[index].retry_tokens = Self::first_tokens();
        if edge < self.sources.len() {
            let number = u32::try_from(index).expect("clients number below 2^32");
            let live = &mut self.sources[edge].live;
            let place = live.partition_point(|other| *other < number);
            live.insert(place, number);
        }
        match self.knowledge(edge, self.clients[index].node) {
            Knowledge::OneAddress | Knowledge::ClusterIp(_) => {
                let node = self.clients[index].node;
                self.serve_clients(node);
                self.configure(index, Arc::from([]), 1, 0, (cause, 0));
            }
            // It was given one name.
            Knowledge::Named(_) | Knowledge::Embedded(_) => self.configure(index, Arc::from([]), 1, 0, (cause, 0)),
            Knowledge::LoadBalancer(port) => {
                self.serve_from_every_front();
                self.start_load_balancer(index, port, cause);
            }
            Knowledge::NodePorts => {
                self.serve_from_every_front();
                let fronts = u32::try_from(self.fronts.len()).expect("nodes number below 2^32");
                self.configure(index, Arc::from([]), fronts, 0, (cause, 0));
            }
            Knowledge::Fixed => self.write_fixed_list(index, cause),
            Knowledge::Registry(port) => {
                let newest = self.registry_lists.newest(port);
                let (list, version) = (Arc::clone(&newest.backends), self.registry_lists.version());
                let addresses = u32::try_from(list.len()).expect("backends number below 2^32");
                self.configure(index, list, addresses, version, (cause, 0));
            }
        }
    }

    fn serve_from_every_front(&mut self) {
        if self.model.address_model == AddressModelKind::FlatPodIp {
            for place in 0..self.fronts.len() {
                self.serve_clients(self.fronts[place]);
            }
        }
    }

    pub(super) fn knowledge(&self, edge: usize, node: NodeId) -> Knowledge {
        let port = match self.target_of(edge) {
            Target::Service(port) => port,
            // Only clients of clusterIPs ask several Services.
            Target::Services { first, .. } => return Knowledge::ClusterIp(first),
            Target::Pod { .. } => return Knowledge::Fixed,
            Target::Address { .. } => return Knowledge::OneAddress,
        };
        if self.load_balancer_settings(edge).is_some() {
            return Knowledge::LoadBalancer(port);
        }
        let outside = self.model.topology.node(node).role == NodeRole::External;
        let named = self.model.graph().edges[edge].call.lookup.is_some();
        match (&self.model.discovery, self.model.address_model) {
            (Discovery::Service, _) if self.is_headless(Target::Service(port)) => Knowledge::Named(port),
            (Discovery::Service, _) if !outside => Knowledge::ClusterIp(port),
            (_, AddressModelKind::FlatPodIp) if outside => Knowledge::NodePorts,
            (Discovery::EmbeddedDns, _) if named => Knowledge::Embedded(port),
            (Discovery::Registry(_), _) if named => Knowledge::Named(port),
            (Discovery::Registry(_), _) => Knowledge::Registry(port),
            (Discovery::FrontProxy(proxies), _) if proxies.registry.is_some() && self.follows_registry(edge) => {
                Knowledge::Registry(port)
            }
            (
                Discovery::Static
                | Discovery::FrontProxy(_)
                | Discovery::PodIp
                | Discovery::Service
                | Discovery::EmbeddedDns,
                _,
            ) => Knowledge::Fixed,
        }
    }

    /// Gives a client a list; what triggered that, and what decided the list.
    pub(super) fn configure(
        &mut self,
        index: usize,
        list: Arc<[Backend]>,
        addresses: u32,
        version: u64,
        (cause, because): (RecordId, RecordId),
    ) {
        let state = &self.clients[index];
        let (source, client) = (self.model.graph().edges[state.edge as usize].first_path, state.client);
        let body = Body::ClientConfigured { source, client, addresses, version };
        let record = self.journal.write(self.agenda.now(), cause, because, body);
        let state = &mut self.clients[index];
        state.list = list;
        state.list_record = record;
        state.version = version;
        self.follow_list(u32::try_from(index).expect("clients number below 2^32"));
    }

    fn write_fixed_list(&mut self, index: usize, cause: RecordId) {
        let edge = self.clients[index].edge as usize;
        let written = self.fixed_lists[edge].clone();
        let list = written.unwrap_or_else(|| Arc::from(self.planned_backends(edge)));
        self.fixed_lists[edge] = Some(Arc::clone(&list));
        let addresses = u32::try_from(list.len()).expect("backends number below 2^32");
        self.configure(index, Arc::clone(&list), addresses, 0, (cause, 0));
        let (record, client) = (self.clients[index].list_record, self.clients[index].client);
        let source = self.model.graph().edges[edge].first_path;
        self.journal.write_list((self.agenda.now(), record), (source, client), &list);
    }

    /// The addresses that a person would write down for a call before the run, in order of the pods' creation.
    pub(super) fn planned_backends(&self, edge: usize) -> Vec<Backend> {
        let targets: Vec<(WorkloadId, u16, Option<u32>)> = match self.target_of(edge) {
            Target::Service(port) => {
                let backends = &self.model.service_port(port).backends;
                backends.iter().map(|(workload, port)| (*workload, *port, None)).collect()
            }
            Target::Pod { workload, ordinal, port } => vec![(workload, port, Some(ordinal))],
            Target::Services { .. } | Target::Address { .. } => Vec::new(),
        };
        let datagrams = self.model.graph().edges[edge].call.datagrams.is_some();
        let protocol = if datagrams { Protocol::Udp } else { Protocol::Tcp };
        let mut planned = Vec::new();
        for (workload, port, ordinal) in targets {
            let pods = self.pods.iter().enumerate().filter(|(_, pod)| pod.workload == workload && pod.node.is_some());
            let initial = pods.take(self.initial_pods[workload.index()] as usize);
            let chosen =
                initial.enumerate().filter(|(place, _)| ordinal.is_none_or(|wanted| wanted as usize == *place));
            planned.extend(chosen.filter_map(|(_, (index, _))| {
                let pod = PodId::from_index(index);
                self.planned_address(pod, protocol, port).map(|(address, port)| Backend { pod, address, port })
            }));
        }
        // Two containers that were promised one host port are one address to write down.
        let mut seen = BTreeSet::new();
        planned.retain(|backend: &Backend| seen.insert((backend.address, backend.port)));
        planned
    }

    /// Where a pod is to be dialled: its own address, its published port, or its private address when it has none.
    fn planned_address(&self, pod: PodId, protocol: Protocol, port: u16) -> Option<(IpAddr, u16)> {
        let state = &self.pods[pod.index()];
        if self.model.address_model == AddressModelKind::FlatPodIp {
            return state.address.map(|address| (address, port));
        }
        let host = self.model.topology.node(state.node?).address;
        if let Some(host_port) = state.host_port(protocol, port) {
            return Some((host, host_port));
        }
        let publish = &self.model.workload(state.workload).publish;
        let wanted = |publish: &&Publish| (publish.protocol, publish.container_port) == (protocol, port);
        match publish.iter().find(wanted).map(|publish| publish.host_port) {
            // The plan stands even where the container did not get its port.
            Some(HostPort::Fixed(host_port)) => Some((host, host_port)),
            Some(HostPort::Dynamic) => None,
            None => state.address.map(|address| (address, port)),
        }
    }

    /// A client hears of a version of the registry.
    pub(super) fn client_learns(&mut self, index: usize, version: u64) {
        let state = &self.clients[index];
        let node = &self.nodes[state.node.index()];
        let deaf =
            !self.up[state.node.index()] || node.silent.is_some() || self.looks_up(index) || self.is_registry_out();
        let deaf = deaf || !self.follows_registry(state.edge as usize);
        if !state.alive || version <= state.version || deaf {
            return;
        }
        let Target::Service(port) = self.target_of(state.edge as usize) else { return };
        let snapshot = self.registry_lists.at(port, version);
        let list = Arc::clone(&snapshot.backends);
        let cause = self.registry_lists.change(version).record;
        let balanced = self.balanced_port(index);
        let addresses = u32::try_from(list.len()).expect("backends number below 2^32");
        // A client behind a load balancer goes on knowing one address; the balancer follows for it.
        let addresses = if balanced.is_some() { 1 } else { addresses };
        self.configure(index, list, addresses, version, (cause, 0));
        if let Some(port) = balanced {
            self.register_targets(index, port);
        }
    }

    /// All clients of a pod stop; their connections are told, unless the machine went with them.
    pub(super) fn stop_pod_clients(&mut self, pod: PodId, because: RecordId, machine_too: bool) {
        let of_pod: Vec<usize> =
            (0..self.clients.len()).filter(|index| self.clients[*index].pod == Some(pod)).collect();
        for index in of_pod {
            self.stop_client(index, because, machine_too);
        }
    }

    /// The clients that a node itself is.
    pub(super) fn stop_node_clients(&mut self, node: NodeId, because: RecordId) {
        let of_node: Vec<usize> =
            (0..self.clients.len()).filter(|index| self.clients[*index].client == Client::Node(node)).collect();
        for index in of_node {
            self.stop_client(index, because, true);
        }
    }

    /// They start again with their node.
    pub(super) fn revive_node_clients(&mut self, node: NodeId, cause: RecordId) {
        let of_node: Vec<usize> =
            (0..self.clients.len()).filter(|index| self.clients[*index].client == Client::Node(node)).collect();
        for index in of_node {
            self.revive_client(index, cause);
        }
    }

    fn stop_client(&mut self, index: usize, because: RecordId, machine_too: bool) {
        if !self.clients[index].alive {
            return;
        }
        self.clients[index].alive = false;
        let number = u32::try_from(index).expect("clients number below 2^32");
        if let Some(source) = self.sources.get_mut(self.clients[index].edge as usize) {
            source.live.retain(|live| *live != number);
        }
        for connection in self.connections_at(End::Client(number), |_| true) {
            self.client_dies(connection, because, machine_too);
        }
        self.end_requests_of(number, because);
        self.close_sockets_of_client(number);
        self.forget_names(index);
        self.empty_pools(index);
    }

    /// True when a pod's processes can be talked to.
    pub(super) fn is_running(&self, pod: PodId) -> bool {
        self.pods[pod.index()].state == PodState::Running
    }
}
