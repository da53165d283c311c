//! From a request to a first SYN: which address a client dials, which pod stands behind it, which way it goes.

use std::net::IpAddr;

use super::World;
use super::event::Timer;
use super::state::{ClientEnd, Connection, Request, ServerEnd};
use crate::balancing::BALANCERS;
use crate::control::versions::Backend;
use crate::dataplane::ephemeral_ports::EphemeralPorts;
use crate::dataplane::translation::{Way, translations};
use crate::kernel::draws::{EntityKey, below};
use crate::kernel::queue::EventClass;
use crate::kernel::time::SimDuration;
use crate::model::application::Target;
use crate::model::ids::{NodeId, PodId, ServicePortId, SourceId, WorkloadId};
use crate::model::parameters::{Arguments, find};
use crate::model::settings::{AddressModelKind, Discovery, ProxyMode};
use crate::topology::{Fabric, NodeRole};
use crate::trace::fields::Client;
use crate::trace::words::{Outcome, SegmentKind};
use crate::trace::{Body, RecordId};
use crate::transport::retransmission;

/// A neighbour entry outlives its last confirmation by DELAY and three probes (E10: 5 s + 3 s).
const NEIGHBOUR_PROBING: SimDuration = SimDuration::from_secs(8);
/// And before that by a reachable time of 15 s to 45 s (E10).
const REACHABLE_MIN: SimDuration = SimDuration::from_secs(15);
const REACHABLE_SPREAD: SimDuration = SimDuration::from_secs(30);

/// Where a client's SYN goes.
#[derive(Clone, Copy, Debug)]
struct Dial {
    address: IpAddr,
    port: u16,
    /// Address and port at the pod, after translation.
    target: (IpAddr, u16),
    /// The pod chosen, unless the far node decides.
    pod: Option<PodId>,
    server_node: NodeId,
    via: Option<NodeId>,
    way: Way,
    /// The list or rule version that chose.
    because: RecordId,
    /// Nobody answers ARP for the address; why.
    unowned: Option<RecordId>,
}

/// What becomes of an attempt to find a backend.
#[derive(Clone, Copy, Debug)]
enum Resolution {
    Dial(Dial),
    /// The node's own rules reject the connection.
    Rejected {
        address: IpAddr,
        port: u16,
        because: RecordId,
    },
    /// The client knows no address.
    NoAddress(RecordId),
    /// The name of the Service means nothing any more.
    NoName(RecordId),
}

impl World {
    /// A request looks for a backend and dials it.
    pub(super) fn connect(&mut self, request: u32) {
        let Request { source, number, client, .. } = self.requests[request];
        match self.resolve(source, number, client) {
            Resolution::Dial(dial) => self.dial(request, dial),
            Resolution::Rejected { address, port, because } => self.rejected(request, address, port, because),
            Resolution::NoAddress(because) => self.end_request(request, Outcome::NoAddress, None, because),
            Resolution::NoName(because) => self.end_request(request, Outcome::DnsError, None, because),
        }
    }

    fn resolve(&mut self, source: u32, number: u64, client: u32) -> Resolution {
        let Target::Service(port) = self.model.sources[source as usize].to else {
            return self.resolve_list(source, number, client);
        };
        if self.model.address_model == AddressModelKind::FlatPodIp {
            let node = self.clients[client as usize].node;
            if self.model.topology.node(node).role == NodeRole::External {
                return self.resolve_node_port(source, number, port);
            }
            if self.model.discovery == Discovery::Service {
                return self.resolve_cluster_ip(source, number, client, port);
            }
        }
        self.resolve_list(source, number, client)
    }

    /// Through the clusterIP: the client's own node chooses.
    fn resolve_cluster_ip(&mut self, source: u32, number: u64, client: u32, port: ServicePortId) -> Resolution {
        let node = self.clients[client as usize].node;
        let from_node = matches!(self.clients[client as usize].client, Client::Node(_));
        let service_port = self.model.service_port(port);
        let (service, dialled) = (service_port.service, service_port.port);
        if let Some(deleted) = self.deleted_service(service) {
            return Resolution::NoName(deleted);
        }
        let Some(address) = self.cluster_ips[service.index()] else {
            return Resolution::NoAddress(0);
        };
        if let Some(because) = self.rules_unknown_on(node, port) {
            return Resolution::Dial(dial_into_nothing(node, (address, dialled), because));
        }
        let (chosen, because) = self.choose_endpoint(node, port, source, number);
        let Some(backend) = chosen else {
            return Resolution::Rejected { address, port: dialled, because };
        };
        let way = if from_node { Way::ClusterIpFromNode } else { Way::ClusterIpFromPod };
        Resolution::Dial(self.dial_of_pod(backend, (address, dialled), way, because))
    }

