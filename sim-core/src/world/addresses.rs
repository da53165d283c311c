//! Where an address leads: to a pod, a Service, a port of a node, or nowhere (linux-kernel section 2, A17-A23, C.6).

use std::net::{IpAddr, SocketAddr};

use super::World;
use super::connect::{Dial, Resolution, dial_into_nothing};
use super::server_tcp::Listener;
use super::state::PodState;
use crate::control::versions::Backend;
use crate::dataplane::service_rules::{Entry, Front, entry};
use crate::dataplane::translation::Way;
use crate::kernel::draws::below;
use crate::model::application::{Origin, Protocol, Target};
use crate::model::ids::{NodeId, PodId, ServicePortId, SourceId, WorkloadId};
use crate::model::settings::{AddressModelKind, ProxyMode, Subnet};
use crate::topology::NodeRole;
use crate::trace::words::Outcome;

impl World {
    /// A client dials an address.
    pub(super) fn resolve_address(&self, client: u32, dialled: (IpAddr, u16)) -> Resolution {
        match self.model.address_model {
            AddressModelKind::FlatPodIp => self.resolve_flat(client, dialled),
            AddressModelKind::PortMapping => self.resolve_mapped(client, dialled),
        }
    }

    fn resolve_flat(&self, client: u32, dialled: (IpAddr, u16)) -> Resolution {
        let (address, port) = dialled;
        if let Some(node) = self.node_at(address) {
            return Resolution::Dial(self.dial_of_node(client, node, dialled));
        }
        if self.is_outside(client) {
            return NO_ROUTE;
        }
        let own = self.clients[client as usize].node;
        if let Some((service_port, Entry::External)) = self.service_entry(address, port) {
            // The client's own node takes it, as if it were one of its node ports (C.6).
            return Resolution::Dial(self.dial_of_front(client, own, dialled, Some(service_port)));
        }
        if self.cluster_ips.contains(&Some(address)) {
            return match self.service_port_at(address, port) {
                Some(port) => Resolution::Service(port),
                // nftables rejects what a clusterIP does not offer, and in ipvs mode the node has the address itself;
                // iptables knows no rule for it (C.3).
                None if self.model.cluster.proxy_mode != ProxyMode::Iptables => {
                    Resolution::Rejected(Outcome::ConnectionRefused)
                }
                None => NO_ROUTE,
            };
        }
        if self.model.cluster.proxy_mode == ProxyMode::Nftables
            && self.model.cluster.service_cluster_ip_range.holds(address)
        {
            return Resolution::Dial(dial_into_nothing(own, dialled, Way::Dropped, 0));
        }
        let nodes = (0..self.nodes.len()).map(NodeId::from_index);
        let home = nodes.into_iter().find(|node| self.bridge_subnet(*node).is_some_and(|own| own.holds(address)));
        if let Some(home) = home {
            return Resolution::Dial(self.dial_in_subnet(client, home, dialled));
        }
        let state = &self.clients[client as usize];
        if state.pod.is_some() && self.model.cluster.cluster_cidr.holds(address) {
            // Nobody masquerades it, so the router's answer does not find back to the pod.
            return Resolution::Dial(dial_into_nothing(state.node, dialled, Way::Direct, 0));
        }
        NO_ROUTE
    }

    /// A node's own address and port: a Service's node port, or a port on which nothing listens.
    fn dial_of_node(&self, client: u32, node: NodeId, dialled: (IpAddr, u16)) -> Dial {
        let place = self.node_ports.iter().position(|known| *known == Some(dialled.1));
        let service_port = place.filter(|_| self.topology_role(node) != NodeRole::External);
        self.dial_of_front(client, node, dialled, service_port.map(ServicePortId::from_index))
    }

