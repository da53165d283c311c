//! From a request to a first SYN: which address a client dials, which pod stands behind it, which way it goes.

use std::net::IpAddr;

use super::World;
use super::attempts::is_left_out;
use super::choices::{asked_of_nobody, asked_with_key, own_key};
use super::node_rules::Choice;
use super::path_draws::Purpose;
use super::resting::End;
use super::traffic::{Aim, ClientEnd, ClientState, Connection, Exchange, ServerEnd};
use crate::control::versions::Backend;
use crate::dataplane::translation::{Way, translations};
use crate::kernel::draws::{Decision, below};
use crate::model::application::Target;
use crate::model::call::Connections;
use crate::model::ids::{NodeId, PodId, ServicePortId, SourceId, WorkloadId};
use crate::model::settings::{AddressModelKind, Discovery};
use crate::trace::fields::Client;
use crate::trace::words::Outcome;
use crate::trace::{Body, RecordId};

/// Where a client's SYN goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dial {
    /// Address and port that the client dials.
    pub dialled: (IpAddr, u16),
    /// Address and port at the pod, after translation.
    pub target: (IpAddr, u16),
    /// The pod chosen, unless the far node decides.
    pub pod: Option<PodId>,
    pub server_node: NodeId,
    pub via: Option<NodeId>,
    pub way: Way,
    /// The list or rule version that chose.
    pub because: RecordId,
    /// Nobody answers ARP for the address; why.
    pub unowned: Option<RecordId>,
    /// The client's own rules reject it, which it is not told.
    pub undecided: bool,
}

impl Dial {
    /// To whoever has an address, as it is, on a node.
    pub(super) fn to(dialled: (IpAddr, u16), server_node: NodeId, way: Way) -> Self {
        let target = dialled;
        Self { dialled, target, pod: None, server_node, via: None, way, because: 0, unowned: None, undecided: false }
    }
}

/// Where an address leads that is dialled as such.
#[derive(Clone, Copy, Debug)]
pub(super) enum Resolution {
    Dial(Dial),
    /// To a Service, through its clusterIP.
    Service(ServicePortId),
    /// The client's own node ends the attempt at once.
    Rejected(Outcome),
}

impl World {
    /// An attempt looks for an address, which may take a lookup, then for a connection to it.
    pub(super) fn connect(&mut self, exchange: u32) {
        if !self.waits_for_name(exchange) {
            self.connect_by_address(exchange);
        }
    }

    /// An attempt whose client knows what there is to know.
    pub(super) fn connect_by_address(&mut self, exchange: u32) {
        match self.aim(exchange) {
            Ok(aim) => {
                if self.paths[self.exchanges[exchange].source as usize].notes_aims {
                    self.exchanges[exchange].extras().aim = Some(aim);
                }
                if self.loads.is_some() {
                    self.count_request(exchange, aim);
                }
                if self.connections_of(exchange).pool > 0 {
                    self.use_pool(exchange, aim);
                } else {
                    self.dial(exchange, aim);
                }
            }
            Err((outcome, because)) => self.attempt_ends(exchange, outcome, None, because),
        }
    }

    /// How the client of an attempt makes and keeps connections.
    pub(super) fn connections_of(&self, exchange: u32) -> &Connections {
        &self.model.call_of(SourceId(self.exchanges[exchange].source)).connections
    }

    /// The address that an attempt is meant for, or why there is none.
    fn aim(&mut self, exchange: u32) -> Result<Aim, (Outcome, RecordId)> {
        let Exchange { source, number, attempt, client, .. } = self.exchanges[exchange];
        let port = match self.target_of_request(source, number) {
            Target::Service(port) => port,
            Target::Services { .. } | Target::Pod { .. } => return self.aim_at_list(source, number, attempt, client),
            Target::Address { address, port } => return Ok(Aim::Address { address: (address, port) }),
        };
        if let Some(aim) = self.aim_at_load_balancer(source, client) {
            return aim;
        }
        if self.proxied.any
            && let Some(upstreams) = self.model.call_of(SourceId(source)).upstreams
        {
            return self.aim_at_upstream(exchange, upstreams);
        }
        if self.model.address_model == AddressModelKind::FlatPodIp {
            if self.clients[client as usize].is_outside {
                return self.aim_at_node_port(source, number, attempt, port);
            }
            if matches!(self.model.discovery, Discovery::Service) && !self.is_headless(Target::Service(port)) {
                return self.aim_at_cluster_ip(client, port);
            }
        }
        self.aim_at_list(source, number, attempt, client)
    }