    /// Through a node port: the client takes any node, which chooses when the SYN reaches it.
    fn resolve_node_port(&mut self, source: u32, number: u64, port: ServicePortId) -> Resolution {
        let Some(node_port) = self.written_node_ports[port.index()] else { return Resolution::NoAddress(0) };
        let draw = self.front_draw(source, number);
        let fronts = &self.fronts;
        let place = usize::try_from(below(draw, fronts.len() as u64)).expect("a place in a table");
        let front = fronts[place];
        let address = self.model.topology.node(front).address;
        Resolution::Dial(Dial {
            address,
            port: node_port,
            target: (address, node_port),
            pod: None,
            server_node: front,
            via: Some(front),
            way: Way::NodePort,
            because: 0,
            unowned: None,
        })
    }

    /// The node port's node chooses a pod for a connection; false when there is none.
    pub(super) fn choose_behind_front(&mut self, node: NodeId, connection: u32) -> bool {
        let Connection { source, number, .. } = self.connections[connection];
        let Target::Service(port) = self.model.sources[source as usize].to else { return false };
        if let Some(because) = self.node_port_closed(node, port, self.connections[connection].port) {
            self.connections[connection].because = because;
            return false;
        }
        let (chosen, because) = self.choose_endpoint(node, port, source, number);
        let state = &mut self.connections[connection];
        let Some(Backend { pod, address, port }) = chosen else {
            state.because = because;
            return false;
        };
        state.pod = Some(pod);
        state.target = address;
        state.target_port = port;
        state.server_node = self.pods[pod.index()].node.expect("an endpoint has a node");
        true
    }

    /// One pick of a node's kube-proxy, from the endpoints that its rules hold now.
    fn choose_endpoint(
        &mut self,
        node: NodeId,
        port: ServicePortId,
        source: u32,
        number: u64,
    ) -> (Option<Backend>, RecordId) {
        let version = self.proxy_mark(node);
        let draw = self.pick_draw(source, number);
        let snapshot = self.endpoints.at(port, version);
        if snapshot.backends.is_empty() {
            return (None, snapshot.record);
        }
        let algorithm = self.algorithm_of(port);
        let entry = self.proxy_balancers.entry((node, port)).or_insert_with(|| (u64::MAX, new_balancer(algorithm)));
        if entry.0 != snapshot.version {
            entry.0 = snapshot.version;
            entry.1.rebuild(snapshot.backends.len());
        }
        let place = entry.1.pick(draw);
        (Some(snapshot.backends[place]), snapshot.record)
    }

    /// From the client's own list of addresses.
    fn resolve_list(&mut self, source: u32, number: u64, client: u32) -> Resolution {
        let draw = self.pick_draw(source, number);
        let algorithm = match self.model.sources[source as usize].to {
            Target::Service(port) => self.algorithm_of(port),
            Target::Pod { .. } => "round-robin",
        };
        let state = &mut self.clients[client as usize];
        let because = state.list_record;
        if state.list.is_empty() {
            return Resolution::NoAddress(because);
        }
        let balancer = state.balancer.get_or_insert_with(|| {
            let mut balancer = new_balancer(algorithm);
            balancer.rebuild(state.list.len());
            balancer
        });
        let backend = state.list[balancer.pick(draw)];
        let dial = match self.model.address_model {
            AddressModelKind::FlatPodIp => {
                self.dial_of_pod(backend, (backend.address, backend.port), Way::Direct, because)
            }
            AddressModelKind::PortMapping => self.dial_of_host(client, backend, because),
        };
        Resolution::Dial(dial)
    }

    fn dial_of_pod(&self, backend: Backend, dialled: (IpAddr, u16), way: Way, because: RecordId) -> Dial {
        let server_node = self.pods[backend.pod.index()].node.expect("a dialled pod has a node");
        let ((address, port), pod) = (dialled, Some(backend.pod));
        let target = (backend.address, backend.port);
        Dial { address, port, target, pod, server_node, via: None, way, because, unowned: None }
    }

    /// A published port on the pod's host; or a private address, which means something on the client's own host only.
    fn dial_of_host(&self, client: u32, backend: Backend, because: RecordId) -> Dial {
        let client = &self.clients[client as usize];
        let Backend { pod, address, port } = backend;
        let host = self.pods[pod.index()].node.expect("a dialled container has a host");
        if address != self.model.topology.node(host).address {
            return self.dial_private(client.node, backend, because);
        }
        let way = match client.client {
            Client::Pod(_) if client.node == host => Way::PublishedOnOwnHost,
            Client::Pod(_) => Way::PublishedFromContainer,
            Client::Node(_) | Client::None => Way::PublishedFromNode,
        };
        let target = (address, port);
        Dial { address, port, target, pod: None, server_node: host, via: None, way, because, unowned: None }
    }

