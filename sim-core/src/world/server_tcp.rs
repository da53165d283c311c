//! The server's end of TCP and the pod's request queue: accept, serve, answer, close.

use super::World;
use super::event::{Event, Timer};
use super::network::{Packet, TO_CLIENT};
use super::state::{ClientEnd, Connection, PodState, ServerEnd};
use crate::kernel::queue::EventClass;
use crate::kernel::time::SimDuration;
use crate::model::ids::{NodeId, PodId, SourceId};
use crate::model::settings::AddressModelKind;
use crate::trace::words::{DropReason, SegmentKind};
use crate::trace::{Body, RecordId};
use crate::transport::segment::Train;
use crate::transport::{retransmission, syn};

/// How long ARP tries before its packets are given up (E10: 3 probes, 1 s apart).
pub(super) const ARP_TIMEOUT: SimDuration = SimDuration::from_secs(3);

/// What a SYN finds at the address it was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listener {
    /// Processes that listen.
    Listens(PodId),
    /// Nobody listens: the kernel answers with a reset.
    Refuses(RecordId),
    /// Nobody owns the address: ARP fails.
    NoHost(RecordId),
    /// Nothing comes back.
    Silent(RecordId),
}

impl World {
    /// A packet reaches the server's node.
    pub(super) fn server_receives(&mut self, node: NodeId, packet: Packet) {
        let connection = packet.connection;
        match packet.kind {
            SegmentKind::Syn => self.syn_received(node, packet),
            SegmentKind::HandshakeAck => self.handshake_done(connection),
            SegmentKind::Request => self.request_received(node, connection),
            SegmentKind::ClientFin => self.client_fin_received(node, connection),
            SegmentKind::FinalAck => self.close_server(connection),
            SegmentKind::Reset => self.server_reset(connection),
            // These go the other way.
            SegmentKind::SynAck
            | SegmentKind::RequestAck
            | SegmentKind::Response
            | SegmentKind::ServerFin
            | SegmentKind::PortUnreachable
            | SegmentKind::HostUnreachable
            | SegmentKind::EarlyFin => {}
        }
    }

    fn syn_received(&mut self, node: NodeId, packet: Packet) {
        let connection = packet.connection;
        match self.connections[connection].server_end {
            // A socket that died before the handshake was done leaves nothing: the SYN finds whoever listens now.
            ServerEnd::None | ServerEnd::Closed => {}
            // The kernel answers a repeated SYN; the SYN-ACK's own timer stays as it is.
            ServerEnd::SynReceived => {
                let attempt = self.connections[connection].server_attempt;
                return self.send(node, connection, SegmentKind::SynAck, attempt, TO_CLIENT);
            }
            ServerEnd::Queued
            | ServerEnd::Serving
            | ServerEnd::Responded
            | ServerEnd::LastAck
            | ServerEnd::Farewell => return,
        }
        match self.listener(node, connection) {
            Listener::Listens(pod) => self.take_syn(pod, packet),
            Listener::Refuses(because) => {
                self.connections[connection].because = because;
                self.send(node, connection, SegmentKind::Reset, 0, TO_CLIENT);
            }
            Listener::NoHost(because) => self.start_arp(connection, because),
            Listener::Silent(because) => {
                self.connections[connection].in_flight += 1;
                self.drop_packet(packet, DropReason::NoHost, because);
            }
        }
    }

    /// Starts the handshake unless the accept queue is full: it takes `backlog + 1` connections.
    fn take_syn(&mut self, pod: PodId, packet: Packet) {
        let connection = packet.connection;
        let behaviour = self.model.workload(self.pods[pod.index()].workload).behaviour;
        if self.pods[pod.index()].server.accept_queue.len() > behaviour.backlog as usize {
            self.connections[connection].in_flight += 1;
            return self.drop_packet(packet, DropReason::BacklogFull, 0);
        }
        let now = self.agenda.now();
        let state = &mut self.connections[connection];
        state.pod = Some(pod);
        state.server_end = ServerEnd::SynReceived;
        state.server_attempt = 0;
        state.server_sent = now;
        self.send_syn_ack(connection);
    }