    fn aim_at_cluster_ip(&self, client: u32, port: ServicePortId) -> Result<Aim, (Outcome, RecordId)> {
        let service_port = self.service_ports.of(port);
        if let Some(deleted) = self.deleted_service(service_port.service) {
            return Err((Outcome::DnsError, deleted));
        }
        let Some(address) = self.known_cluster_ip(client, port) else { return Err((Outcome::NoAddress, 0)) };
        let address = (address, service_port.port);
        if self.is_ejected(client, address) {
            return Err((Outcome::CircuitOpen, 0));
        }
        Ok(Aim::ClusterIp { port, address })
    }

    /// The client takes any node, whose kube-proxy chooses when the SYN reaches it.
    fn aim_at_node_port(
        &mut self,
        source: u32,
        number: u64,
        attempt: u8,
        port: ServicePortId,
    ) -> Result<Aim, (Outcome, RecordId)> {
        let Some(node_port) = self.written_node_ports[port.index()] else { return Err((Outcome::NoAddress, 0)) };
        let draw = self.draw_of(source, number, attempt, Purpose::Front);
        let place = usize::try_from(below(draw, self.fronts.len() as u64)).expect("a place in a table");
        let front = self.fronts[place];
        Ok(Aim::NodePort { front, address: (self.model.topology.node(front).address, node_port) })
    }

    /// From the client's own list of addresses, without those that it leaves out for their failures.
    fn aim_at_list(&mut self, source: u32, number: u64, attempt: u8, client: u32) -> Result<Aim, (Outcome, RecordId)> {
        let draw = self.draw_of(source, number, attempt, Purpose::Pick);
        self.join_list(client);
        let now = self.agenda.now();
        let ClientState { edge, address, list, list_record, balancer, health, .. } = &mut self.clients[client as usize];
        let because = *list_record;
        let group = balancer.as_mut().or_else(|| self.shared_groups.of_mut(*edge, list));
        let Some(group) = group.filter(|_| !list.is_empty()) else { return Err((Outcome::NoAddress, because)) };
        let asked = if group.asks_who() {
            let destination = match self.model.call_of(SourceId(source)).to {
                Target::Service(port) => self.cluster_ips[self.model.service_port(port).service.index()],
                Target::Services { .. } | Target::Pod { .. } | Target::Address { .. } => None,
            };
            let key = own_key(&self.paths, (source, number, attempt));
            asked_with_key(&self.model, now, key, *address, destination.unwrap_or(*address))
        } else {
            asked_of_nobody(now, *address)
        };
        let picked = group.pick(&asked, &mut Decision::new(&self.draws, draw));
        let Some(place) = picked else { return Err((Outcome::NoAddress, because)) };
        if health.is_empty() && group.takes(place) {
            return Ok(Aim::Listed { backend: list[place], because });
        }
        let is_ejected = |it: &Backend| is_left_out(health.get(&(it.address, it.port)), now);
        let mut from_there = (place..list.len()).chain(0..place).filter(|place| group.takes(*place));
        let healthy = from_there.find(|place| !is_ejected(&list[*place]));
        healthy.map(|place| Aim::Listed { backend: list[place], because }).ok_or((Outcome::CircuitOpen, because))
    }

    /// Opens a connection for an attempt.
    pub(super) fn dial(&mut self, exchange: u32, aim: Aim) {
        let client = self.exchanges[exchange].client;
        match aim {
            Aim::ClusterIp { port, address } => self.dial_cluster_ip(exchange, port, address),
            Aim::Address { address } => match self.resolve_address(client, address) {
                Resolution::Dial(dial) => self.open(exchange, dial),
                Resolution::Service(port) => self.dial_cluster_ip(exchange, port, address),
                Resolution::Rejected(Outcome::ConnectionRefused) => self.reject_by_rule(exchange, address, 0),
                Resolution::Rejected(outcome) => self.rejected(exchange, address, outcome, 0),
            },
            Aim::LoadBalancer { address } => self.dial_load_balancer(exchange, address),
            Aim::NodePort { front, address } => {
                let Exchange { source, number, .. } = self.exchanges[exchange];
                let port = self.dialled_service_port(source, number);
                let kept = port.is_some_and(|port| self.keeps_sources(port));
                let dial = Dial {
                    dialled: address,
                    target: address,
                    pod: None,
                    server_node: front,
                    via: Some(front),
                    way: if kept { Way::NodePortKept } else { Way::NodePort },
                    because: 0,
                    unowned: None,
                    undecided: false,
                };
                self.open(exchange, dial);
            }
            Aim::Listed { backend, because } => {
                let dial = match self.model.address_model {
                    AddressModelKind::FlatPodIp => self.dial_of_pod(backend, aim.dialled(), Way::Direct, because),
                    AddressModelKind::PortMapping => self.dial_of_host(client, backend, because),
                };
                self.open(exchange, dial);
            }
        }
    }

