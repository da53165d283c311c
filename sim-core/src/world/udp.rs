//! UDP: a request is one datagram and its answer another. There is no handshake and no retransmission, and a socket's
//! buffer drops what finds no room in it; an attempt is a [`Connection`] that both ends take as open, so that balancing,
//! servers and records are those of TCP.

use std::net::IpAddr;

use super::World;
use super::connect::{Dial, dial_into_nothing};
use super::network::TO_CLIENT;
use super::server_tcp::Listener;
use super::state::Waiting;
use super::traffic::{Aim, ClientEnd, Connection, Exchange, ServerEnd, ServerSide};
use super::udp_conntrack::UdpFlows;
use super::udp_sockets::UdpSockets;
use crate::control::versions::Backend;
use crate::dataplane::translation::Way;
use crate::model::Model;
use crate::model::ids::{NodeId, PodId, SourceId};
use crate::trace::words::{DropReason, End, Outcome, SegmentKind};
use crate::trace::{Body, RecordId};

/// What the world knows of UDP alone.
#[derive(Clone, Debug)]
pub(super) struct Udp {
    /// Entries on the nodes that choose.
    pub flows: UdpFlows,
    /// Sockets of clients.
    pub sockets: UdpSockets,
}

impl Udp {
    /// Nothing has been sent.
    pub(super) fn new(model: &Model) -> Self {
        Self { flows: UdpFlows::default(), sockets: UdpSockets::new(model) }
    }
}

impl World {
    /// Where a living entry of the client's own node leads an attempt that dials a clusterIP.
    pub(super) fn dial_along_flow(&mut self, exchange: u32, node: NodeId, dialled: (IpAddr, u16)) -> Option<Dial> {
        let client = self.exchanges[exchange].client;
        let port = self.socket(exchange, dialled)?;
        let (backend, record) = self.follow_flow(self.flow_key(node, client, port, dialled))?;
        Some(match backend {
            Some(backend) => self.dial_of_pod(backend, dialled, self.way_through_cluster_ip(client, backend), record),
            None => dial_into_nothing(node, dialled, Way::Direct, record),
        })
    }

    /// An attempt has a socket and sends its datagram.
    #[cold]
    pub(super) fn open_datagrams(&mut self, exchange: u32, dial: Dial) {
        let Exchange { source, number, client, record, .. } = self.exchanges[exchange];
        let Some(local_port) = self.socket(exchange, dial.dialled) else {
            return self.attempt_ends(exchange, Outcome::AddressNotAvailable, None, 0);
        };
        let opened = self.write_opened((source, number, record), local_port, dial);
        let connection = self.new_connection(exchange, dial, opened);
        let port_table = self.port_table(client, dial.dialled);
        let flow = self.clients[client as usize].key.spread(u64::from(local_port));
        let state = &mut self.connections[connection];
        state.datagrams = true;
        (state.port_table, state.local_port) = (port_table, local_port);
        state.flow = flow;
        self.assign(exchange, connection);
        self.connections[connection].client_end = ClientEnd::Established;
        self.exchanges[exchange].sent = true;
        self.exchanges[exchange].sent_at = self.agenda.now();
        if dial.undecided {
            return self.lose_datagram(exchange, DropReason::IcmpLimit, dial.because);
        }
        if dial.way == Way::Dropped {
            return self.lose_datagram(exchange, DropReason::NoLocalEndpoint, dial.because);
        }
        // Nobody answers ARP for it; the error that follows is none that a UDP socket is told.
        if let Some(because) = dial.unowned {
            return self.lose_datagram(exchange, DropReason::NoHost, because);
        }
        self.keep_choice(exchange, connection, dial);
        self.send_of_exchange(exchange, SegmentKind::Request, 0);
    }

    /// The client's own node remembers what its rules chose.
    fn keep_choice(&mut self, exchange: u32, connection: u32, dial: Dial) {
        let Some(Aim::ClusterIp { port, .. }) = self.exchanges[exchange].aim() else { return };
        let Connection { client, client_node, local_port, .. } = self.connections[connection];
        let key = self.flow_key(client_node, client, local_port, dial.dialled);
        if self.follow_flow(key).is_some() {
            return;
        }
        let (address, target_port) = dial.target;
        let backend = dial.pod.map(|pod| Backend { pod, address, port: target_port });
        self.open_flow(client_node, connection, backend, port, dial.because);
    }