    fn send_syn_ack(&mut self, connection: u32) {
        self.disarm_server(connection);
        let state = &self.connections[connection];
        let (node, attempt) = (state.server_node, state.server_attempt);
        self.arm_server(connection, syn::syn_ack_timeout(u32::from(attempt)), Timer::SynAck { connection });
        self.send(node, connection, SegmentKind::SynAck, attempt, TO_CLIENT);
    }

    /// The SYN-ACK timer fires: another one, or the half-open connection is forgotten (E4).
    pub(super) fn syn_ack_timer(&mut self, connection: u32) {
        let retries = self.model.transport.tcp_synack_retries;
        let state = &mut self.connections[connection];
        state.server_timer = None;
        if u32::from(state.server_attempt) >= retries {
            state.server_end = ServerEnd::None;
            return;
        }
        state.server_attempt += 1;
        self.send_syn_ack(connection);
    }

    fn start_arp(&mut self, connection: u32, because: RecordId) {
        let state = &mut self.connections[connection];
        state.because = because;
        if state.arp_timer.is_none() {
            let timer = self.agenda.arm(ARP_TIMEOUT, EventClass::Transport, Timer::ArpFailed { connection });
            self.connections[connection].arp_timer = Some(timer);
        }
    }

    /// ARP has failed: whoever asked for the address tells the client.
    pub(super) fn arp_failed(&mut self, connection: u32) {
        let state = &mut self.connections[connection];
        state.arp_timer = None;
        if state.client_end != ClientEnd::SynSent {
            return;
        }
        let asker = if state.arp_at_client { state.client_node } else { state.server_node };
        if !self.nodes[asker.index()].up {
            return;
        }
        let state = &self.connections[connection];
        if asker == state.client_node {
            return self.client_receives(Packet {
                connection,
                kind: SegmentKind::HostUnreachable,
                attempt: 0,
                flags: TO_CLIENT,
            });
        }
        self.send(asker, connection, SegmentKind::HostUnreachable, 0, TO_CLIENT);
    }

    fn handshake_done(&mut self, connection: u32) {
        if self.connections[connection].server_end != ServerEnd::SynReceived {
            return;
        }
        let pod = self.connections[connection].pod.expect("a handshake is made with a pod");
        let backlog = self.model.workload(self.pods[pod.index()].workload).behaviour.backlog;
        if self.pods[pod.index()].server.accept_queue.len() > backlog as usize {
            // No room: the kernel drops the ACK, and the SYN-ACK's timer tries again.
            return;
        }
        self.disarm_server(connection);
        let now = self.agenda.now();
        let state = &mut self.connections[connection];
        if state.server_attempt == 0 {
            state.base_timeout = retransmission::base_timeout(now.since(state.server_sent));
        }
        state.established = now;
        state.server_end = ServerEnd::Queued;
        self.pods[pod.index()].server.accept_queue.push_back(connection);
        self.accept(pod);
    }

    /// Free workers of a pod accept waiting connections.
    fn accept(&mut self, pod: PodId) {
        let limit = self.model.workload(self.pods[pod.index()].workload).behaviour.concurrency;
        loop {
            let server = &mut self.pods[pod.index()].server;
            if limit.is_some_and(|limit| server.busy >= limit) {
                return;
            }
            let Some(connection) = server.accept_queue.pop_front() else { return };
            server.busy += 1;
            let state = &mut self.connections[connection];
            state.server_end = ServerEnd::Serving;
            let body = Body::ConnectionAccepted {
                source: SourceId(state.source),
                number: state.number,
                pod,
                established: state.established.as_nanos(),
            };
            self.journal.write(self.agenda.now(), state.record, 0, body);
            if state.request_arrived {
                self.begin_service(connection);
            }
        }
    }

    fn request_received(&mut self, node: NodeId, connection: u32) {
        // The data acknowledges the handshake, should its last segment have been lost.
        self.handshake_done(connection);
        let state = &mut self.connections[connection];
        if matches!(state.server_end, ServerEnd::None | ServerEnd::Closed) {
            return self.answer_without_socket(node, connection);
        }
        if state.server_end == ServerEnd::SynReceived {
            return;
        }
        let first = !state.request_arrived;
        state.request_arrived = true;
        let serving = state.server_end == ServerEnd::Serving;
        self.send(node, connection, SegmentKind::RequestAck, 0, TO_CLIENT);
        if first && serving {
            self.begin_service(connection);
        }
    }