    /// Through the clusterIP: the client's own node chooses.
    fn dial_cluster_ip(&mut self, exchange: u32, port: ServicePortId, address: (IpAddr, u16)) {
        let Exchange { source, number, attempt, client, .. } = self.exchanges[exchange];
        let node = self.clients[client as usize].node;
        if self.sends_datagrams(source)
            && let Some(dial) = self.dial_along_flow(exchange, node, address)
        {
            return self.open(exchange, dial);
        }
        if let Some(because) = self.rules_unknown_on(node, port) {
            return self.open(exchange, dial_into_nothing(node, address, Way::Direct, because));
        }
        let from = if self.sends_datagrams(source) { None } else { self.next_virtual_client(client, address) };
        let approach = self.approach_from_inside(client, from);
        let (choice, because) = self.choose_endpoint(node, port, approach, (source, number, attempt));
        let dial = match choice {
            Choice::Endpoint(backend) => {
                self.dial_of_pod(backend, address, self.way_through_cluster_ip(client, backend), because)
            }
            Choice::Rejected => return self.reject_by_rule(exchange, address, because),
            Choice::Dropped => dial_into_nothing(node, address, Way::Dropped, because),
        };
        self.open(exchange, dial);
    }

    /// How a client's own node leads it through a clusterIP to a pod.
    pub(super) fn way_through_cluster_ip(&self, client: u32, backend: Backend) -> Way {
        let client = &self.clients[client as usize];
        let hairpin = client.pod == Some(backend.pod);
        match (matches!(client.client, Client::Node(_)), hairpin) {
            (true, _) => Way::ClusterIpFromNode,
            (false, true) => Way::ClusterIpToItself,
            (false, false) => Way::ClusterIpFromPod,
        }
    }

    pub(super) fn dial_of_pod(&self, backend: Backend, dialled: (IpAddr, u16), way: Way, because: RecordId) -> Dial {
        let server_node = self.pods[backend.pod.index()].node.expect("a dialled pod has a node");
        let target = (backend.address, backend.port);
        Dial { target, pod: Some(backend.pod), because, ..Dial::to(dialled, server_node, way) }
    }

    /// A published port on the pod's host; or a private address, which means something on the client's own host only.
    fn dial_of_host(&self, client: u32, backend: Backend, because: RecordId) -> Dial {
        let client = &self.clients[client as usize];
        let Backend { pod, address, port } = backend;
        let host = self.pods[pod.index()].node.expect("a dialled container has a host");
        if address != self.model.topology.node(host).address {
            return self.dial_private(client, (address, port), self.pods[pod.index()].record, because);
        }
        let dialled = (address, port);
        let way = self.way_to_published(client, host, dialled);
        Dial { because, ..Dial::to(dialled, host, way) }
    }

    /// A host-private address (A3): the container of the client's own host that has it, or nobody; `meant` is the record
    /// that explains why the container it was meant for is not here.
    pub(super) fn dial_private(
        &self,
        client: &ClientState,
        (address, port): (IpAddr, u16),
        meant: RecordId,
        because: RecordId,
    ) -> Dial {
        let node = client.node;
        if self.is_isolated(client, address) {
            return dial_into_nothing(node, (address, port), Way::Dropped, because);
        }
        let local = self.pod_at(node, address);
        let unowned = local.is_none().then_some(meant);
        let way = if unowned.is_some() { Way::Unowned } else { Way::Direct };
        let dialled = (address, port);
        Dial { pod: local, because, unowned, ..Dial::to(dialled, node, way) }
    }

    /// Opens the connection: a local port, the record, the first SYN.
    pub(super) fn open(&mut self, exchange: u32, dial: Dial) {
        let Exchange { source, number, attempt, client, record, .. } = self.exchanges[exchange];
        if self.sends_datagrams(source) {
            return self.open_datagrams(exchange, dial);
        }
        let table = self.port_table(client, dial.dialled);
        let Some(local_port) = self.take_local_port(table) else {
            return self.attempt_ends(exchange, Outcome::AddressNotAvailable, None, 0);
        };
        let opened = self.write_opened((source, number, record), local_port, dial);
        let connection = self.new_connection(exchange, dial, opened);
        let flow = self.flow_of((source, number, attempt));
        let state = &mut self.connections[connection];
        state.local_port = local_port;
        state.port_table = table;
        state.flow = flow;
        self.join_pool(connection);
        self.assign(exchange, connection);
        self.rules_lead(connection);
        if !dial.undecided {
            self.tell_dial(connection);
        }
        self.begin_handshake(connection, dial);
    }