    /// A datagram ends here; its exchange remembers why.
    fn lose_datagram(&mut self, exchange: u32, reason: DropReason, because: RecordId) {
        let Exchange { source, number, connection, .. } = self.exchanges[exchange];
        let connection = connection.expect("a datagram that was sent has an exchange of datagrams");
        let state = &mut self.connections[connection];
        if because != 0 {
            state.because = because;
        }
        let record = state.record;
        let segment = SegmentKind::Request;
        let body =
            || Body::SegmentDropped { source: SourceId(source), number, segment, reason, to: End::Server, packet: 0 };
        self.journal.write_segment(self.agenda.now(), record, because, body);
    }

    /// A datagram reaches the node that it was sent to.
    #[cold]
    pub(super) fn datagram_received(&mut self, node: NodeId, exchange: u32, connection: u32) {
        match self.listener(node, connection) {
            Listener::Listens(pod) => self.take_datagram(pod, exchange, connection),
            Listener::Refuses(because) if !self.tells_client_of(node, connection) => {
                self.lose_datagram(exchange, DropReason::IcmpLimit, because);
            }
            Listener::Refuses(because) => {
                self.connections[connection].because = because;
                self.send(node, connection, SegmentKind::PortUnreachable, 0, TO_CLIENT);
            }
            // ARP fails, and its error is none that a UDP socket is told (`udp_err`: only hard ones).
            Listener::NoHost(because) | Listener::Silent(because) => {
                self.lose_datagram(exchange, DropReason::NoHost, because);
            }
        }
    }

    /// The socket's buffer takes a datagram; it holds as many as the backlog would connections.
    fn take_datagram(&mut self, pod: PodId, exchange: u32, connection: u32) {
        if self.is_accept_queue_full(pod) {
            return self.lose_datagram(exchange, DropReason::BacklogFull, self.hang_record(pod));
        }
        let now = self.agenda.now();
        let state = &mut self.connections[connection];
        state.pod = Some(pod);
        state.established = now;
        state.server_end = ServerEnd::Queued;
        self.take_request(connection, exchange);
        let server = &mut self.pods[pod.index()].server;
        server.queue.push_back(Waiting::Connection(connection));
        server.unaccepted += 1;
        self.put_to_work(pod);
    }

    /// The answer leaves, and the server knows nothing more of it.
    #[cold]
    pub(super) fn send_answer(&mut self, exchange: u32, connection: u32) {
        self.exchanges[exchange].server_side = ServerSide::Done;
        self.send_of_exchange(exchange, SegmentKind::Response, 0);
        self.connections[connection].server_end = ServerEnd::Closed;
        self.loose.exchanges.push(exchange);
        self.loose.connections.push(connection);
    }

    /// Something of an exchange comes back through the node that forwarded its datagram.
    pub(super) fn front_passes_answer(&mut self, node: NodeId, connection: u32, kind: SegmentKind) {
        if kind == SegmentKind::Response {
            self.flow_answers(node, connection);
        }
    }

    /// An answer reaches the client; one that nobody waits for is thrown away.
    pub(super) fn answer_received(&mut self, exchange: u32, connection: u32) {
        let node = self.connections[connection].client_node;
        self.flow_answers(node, connection);
        if self.connections[connection].client_end == ClientEnd::Closed || self.exchanges[exchange].request.is_none() {
            return;
        }
        self.answer_ends(exchange, connection);
        self.close_datagrams(connection);
    }

    /// The client waits for no answer any more.
    pub(super) fn close_datagrams(&mut self, connection: u32) {
        let Connection { client, source, number, attempt, .. } = self.connections[connection];
        self.connections[connection].client_end = ClientEnd::Closed;
        self.loose.connections.push(connection);
        self.close_socket_of_attempt((client, source, number, attempt), self.dialled_by(connection));
    }
}