    fn begin_service(&mut self, connection: u32) {
        let done = self.agenda.now().saturating_add(self.connections[connection].demand);
        let event = Event::ServiceDone { connection };
        let id = self.agenda.at_cancellable(done, EventClass::Workload, event);
        self.connections[connection].service = Some(id);
    }

    /// A worker has finished: the response leaves, the worker takes the next connection.
    pub(super) fn service_done(&mut self, connection: u32) {
        let now = self.agenda.now();
        let state = &mut self.connections[connection];
        state.service = None;
        state.server_end = ServerEnd::Responded;
        state.server_attempt = 0;
        state.server_sent = now;
        let pod = state.pod.expect("a served connection has a pod");
        let body = Body::ResponseSent { source: SourceId(state.source), number: state.number, pod };
        self.journal.write(now, state.record, 0, body);
        self.send_server_data(connection, SegmentKind::Response);
        self.pods[pod.index()].server.busy -= 1;
        self.accept(pod);
        self.drain_goes_on(pod);
    }

    fn send_server_data(&mut self, connection: u32, kind: SegmentKind) {
        let state = &self.connections[connection];
        let (node, attempt) = (state.server_node, state.server_attempt);
        let train = self.sources[state.source as usize].response_train;
        let sending = if kind == SegmentKind::Response { self.sending_time(train) } else { SimDuration::ZERO };
        let wait = retransmission::timeout(state.base_timeout, u32::from(attempt)) + sending;
        self.arm_server(connection, wait, Timer::ServerData { connection });
        self.send(node, connection, kind, attempt, TO_CLIENT);
    }

    /// The response or FIN is sent again, or the kernel gives up.
    pub(super) fn server_data_timer(&mut self, connection: u32) {
        let now = self.agenda.now();
        let retries = self.model.transport.tcp_retries2;
        let state = &mut self.connections[connection];
        state.server_timer = None;
        state.server_attempt = state.server_attempt.saturating_add(1);
        let orphaned = u32::from(state.server_attempt) > retransmission::ORPHAN_RETRIES;
        match state.server_end {
            ServerEnd::Responded if now.since(state.server_sent) < retransmission::give_up_after(retries) => {
                self.send_server_data(connection, SegmentKind::Response);
            }
            ServerEnd::LastAck if !orphaned => self.send_server_data(connection, SegmentKind::ServerFin),
            ServerEnd::Farewell if !orphaned => self.send_server_data(connection, SegmentKind::EarlyFin),
            ServerEnd::Responded | ServerEnd::LastAck | ServerEnd::Farewell => self.close_server(connection),
            ServerEnd::None | ServerEnd::SynReceived | ServerEnd::Queued | ServerEnd::Serving | ServerEnd::Closed => {}
        }
    }

    fn client_fin_received(&mut self, node: NodeId, connection: u32) {
        match self.connections[connection].server_end {
            ServerEnd::Responded => {
                self.disarm_server(connection);
                let now = self.agenda.now();
                let state = &mut self.connections[connection];
                state.server_end = ServerEnd::LastAck;
                state.server_attempt = 0;
                state.server_sent = now;
                self.send_server_data(connection, SegmentKind::ServerFin);
            }
            ServerEnd::None | ServerEnd::Closed => self.answer_without_socket(node, connection),
            ServerEnd::Farewell => {
                self.close_server(connection);
                self.send(node, connection, SegmentKind::FinalAck, 0, TO_CLIENT);
            }
            // The client closed before its request came through: a worker would read the end of the stream.
            ServerEnd::Queued | ServerEnd::Serving if !self.connections[connection].request_arrived => {
                self.leave_server(connection);
                self.close_server(connection);
                self.send(node, connection, SegmentKind::FinalAck, 0, TO_CLIENT);
            }
            // A worker has the request and will answer into the closed connection; a lost FIN-ACK has its own timer.
            ServerEnd::SynReceived | ServerEnd::Queued | ServerEnd::Serving | ServerEnd::LastAck => {}
        }
    }

