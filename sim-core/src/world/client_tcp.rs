//! The client's end of TCP: connecting, sending the request, closing, giving up.

use super::World;
use super::event::Timer;
use super::network::Packet;
use super::state::{ClientEnd, Connection, ServerEnd};
use crate::kernel::queue::EventClass;
use crate::kernel::time::SimDuration;
use crate::trace::RecordId;
use crate::trace::words::{Outcome, SegmentKind};
use crate::transport::{retransmission, syn};

impl World {
    /// The client of a new connection sends its first SYN.
    pub(super) fn start_handshake(&mut self, connection: u32) {
        self.send_syn(connection);
        self.start_connect_deadline(connection);
    }

    /// The client's own patience with connecting begins.
    pub(super) fn start_connect_deadline(&mut self, connection: u32) {
        let source = self.connections[connection].source;
        if let Some(timeout) = self.model.sources[source as usize].connect_timeout {
            let timer = self.agenda.arm(timeout, EventClass::Workload, Timer::ConnectDeadline { connection });
            self.connections[connection].connect_deadline = Some(timer);
        }
    }

    fn send_syn(&mut self, connection: u32) {
        let state = &self.connections[connection];
        let (node, attempt) = (state.client_node, state.client_attempt);
        let wait = syn::syn_timeout(u32::from(attempt), self.model.transport.tcp_syn_linear_timeouts);
        self.arm_client(connection, wait, Timer::Syn { connection });
        self.send(node, connection, SegmentKind::Syn, attempt, 0);
    }

    /// The SYN timer fires: another SYN, or ETIMEDOUT.
    pub(super) fn syn_timer(&mut self, connection: u32) {
        let now = self.agenda.now();
        let state = &mut self.connections[connection];
        state.client_timer = None;
        let elapsed = now.since(state.sent);
        if elapsed >= syn::syn_give_up_after(self.model.transport.tcp_syn_retries) {
            return self.client_fails(connection, Outcome::TimedOut);
        }
        state.client_attempt = state.client_attempt.saturating_add(1);
        self.send_syn(connection);
    }

    /// Data or FIN is sent again, or the kernel gives up.
    pub(super) fn client_data_timer(&mut self, connection: u32) {
        let now = self.agenda.now();
        let retries = self.model.transport.tcp_retries2;
        let state = &mut self.connections[connection];
        state.client_timer = None;
        state.client_attempt = state.client_attempt.saturating_add(1);
        match state.client_end {
            ClientEnd::Established if now.since(state.sent) >= retransmission::give_up_after(retries) => {
                self.client_fails(connection, Outcome::TimedOut);
            }
            ClientEnd::Established => self.send_client_data(connection, SegmentKind::Request),
            ClientEnd::FinWait { .. } if u32::from(state.client_attempt) > retransmission::ORPHAN_RETRIES => {
                self.close_client(connection);
            }
            ClientEnd::FinWait { .. } => self.send_client_data(connection, SegmentKind::ClientFin),
            ClientEnd::SynSent | ClientEnd::Closed => {}
        }
    }

    /// Sends data or FIN and arms its retransmission.
    fn send_client_data(&mut self, connection: u32, kind: SegmentKind) {
        let state = &self.connections[connection];
        let (node, attempt) = (state.client_node, state.client_attempt);
        let train = self.request_train(state.source, state.number);
        let sending = if kind == SegmentKind::Request { self.sending_time(train) } else { SimDuration::ZERO };
        let wait = retransmission::timeout(state.base_timeout, u32::from(attempt)) + sending;
        self.arm_client(connection, wait, Timer::ClientData { connection });
        self.send(node, connection, kind, attempt, 0);
    }

    fn arm_client(&mut self, connection: u32, wait: SimDuration, timer: Timer) {
        let id = self.agenda.arm(wait, EventClass::Transport, timer);
        self.connections[connection].client_timer = Some(id);
    }

    fn disarm_client(&mut self, connection: u32) {
        if let Some(timer) = self.connections[connection].client_timer.take() {
            self.agenda.disarm(timer);
        }
    }

    /// A packet reaches the client.
    pub(super) fn client_receives(&mut self, packet: Packet) {
        let connection = packet.connection;
        match (packet.kind, self.connections[connection].client_end) {
            (SegmentKind::SynAck, ClientEnd::SynSent) => self.connected(connection),
            (SegmentKind::RequestAck, ClientEnd::Established) => self.disarm_client(connection),
            (SegmentKind::Response, ClientEnd::Established) => self.response_received(connection),
            (SegmentKind::EarlyFin, ClientEnd::Established) => self.server_closed_early(connection),
            (SegmentKind::ServerFin, ClientEnd::FinWait { .. }) => self.closed_by_both(connection),
            (SegmentKind::FinalAck, ClientEnd::FinWait { .. }) => self.close_client(connection),
            (SegmentKind::Reset | SegmentKind::PortUnreachable, ClientEnd::SynSent) => {
                self.client_fails(connection, Outcome::ConnectionRefused);
            }
            (SegmentKind::HostUnreachable, ClientEnd::SynSent) => {
                self.client_fails(connection, Outcome::HostUnreachable);
            }
            (SegmentKind::Reset, ClientEnd::Established | ClientEnd::FinWait { .. }) => {
                self.client_fails(connection, Outcome::ConnectionReset);
            }
            (SegmentKind::Response, ClientEnd::FinWait { orphaned: true } | ClientEnd::Closed)
            | (SegmentKind::SynAck | SegmentKind::EarlyFin, ClientEnd::Closed) => self.client_resets(connection),
            (SegmentKind::ServerFin, ClientEnd::Closed) => self.acknowledge_close(connection),
            // Duplicates of what was taken before, and ICMP on an established connection (a soft error, E5).
            (
                SegmentKind::Syn
                | SegmentKind::SynAck
                | SegmentKind::HandshakeAck
                | SegmentKind::Request
                | SegmentKind::RequestAck
                | SegmentKind::Response
                | SegmentKind::ClientFin
                | SegmentKind::ServerFin
                | SegmentKind::FinalAck
                | SegmentKind::Reset
                | SegmentKind::PortUnreachable
                | SegmentKind::HostUnreachable
                | SegmentKind::EarlyFin,
                _,
            ) => {}
        }
    }