    /// A host-private address (A3): the container of the client's own host that has it, or nobody.
    fn dial_private(&self, node: NodeId, backend: Backend, because: RecordId) -> Dial {
        let Backend { pod: meant, address, port } = backend;
        let local = self.pods.iter().position(|pod| {
            pod.node == Some(node) && pod.address == Some(address) && pod.state != super::state::PodState::Gone
        });
        let unowned = local.is_none().then_some(self.pods[meant.index()].record);
        let pod = local.map(PodId::from_index);
        let target = (address, port);
        Dial { address, port, target, pod, server_node: node, via: None, way: Way::Direct, because, unowned }
    }

    /// Opens the connection: a local port, the record, the first SYN.
    fn dial(&mut self, request: u32, dial: Dial) {
        let Request { source, number, client, record, demand, .. } = self.requests[request].clone();
        let table = self.port_table(client, dial.address, dial.port);
        let Some(local_port) = self.port_tables[table as usize].allocate() else {
            return self.end_request(request, Outcome::AddressNotAvailable, None, 0);
        };
        let now = self.agenda.now();
        let body = Body::ConnectionOpened {
            source: SourceId(source),
            number,
            client_port: local_port,
            address: dial.address,
            port: dial.port,
            pod: dial.pod,
            via: dial.via,
            translations: translations(dial.way),
        };
        let opened = self.journal.write(now, record, dial.because, body);
        let connection = self.connections.insert(Connection {
            request: Some(request),
            source,
            number,
            demand,
            client,
            client_node: self.clients[client as usize].node,
            server_node: dial.server_node,
            via: dial.via,
            pod: dial.pod,
            target: dial.target.0,
            port: dial.port,
            target_port: dial.target.1,
            client_end: ClientEnd::SynSent,
            server_end: ServerEnd::None,
            client_attempt: 0,
            server_attempt: 0,
            request_arrived: false,
            arp_at_client: dial.unowned.is_some(),
            freed: false,
            in_flight: 0,
            local_port,
            port_table: table,
            flow: self.sources[source as usize].key.spread(number),
            transmissions: [0; SegmentKind::ALL.len()],
            record: opened,
            because: dial.unowned.unwrap_or(0),
            sent: now,
            server_sent: now,
            established: now,
            base_timeout: retransmission::base_timeout(SimDuration::ZERO),
            client_timer: None,
            server_timer: None,
            connect_deadline: None,
            arp_timer: None,
            service: None,
        });
        self.requests[request].connection = Some(connection);
        if self.connections.live() > self.model.limits.connections as usize {
            self.reach_limit(u64::from(self.model.limits.connections));
        }
        self.begin_handshake(connection, dial);
    }

    /// A SYN leaves at once, unless ARP for its first hop or target must fail first.
    fn begin_handshake(&mut self, connection: u32, dial: Dial) {
        let Connection { client_node, .. } = self.connections[connection];
        let target = dial.via.unwrap_or(dial.server_node);
        let down = !self.nodes[target.index()].up;
        let cold = down && self.model.topology.fabric() == Fabric::L2 && !self.neighbour_fresh(client_node, target);
        if cold {
            self.connections[connection].because = self.nodes[target.index()].power_record;
            self.connections[connection].arp_at_client = true;
        }
        if !self.connections[connection].arp_at_client {
            return self.start_handshake(connection);
        }
        self.start_connect_deadline(connection);
        let wait = super::server_tcp::ARP_TIMEOUT;
        let timer = self.agenda.arm(wait, EventClass::Transport, Timer::ArpFailed { connection });
        self.connections[connection].arp_timer = Some(timer);
    }

    /// Whether a node still has a neighbour entry for another one that it talked to.
    fn neighbour_fresh(&mut self, from: NodeId, to: NodeId) -> bool {
        let Some(&confirmed) = self.neighbours.get(&(from, to)) else { return false };
        let key = self.nodes[from.index()].key;
        let draw = self.draws.once(key, "neighbour-reachable", 0);
        let reachable = REACHABLE_MIN + SimDuration::from_nanos(below(draw, REACHABLE_SPREAD.as_nanos()));
        self.agenda.now() < confirmed + reachable + NEIGHBOUR_PROBING
    }