    /// What chooses among equal-cost ways, where there are any, and among the upstreams of a proxy, for an attempt's connection.
    pub(super) fn flow_of(&self, of: (u32, u64, u8)) -> u64 {
        if self.routes.have_choices() || self.proxied.any { self.own_key(of) } else { 0 }
    }

    pub(super) fn write_opened(&mut self, of: (u32, u64, RecordId), client_port: u16, dial: Dial) -> RecordId {
        let (source, number, record) = of;
        let body = Body::ConnectionOpened {
            source: SourceId(source),
            number,
            client_port,
            address: dial.dialled.0,
            port: dial.dialled.1,
            pod: dial.pod,
            via: dial.via,
            translations: translations(dial.way),
        };
        self.journal.write(self.agenda.now(), record, dial.because, body)
    }

    pub(super) fn new_connection(&mut self, exchange: u32, dial: Dial, opened: RecordId) -> u32 {
        if self.connections.live() + self.kept.resting.live() >= self.model.limits.connections as usize {
            self.reach_limit(u64::from(self.model.limits.connections));
        }
        let now = self.agenda.now();
        let pooled = self.connections_of(exchange).pool > 0;
        let Exchange { source, number, attempt, client, .. } = self.exchanges[exchange];
        let connection = self.connections.insert(Connection {
            source,
            number,
            attempt,
            client,
            client_node: self.clients[client as usize].node,
            server_node: dial.server_node,
            via: dial.via,
            way: dial.way,
            pod: dial.pod,
            target: dial.target.0,
            target_port: dial.target.1,
            client_end: ClientEnd::SynSent,
            server_end: ServerEnd::None,
            client_attempt: 0,
            server_attempt: 0,
            reserved: false,
            pooled,
            in_pool: false,
            pool: 0,
            listed: false,
            retired: !pooled,
            arp_at_client: dial.unowned.is_some(),
            undecided: dial.undecided,
            soft_error: false,
            holds_acknowledgement: false,
            freed: false,
            datagrams: false,
            exchanges: None,
            active: 0,
            working: 0,
            requests: 0,
            in_flight: 0,
            local_port: 0,
            port_table: 0,
            flow: 0,
            record: opened,
            because: if dial.undecided { dial.because } else { dial.unowned.unwrap_or(0) },
            sent: now,
            established: now,
            heard: now,
            round_trip: 0,
            client_timer: None,
            server_timer: None,
            patience: None,
            extras: None,
        });
        self.wires.connection_begins(connection);
        connection
    }

    /// Connections of a kind that end somewhere, the oldest first: whatever else their places in the table tell, no order may
    /// come of it.
    pub(super) fn connections_at(&mut self, end: End, are_meant: impl Fn(&Connection) -> bool) -> Vec<u32> {
        self.wake_at(end);
        self.busy_connections_that(|it| end.is_of(it.client, it.pod, it.server_node) && are_meant(it))
    }

    /// The same where all that are meant have something under way, so that none of them rests.
    pub(super) fn busy_connections_that(&self, are_meant: impl Fn(&Connection) -> bool) -> Vec<u32> {
        let is_meant = |connection: &u32| {
            let state = &self.connections[*connection];
            !state.freed && are_meant(state)
        };
        let mut found: Vec<u32> = self.connections.numbers().filter(is_meant).collect();
        found.sort_unstable_by_key(|connection| self.connections[*connection].record);
        found
    }

    /// A SYN leaves at once, unless nobody answers the client's own ARP.
    fn begin_handshake(&mut self, connection: u32, dial: Dial) {
        if dial.unowned.is_none() {
            return self.start_handshake(connection);
        }
        self.start_connect_deadline(connection);
        let Connection { client, client_node, target, .. } = self.connections[connection];
        let asker = self.clients[client as usize].address;
        if let Some(until) = self.resolve_neighbour((client_node, asker, target), None) {
            self.wait_for_arp(connection, until);
        }
    }

    /// True when a request of a path means this workload.
    pub(super) fn is_wanted(&self, (source, number): (u32, u64), workload: WorkloadId) -> bool {
        match self.target_of_request(source, number) {
            Target::Services { .. } => false,
            Target::Service(port) => self.service_ports.leads_to(&self.model, port, workload),
            Target::Pod { workload: wanted, .. } => wanted == workload,
            // Whoever answers at an address is the one that was meant.
            Target::Address { .. } => true,
        }
    }
}

/// To an address that the client's own node has no rule for: the packet leaves, and nothing comes back. Or to one that it
/// drops packets to.
pub(super) fn dial_into_nothing(node: NodeId, dialled: (IpAddr, u16), way: Way, because: RecordId) -> Dial {
    Dial { because, ..Dial::to(dialled, node, way) }
}