    /// A node that takes connections for a Service port, if there is one, or for itself.
    fn dial_of_front(
        &self,
        client: u32,
        node: NodeId,
        dialled: (IpAddr, u16),
        service_port: Option<ServicePortId>,
    ) -> Dial {
        let state = &self.clients[client as usize];
        let hidden = state.pod.is_some() && state.node != node;
        // kube-proxy masquerades what the node itself sends, whatever the policy (C.6).
        let own_process = state.pod.is_none() && state.node == node;
        let kept = service_port.is_some_and(|port| self.keeps_sources(port)) && !own_process;
        let way = match (service_port.is_some(), hidden) {
            (true, true) if kept => Way::NodePortKeptFromPod,
            (true, true) => Way::NodePortFromPod,
            (true, false) if kept => Way::NodePortKept,
            (true, false) => Way::NodePort,
            (false, true) => Way::PodToNode,
            (false, false) => Way::Direct,
        };
        let via = service_port.map(|_| node);
        Dial { via, ..Dial::to(dialled, node, way) }
    }

    /// An address of a node's podCIDR: the node itself, a pod, or nobody.
    fn dial_in_subnet(&self, client: u32, home: NodeId, dialled: (IpAddr, u16)) -> Dial {
        let address = dialled.0;
        if self.bridge(home) == Some(address) {
            return self.dial_of_node(client, home, dialled);
        }
        if let Some(pod) = self.pod_at(home, address) {
            return self.dial_of_pod(Backend { pod, address, port: dialled.1 }, dialled, Way::Direct, 0);
        }
        let own = home == self.clients[client as usize].node;
        let (way, unowned) = if own { (Way::Unowned, Some(0)) } else { (Way::Direct, None) };
        Dial { unowned, ..Dial::to(dialled, home, way) }
    }

    fn resolve_mapped(&self, client: u32, dialled: (IpAddr, u16)) -> Resolution {
        let address = dialled.0;
        let state = &self.clients[client as usize];
        let outside = self.is_outside(client);
        let own_bridge = !outside && self.bridge(state.node) == Some(address);
        let own = own_bridge || address.is_loopback();
        let host = if own { Some(state.node) } else { self.node_at(address) };
        if let Some(host) = host {
            let way = self.way_to_published(state, host, dialled);
            return Resolution::Dial(Dial::to(dialled, host, way));
        }
        if outside || self.model.docker.holding(address).is_none() {
            return NO_ROUTE;
        }
        Resolution::Dial(self.dial_private(state, dialled, 0, 0))
    }

    /// What a SYN finds at an address of a node that no pod has: a closed port of the node, or nobody; at one of no node,
    /// not even an answer.
    pub(super) fn at_node(&self, node: NodeId, connection: u32) -> Listener {
        let target = self.connections[connection].target;
        let own = self.model.topology.node(node).address == target || self.bridge(node) == Some(target);
        match self.bridge_subnet(node) {
            _ if own => Listener::Refuses(0),
            Some(subnet) if !subnet.holds(target) => Listener::Silent(0),
            _ => Listener::NoHost(0),
        }
    }

    /// What one request of a path asks: of several Services the one that belongs to its number, the same in every attempt.
    #[inline]
    pub(super) fn target_of_request(&self, source: u32, number: u64) -> Target {
        match self.model.call_of(SourceId(source)).to {
            Target::Services { first, count } => self.service_of_request(source, number, (first, count)),
            target @ (Target::Service(_) | Target::Pod { .. } | Target::Address { .. }) => target,
        }
    }

    #[inline(never)]
    fn service_of_request(&self, source: u32, number: u64, (first, count): (ServicePortId, u32)) -> Target {
        let spread = self.paths[source as usize].key.part("service", 0).spread(number);
        let place = u32::try_from(below(spread, u64::from(count))).expect("below the number of Services");
        Target::Service(ServicePortId(first.0 + place))
    }

    /// The Service port that a request dials: by name, by clusterIP or by node port.
    pub(super) fn dialled_service_port(&self, source: u32, number: u64) -> Option<ServicePortId> {
        match self.target_of_request(source, number) {
            Target::Service(port) => Some(port),
            Target::Services { .. } | Target::Pod { .. } => None,
            Target::Address { address, port } if self.node_at(address).is_some() || self.is_bridge(address) => {
                let place = self.node_ports.iter().position(|node_port| *node_port == Some(port));
                place.map(ServicePortId::from_index)
            }
            Target::Address { address, port } => self.service_port_at(address, port),
        }
    }