    /// On a shared segment, an answer confirms the neighbour entry.
    pub(super) fn confirm_neighbour(&mut self, from: NodeId, to: NodeId) {
        if self.model.topology.fabric() == Fabric::L2 && from != to {
            self.neighbours.insert((from, to), self.agenda.now());
        }
    }

    /// REJECT on the client's own node: refused at once, as a non-blocking client sees it (C.3).
    fn rejected(&mut self, request: u32, address: IpAddr, port: u16, because: RecordId) {
        let Request { source, number, record, .. } = self.requests[request];
        let now = self.agenda.now();
        let body = Body::ConnectionOpened {
            source: SourceId(source),
            number,
            client_port: 0,
            address,
            port,
            pod: None,
            via: None,
            translations: 0,
        };
        let opened = self.journal.write(now, record, because, body);
        let outcome = Outcome::ConnectionRefused;
        self.journal.write(now, opened, because, Body::ConnectionClosed { source: SourceId(source), number, outcome });
        self.end_request(request, outcome, None, because);
    }

    fn port_table(&mut self, client: u32, address: IpAddr, port: u16) -> u32 {
        let state = &mut self.clients[client as usize];
        if let Some(table) = state.ports.get(&(address, port)) {
            return *table;
        }
        let (local, owner) = (state.address, state.client);
        let range = self.model.transport.ip_local_port_range;
        let node = &self.model.topology.node(state.node).name;
        let key = EntityKey::of(&format!("{node}/{local}>{address}:{port}"));
        let start = self.draws.once(key, "ephemeral-port", 0);
        let tables = &mut self.port_tables;
        let table = *self.port_table_of.entry((owner, address, port)).or_insert_with(|| {
            tables.push(EphemeralPorts::new(range, start));
            u32::try_from(tables.len() - 1).expect("destinations number below 2^32")
        });
        self.clients[client as usize].ports.insert((address, port), table);
        table
    }

    fn pick_draw(&mut self, source: u32, number: u64) -> u64 {
        let state = &mut self.sources[source as usize];
        let users = state.users.len() as u64;
        match number.checked_rem(users) {
            None => self.draws.read(&mut state.picks, number),
            Some(user) => {
                let user = &mut state.users[usize::try_from(user).expect("users fit memory")];
                self.draws.read(&mut user.picks, number / users)
            }
        }
    }

    fn front_draw(&mut self, source: u32, number: u64) -> u64 {
        let state = &mut self.sources[source as usize];
        let users = state.users.len() as u64;
        match number.checked_rem(users) {
            None => self.draws.read(&mut state.fronts, number),
            Some(user) => {
                let user = &mut state.users[usize::try_from(user).expect("users fit memory")];
                self.draws.read(&mut user.fronts, number / users)
            }
        }
    }

    /// The Service's algorithm, or what the proxy mode does by itself.
    fn algorithm_of(&self, port: ServicePortId) -> &'static str {
        let service = self.model.service(self.model.service_port(port).service);
        find(BALANCERS, &service.algorithm).map_or(
            match self.model.cluster.proxy_mode {
                ProxyMode::Iptables => "iptables-random",
                ProxyMode::Nftables => "nftables-random",
            },
            |spec| spec.name,
        )
    }

    /// The workload whose service times a source's requests take: the first one behind its target.
    pub(super) fn wanted_workload(&self, source: u32) -> Option<WorkloadId> {
        match self.model.sources[source as usize].to {
            Target::Service(port) => self.model.service_port(port).backends.first().map(|(workload, _)| *workload),
            Target::Pod { workload, .. } => Some(workload),
        }
    }

    /// True when a source means this workload.
    pub(super) fn is_wanted(&self, source: u32, workload: WorkloadId) -> bool {
        match self.model.sources[source as usize].to {
            Target::Service(port) => {
                self.model.service_port(port).backends.iter().any(|(backend, _)| *backend == workload)
            }
            Target::Pod { workload: wanted, .. } => wanted == workload,
        }
    }
}

/// To an address that the client's own node has no rule for: the packet leaves, and nothing comes back.
fn dial_into_nothing(node: NodeId, dialled: (IpAddr, u16), because: RecordId) -> Dial {
    let (address, port) = dialled;
    let way = Way::Direct;
    Dial { address, port, target: dialled, pod: None, server_node: node, via: None, way, because, unowned: None }
}

fn new_balancer(name: &str) -> Box<dyn crate::balancing::LoadBalancer> {
    let spec = find(BALANCERS, name).expect("a valid model names registered algorithms only");
    (spec.build)(&Arguments::default()).expect("algorithms of today have no required parameter")
}