    fn connected(&mut self, connection: u32) {
        self.disarm_client(connection);
        let now = self.agenda.now();
        let state = &mut self.connections[connection];
        state.client_end = ClientEnd::Established;
        if state.client_attempt == 0 {
            state.base_timeout = retransmission::base_timeout(now.since(state.sent));
        }
        state.sent = now;
        state.client_attempt = 0;
        state.because = 0;
        let node = state.client_node;
        let neighbour = state.via.unwrap_or(state.server_node);
        if let Some(timer) = state.connect_deadline.take() {
            self.agenda.disarm(timer);
        }
        self.confirm_neighbour(node, neighbour);
        self.send(node, connection, SegmentKind::HandshakeAck, 0, 0);
        self.send_client_data(connection, SegmentKind::Request);
    }

    fn response_received(&mut self, connection: u32) {
        let state = &self.connections[connection];
        let pod = state.pod;
        let right = pod.is_some_and(|pod| self.is_wanted(state.source, self.pods[pod.index()].workload));
        let because = if right { 0 } else { state.because };
        if let Some(request) = state.request {
            let outcome = if right { Outcome::Ok } else { Outcome::WrongService };
            self.end_request(request, outcome, pod, because);
        }
        self.client_sends_fin(connection, false);
    }

    fn client_sends_fin(&mut self, connection: u32, orphaned: bool) {
        self.disarm_client(connection);
        let now = self.agenda.now();
        let state = &mut self.connections[connection];
        state.client_end = ClientEnd::FinWait { orphaned };
        state.client_attempt = 0;
        state.sent = now;
        self.send_client_data(connection, SegmentKind::ClientFin);
    }

    fn server_closed_early(&mut self, connection: u32) {
        let Connection { request, pod, because, .. } = self.connections[connection];
        if let Some(request) = request {
            self.end_request(request, Outcome::EndOfFile, pod, because);
        }
        self.client_sends_fin(connection, false);
    }

    /// The normal close: the client closed first, so it holds TIME_WAIT (E8).
    fn closed_by_both(&mut self, connection: u32) {
        self.disarm_client(connection);
        self.acknowledge_close(connection);
        let Connection { port_table, local_port, .. } = self.connections[connection];
        let timer = Timer::TimeWait { table: port_table, port: local_port };
        self.agenda.arm(self.model.transport.time_wait, EventClass::Transport, timer);
        self.connections[connection].client_end = ClientEnd::Closed;
    }

    fn acknowledge_close(&mut self, connection: u32) {
        let node = self.connections[connection].client_node;
        self.send(node, connection, SegmentKind::FinalAck, 0, 0);
    }

    fn client_resets(&mut self, connection: u32) {
        let node = self.connections[connection].client_node;
        self.send(node, connection, SegmentKind::Reset, 0, 0);
        self.close_client(connection);
    }

    /// The kernel ends the connection with an error.
    fn client_fails(&mut self, connection: u32, outcome: Outcome) {
        let Connection { request, pod, because, .. } = self.connections[connection];
        self.close_client(connection);
        if let Some(request) = request {
            self.end_request(request, outcome, pod, because);
        }
    }

    /// The client gives the request up: a half-open connection just goes, an established one is closed with FIN.
    pub(super) fn abandon(&mut self, connection: u32, outcome: Outcome) {
        let Connection { request, pod, because, client_end, .. } = self.connections[connection];
        if let Some(request) = request {
            self.end_request(request, outcome, pod, because);
        }
        match client_end {
            ClientEnd::SynSent => self.close_client(connection),
            ClientEnd::Established => self.client_sends_fin(connection, true),
            ClientEnd::FinWait { .. } | ClientEnd::Closed => {}
        }
    }

    /// The client's processes or machine are gone: the request has nobody to end for.
    pub(super) fn client_dies(&mut self, connection: u32, because: RecordId, machine_too: bool) {
        let Connection { request, pod, client_end, client_node, server_end, .. } = self.connections[connection];
        if client_end == ClientEnd::Closed {
            return;
        }
        if let Some(request) = request {
            self.end_request(request, Outcome::NoClient, pod, because);
        }
        if !machine_too && server_end != ServerEnd::None {
            self.send(client_node, connection, SegmentKind::Reset, 0, 0);
        }
        self.close_client(connection);
    }

    /// Forgets the client's end without TIME_WAIT and gives its port back.
    fn close_client(&mut self, connection: u32) {
        self.disarm_client(connection);
        let state = &mut self.connections[connection];
        if state.client_end == ClientEnd::Closed {
            return;
        }
        state.client_end = ClientEnd::Closed;
        if let Some(timer) = state.connect_deadline.take() {
            self.agenda.disarm(timer);
        }
        self.port_tables[state.port_table as usize].release(state.local_port);
    }
}