    /// The workload that a source's address leads to now, if any.
    pub(super) fn workload_behind(&self, source: u32, address: IpAddr, port: u16) -> Option<WorkloadId> {
        if let Some(service_port) = self.dialled_service_port(source, 0) {
            return self.model.service_port(service_port).backends.first().map(|(workload, _)| *workload);
        }
        let edge = self.model.graph().paths[source as usize].edge;
        let client = self.clients.iter().find(|client| client.edge == edge && client.alive)?;
        let docker = self.model.address_model == AddressModelKind::PortMapping;
        let own = self.bridge(client.node) == Some(address) || address.is_loopback();
        let host = self.node_at(address).or(own.then_some(client.node));
        let pod = match host {
            Some(host) => self.nodes[host.index()].docker.mapping(Protocol::Tcp, port).map(|mapping| mapping.pod),
            None if docker => self.pod_at(client.node, address),
            None => (0..self.nodes.len()).find_map(|node| self.pod_at(NodeId::from_index(node), address)),
        };
        pod.map(|pod| self.pods[pod.index()].workload)
    }

    /// True when requests of a source start in this pod of a workload.
    pub(super) fn starts_in(&self, source: usize, workload: WorkloadId, ordinal: u32) -> bool {
        match self.model.sources[source].from {
            Origin::Workload(from) => from == workload,
            Origin::Workloads { first, count } => workload.0.checked_sub(first.0).is_some_and(|place| place < count),
            Origin::Pod { workload: from, ordinal: one } => from == workload && one == ordinal,
            Origin::Node(_) | Origin::Zone(_) | Origin::External(_) => false,
        }
    }

    /// The block that a node's pods get their addresses from.
    pub(super) fn bridge_subnet(&self, node: NodeId) -> Option<Subnet> {
        if self.topology_role(node) == NodeRole::External {
            return None;
        }
        match self.model.address_model {
            AddressModelKind::FlatPodIp => self.flat.pod_cidr(node),
            AddressModelKind::PortMapping => Some(self.model.docker.bridge_subnet),
        }
    }

    /// The address of a node's bridge: the first one of the block (cni0, docker0).
    pub(super) fn bridge(&self, node: NodeId) -> Option<IpAddr> {
        self.bridge_subnet(node).map(|subnet| subnet.nth(1))
    }

    fn is_bridge(&self, address: IpAddr) -> bool {
        (0..self.nodes.len()).any(|node| self.bridge(NodeId::from_index(node)) == Some(address))
    }

    fn topology_role(&self, node: NodeId) -> NodeRole {
        self.model.topology.node(node).role
    }

    fn is_outside(&self, client: u32) -> bool {
        self.clients[client as usize].is_outside
    }

    fn node_at(&self, address: IpAddr) -> Option<NodeId> {
        self.model.topology.nodes().iter().position(|node| node.address == address).map(NodeId::from_index)
    }

    fn service_port_at(&self, address: IpAddr, port: u16) -> Option<ServicePortId> {
        self.service_entry(address, port).map(|(port, _)| port)
    }

    /// The Service port that every node's rules know under an address, and by which kind of address.
    fn service_entry(&self, address: IpAddr, port: u16) -> Option<(ServicePortId, Entry)> {
        let dialled = SocketAddr::new(address, port);
        self.model.service_ports.iter().enumerate().find_map(|(index, known)| {
            let outside = &self.model.service(known.service).traffic.external_ips;
            let cluster_ip = self.cluster_ips[known.service.index()];
            let front = Front { cluster_ip, outside, port: known.port, node_port: None };
            Some((ServicePortId::from_index(index), entry(front, dialled, &[])?))
        })
    }

    /// The pod of a node that has an address now.
    pub(super) fn pod_at(&self, node: NodeId, address: IpAddr) -> Option<PodId> {
        let here = |pod: &super::state::Pod| pod.node == Some(node) && pod.has(address) && pod.state != PodState::Gone;
        self.pods.iter().position(here).map(PodId::from_index)
    }
}

/// No route leads to the address, and the kernel says so at once.
const NO_ROUTE: Resolution = Resolution::Rejected(Outcome::NetworkUnreachable);