    /// A node that is up but knows no such connection: its kernel ends the matter for the client.
    fn answer_without_socket(&mut self, node: NodeId, connection: u32) {
        let Connection { pod, target, .. } = self.connections[connection];
        let docker = self.model.address_model == AddressModelKind::PortMapping;
        let alive = pod.is_some_and(|pod| {
            let state = &self.pods[pod.index()];
            let there = docker || state.address == Some(target);
            there && !matches!(state.state, PodState::Gone | PodState::Lost)
        });
        if alive {
            self.send(node, connection, SegmentKind::Reset, 0, TO_CLIENT);
        }
    }

    fn server_reset(&mut self, connection: u32) {
        if let Some(event) = self.connections[connection].service.take() {
            self.agenda.cancel(event);
        }
        self.leave_server(connection);
        self.close_server(connection);
    }

    /// Takes a connection out of its pod's queue or from its worker.
    fn leave_server(&mut self, connection: u32) {
        let Connection { pod, server_end, .. } = self.connections[connection];
        let Some(pod) = pod else { return };
        match server_end {
            ServerEnd::Queued => {
                self.pods[pod.index()].server.accept_queue.retain(|waiting| *waiting != connection);
            }
            ServerEnd::Serving => {
                self.pods[pod.index()].server.busy -= 1;
                self.connections[connection].server_end = ServerEnd::Closed;
                self.accept(pod);
                self.drain_goes_on(pod);
            }
            ServerEnd::None
            | ServerEnd::SynReceived
            | ServerEnd::Responded
            | ServerEnd::LastAck
            | ServerEnd::Farewell
            | ServerEnd::Closed => {}
        }
    }

    /// The pod's processes are killed: unaccepted connections are reset, accepted ones closed (FIN).
    /// With the machine or network gone too, nothing is said.
    pub(super) fn server_dies(&mut self, connection: u32, because: RecordId, silently: bool) {
        let Connection { server_end, server_node, .. } = self.connections[connection];
        let kernel_goes_on = matches!(server_end, ServerEnd::Responded | ServerEnd::LastAck | ServerEnd::Farewell);
        if matches!(server_end, ServerEnd::Closed | ServerEnd::None) || (kernel_goes_on && !silently) {
            return;
        }
        let now = self.agenda.now();
        let state = &mut self.connections[connection];
        state.because = because;
        if let Some(event) = state.service.take() {
            self.agenda.cancel(event);
        }
        self.close_server(connection);
        if silently {
            return;
        }
        if server_end != ServerEnd::Serving {
            return self.send(server_node, connection, SegmentKind::Reset, 0, TO_CLIENT);
        }
        let state = &mut self.connections[connection];
        state.server_end = ServerEnd::Farewell;
        state.server_attempt = 0;
        state.server_sent = now;
        self.send_server_data(connection, SegmentKind::EarlyFin);
    }

    /// How long a train takes on the slowest link, in whole jiffies so that few distinct timers arise:
    /// its acknowledgement cannot come before that.
    pub(super) fn sending_time(&self, train: Train) -> SimDuration {
        if train.packets == 1 {
            return SimDuration::ZERO;
        }
        let time = self.slowest.map_or(SimDuration::ZERO, |bandwidth| bandwidth.serialisation(train.bytes));
        retransmission::JIFFY * time.as_nanos().div_ceil(retransmission::JIFFY.as_nanos())
    }

    fn close_server(&mut self, connection: u32) {
        self.disarm_server(connection);
        self.connections[connection].server_end = ServerEnd::Closed;
    }

    fn arm_server(&mut self, connection: u32, wait: SimDuration, timer: Timer) {
        let id = self.agenda.arm(wait, EventClass::Transport, timer);
        self.connections[connection].server_timer = Some(id);
    }

    fn disarm_server(&mut self, connection: u32) {
        if let Some(timer) = self.connections[connection].server_timer.take() {
            self.agenda.disarm(timer);
        }
    }

    /// Frees a connection once both ends are closed and nothing of it is under way.
    pub(super) fn free_if_done(&mut self, connection: u32) {
        let state = &self.connections[connection];
        let server_done = matches!(state.server_end, ServerEnd::None | ServerEnd::Closed);
        if state.client_end != ClientEnd::Closed || !server_done || state.in_flight > 0 || state.freed {
            return;
        }
        if let Some(timer) = self.connections[connection].arp_timer.take() {
            self.agenda.disarm(timer);
        }
        self.disarm_server(connection);
        self.connections[connection].freed = true;
        self.connections.remove(connection);
    }
}
