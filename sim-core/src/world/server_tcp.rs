//! The server's end of TCP: the handshake, data and its acknowledgement, the end of a connection.

use super::World;
use super::conntrack::Place;
use super::event::Timer;
use super::network::{Packet, TO_CLIENT};
use super::state::{PodState, Waiting};
use super::traffic::{Connection, Exchange, ServerEnd, ServerSide};
use crate::dataplane::translation::Way;
use crate::kernel::queue::EventClass;
use crate::kernel::time::SimDuration;
use crate::model::ids::{NodeId, PodId};
use crate::model::settings::{AddressModelKind, HairpinMode};
use crate::trace::RecordId;
use crate::trace::words::{DropReason, SegmentKind};
use crate::transport::segment::Train;
use crate::transport::{retransmission, syn};

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
        let subject = packet.subject;
        match packet.kind {
            SegmentKind::Syn => self.syn_received(node, packet),
            SegmentKind::HandshakeAck => self.handshake_done(subject),
            SegmentKind::Request => self.request_received(node, subject),
            SegmentKind::ResponseAck => self.response_acknowledged(subject),
            SegmentKind::ClientFin => self.client_fin_received(node, subject),
            SegmentKind::FinalAck => self.close_server(subject),
            SegmentKind::Reset => self.server_reset(subject),
            SegmentKind::Keepalive => self.probed(node, subject),
            SegmentKind::Data => self.data_received(node, subject),
            SegmentKind::DataAck => self.data_acknowledged(subject),
            // These go the other way.
            SegmentKind::SynAck
            | SegmentKind::RequestAck
            | SegmentKind::Response
            | SegmentKind::ServerFin
            | SegmentKind::PortUnreachable
            | SegmentKind::HostUnreachable
            | SegmentKind::EarlyFin
            | SegmentKind::KeepaliveAck => {}
        }
    }

    fn syn_received(&mut self, node: NodeId, packet: Packet) {
        let connection = packet.subject;
        match self.connections[connection].server_end {
            // A socket that died before the handshake was done leaves nothing: the SYN finds whoever listens now.
            ServerEnd::None | ServerEnd::Closed => {}
            // The kernel answers a repeated SYN; the SYN-ACK's own timer stays as it is.
            ServerEnd::SynReceived => {
                let attempt = self.connections[connection].server_attempt;
                return self.send(node, connection, SegmentKind::SynAck, attempt, TO_CLIENT);
            }
            ServerEnd::Relayed | ServerEnd::Queued | ServerEnd::Accepted | ServerEnd::LastAck | ServerEnd::Farewell => {
                return;
            }
        }
        let way = self.connections[connection].way;
        if way == Way::Dropped {
            return self.judge_again(node, packet);
        }
        if way == Way::ClusterIpToItself && self.model.cluster.hairpin_mode == HairpinMode::None {
            return self.drop_here(packet, DropReason::NoHairpin, 0);
        }
        if let Err((reason, because)) = self.track(connection, Place::Server) {
            return self.drop_here(packet, reason, because);
        }
        if self.connections[connection].way == Way::PublishedOnOwnHost {
            return self.proxy_takes_syn(node, packet);
        }
        match self.listener(node, connection) {
            Listener::Listens(pod) => self.take_syn(pod, packet),
            Listener::Refuses(because) => {
                self.connections[connection].because = because;
                self.send(node, connection, SegmentKind::Reset, 0, TO_CLIENT);
            }
            Listener::NoHost(because) => {
                let published = self.model.address_model == AddressModelKind::PortMapping;
                if published && packet.attempt == 0 {
                    // A rule whose container is gone rewrites all the same.
                    self.tell_server(connection);
                }
                self.miss_pod(node, connection, because);
            }
            Listener::Silent(because) => {
                self.drop_here(packet, DropReason::NoHost, because);
            }
        }
    }

    /// Starts the handshake unless the accept queue is full.
    fn take_syn(&mut self, pod: PodId, packet: Packet) {
        let connection = packet.subject;
        if self.is_accept_queue_full(pod) {
            return self.drop_here(packet, DropReason::BacklogFull, self.hang_record(pod));
        }
        self.answer_syn(pod, connection);
        self.tell_server(connection);
        self.send_syn_ack(connection);
    }

    /// The server's kernel keeps a half-open connection from now on.
    pub(super) fn answer_syn(&mut self, pod: PodId, connection: u32) {
        let state = &mut self.connections[connection];
        state.pod = Some(pod);
        state.server_end = ServerEnd::SynReceived;
        state.server_attempt = 0;
    }

    /// The accept queue takes `backlog + 1` connections (linux-kernel section 9).
    pub(super) fn is_accept_queue_full(&self, pod: PodId) -> bool {
        let state = &self.pods[pod.index()];
        state.server.unaccepted > self.sockets.of(state.workload).backlog
    }

    pub(super) fn send_syn_ack(&mut self, connection: u32) {
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
            return self.loose.connections.push(connection);
        }
        state.server_attempt += 1;
        self.send_syn_ack(connection);
    }

    /// The last segment of the handshake has come, or data that acknowledges as much.
    pub(super) fn handshake_done(&mut self, connection: u32) {
        if self.connections[connection].server_end != ServerEnd::SynReceived {
            return;
        }
        let pod = self.connections[connection].pod.expect("a handshake is made with a pod");
        let proxied = self.connections[connection].way == Way::PublishedOnOwnHost;
        if !proxied && self.is_accept_queue_full(pod) {
            // No room: the kernel drops the ACK, and the SYN-ACK's timer tries again.
            return;
        }
        let now = self.agenda.now();
        let state = &mut self.connections[connection];
        // The timer of the only SYN-ACK tells when that left.
        if state.server_attempt == 0
            && let Some(due) = state.server_timer.and_then(|timer| self.agenda.timer_due(timer))
        {
            let left = due.since(now);
            state.round_trip = retransmission::whole_jiffies(syn::syn_ack_timeout(0).saturating_sub(left));
        }
        state.established = now;
        self.disarm_server(connection);
        if proxied {
            return self.proxy_accepts(connection);
        }
        self.enter_accept_queue(pod, connection);
    }

    /// An established connection waits for a worker.
    pub(super) fn enter_accept_queue(&mut self, pod: PodId, connection: u32) {
        if self.takes_free_worker(pod) {
            return self.accept(pod, connection);
        }
        self.connections[connection].server_end = ServerEnd::Queued;
        let server = &mut self.pods[pod.index()].server;
        server.queue.push_back(Waiting::Connection(connection));
        server.unaccepted += 1;
        self.put_to_work(pod);
    }

    fn request_received(&mut self, node: NodeId, exchange: u32) {
        let connection = self.exchanges[exchange].connection.expect("a sent request has a connection");
        if self.connections[connection].datagrams {
            return self.datagram_received(node, exchange, connection);
        }
        if self.takes_data(node, connection) {
            self.acknowledge_request(exchange, connection);
            self.request_complete(exchange, connection);
        }
    }

    /// Whether the server's socket takes data; without one its node answers.
    pub(super) fn takes_data(&mut self, node: NodeId, connection: u32) -> bool {
        // The data acknowledges the handshake, should its last segment have been lost.
        self.handshake_done(connection);
        match self.connections[connection].server_end {
            ServerEnd::None | ServerEnd::Closed => {
                self.answer_without_socket(node, connection);
                false
            }
            ServerEnd::SynReceived => false,
            ServerEnd::Relayed | ServerEnd::Queued | ServerEnd::Accepted | ServerEnd::LastAck | ServerEnd::Farewell => {
                true
            }
        }
    }

    /// A whole request is there and acknowledged: its processes take it, the first time.
    pub(super) fn request_complete(&mut self, exchange: u32, connection: u32) {
        let first = self.exchanges[exchange].server_side == ServerSide::None;
        let takes = matches!(
            self.connections[connection].server_end,
            ServerEnd::Relayed | ServerEnd::Queued | ServerEnd::Accepted
        );
        if first && takes {
            self.take_request(connection, exchange);
        }
    }

    /// The response or FIN was not acknowledged: it is sent again, or the kernel gives up.
    pub(super) fn server_fin_timer(&mut self, connection: u32) {
        let state = &mut self.connections[connection];
        state.server_timer = None;
        state.server_attempt = state.server_attempt.saturating_add(1);
        let orphaned = u32::from(state.server_attempt) > retransmission::ORPHAN_RETRIES;
        match state.server_end {
            ServerEnd::LastAck if !orphaned => self.send_server_fin(connection, SegmentKind::ServerFin),
            ServerEnd::Farewell if !orphaned => self.send_server_fin(connection, SegmentKind::EarlyFin),
            ServerEnd::LastAck | ServerEnd::Farewell => self.close_server(connection),
            ServerEnd::None
            | ServerEnd::SynReceived
            | ServerEnd::Relayed
            | ServerEnd::Queued
            | ServerEnd::Accepted
            | ServerEnd::Closed => {}
        }
    }

    fn send_server_fin(&mut self, connection: u32, kind: SegmentKind) {
        let state = &self.connections[connection];
        let (node, attempt) = (state.server_node, state.server_attempt);
        let wait = retransmission::timeout(state.base_timeout(), u32::from(attempt));
        self.arm_server(connection, wait, Timer::ServerFin { connection });
        self.send(node, connection, kind, attempt, TO_CLIENT);
    }

    pub(super) fn begin_fin(&mut self, connection: u32, end: ServerEnd, kind: SegmentKind) {
        self.disarm_server(connection);
        let state = &mut self.connections[connection];
        state.server_end = end;
        state.server_attempt = 0;
        self.send_server_fin(connection, kind);
    }

    fn client_fin_received(&mut self, node: NodeId, connection: u32) {
        let Connection { server_end, working, reserved, .. } = self.connections[connection];
        let never_asked = reserved || server_end == ServerEnd::Queued;
        match server_end {
            // The client closed before its request came through: a worker would read the end of the stream.
            ServerEnd::Queued | ServerEnd::Accepted if working == 0 && never_asked => {
                self.leave_server(connection);
                self.close_server(connection);
                self.send(node, connection, SegmentKind::FinalAck, 0, TO_CLIENT);
            }
            ServerEnd::Accepted if working == 0 => {
                self.settle_responses(connection);
                self.begin_fin(connection, ServerEnd::LastAck, SegmentKind::ServerFin);
            }
            ServerEnd::None | ServerEnd::Closed => self.answer_without_socket(node, connection),
            ServerEnd::Relayed | ServerEnd::Farewell => {
                self.close_server(connection);
                self.send(node, connection, SegmentKind::FinalAck, 0, TO_CLIENT);
            }
            // A worker has a request and will answer into the closed connection; a lost FIN-ACK has its own timer.
            ServerEnd::SynReceived | ServerEnd::Queued | ServerEnd::Accepted | ServerEnd::LastAck => {}
        }
    }

    /// A close acknowledges every response before it.
    fn settle_responses(&mut self, connection: u32) {
        self.stop_flow((connection, true));
        let mut next = self.connections[connection].exchanges;
        while let Some(exchange) = next {
            next = self.exchanges[exchange].next;
            if self.exchanges[exchange].server_side == ServerSide::Responded {
                self.response_acknowledged(exchange);
            }
        }
    }

    /// The client has the response.
    pub(super) fn response_acknowledged(&mut self, exchange: u32) {
        let state = &mut self.exchanges[exchange];
        if let Some(timer) = state.server_timer.take() {
            self.agenda.disarm(timer);
        }
        if state.server_side == ServerSide::Responded {
            state.server_side = ServerSide::Done;
            self.loosen(exchange);
        }
    }

    /// A node that is up but knows no such connection: the kernel of whoever has the address now ends the matter for
    /// the client; nobody answers for an address that has not been given out again.
    fn answer_without_socket(&mut self, node: NodeId, connection: u32) {
        let Connection { pod, target, .. } = self.connections[connection];
        let Some(pod) = pod else { return };
        let state = &self.pods[pod.index()];
        let gone = matches!(state.state, PodState::Gone | PodState::Lost);
        let docker = self.model.address_model == AddressModelKind::PortMapping;
        let owned = !gone && (docker || state.address == Some(target));
        if owned || (!docker && self.holder_of(node, target).is_some()) {
            return self.send(node, connection, SegmentKind::Reset, 0, TO_CLIENT);
        }
        if !docker {
            self.miss_pod(node, connection, self.pods[pod.index()].record);
        }
    }

    /// A keepalive probe: the kernel answers for a socket that it knows.
    fn probed(&mut self, node: NodeId, connection: u32) {
        match self.connections[connection].server_end {
            ServerEnd::None | ServerEnd::Closed => self.answer_without_socket(node, connection),
            ServerEnd::SynReceived
            | ServerEnd::Relayed
            | ServerEnd::Queued
            | ServerEnd::Accepted
            | ServerEnd::LastAck
            | ServerEnd::Farewell => self.send(node, connection, SegmentKind::KeepaliveAck, 0, TO_CLIENT),
        }
    }

    fn server_reset(&mut self, connection: u32) {
        self.leave_server(connection);
        self.close_server(connection);
    }

    /// The pod's processes are killed: unaccepted connections are reset, accepted ones closed (FIN).
    /// With the machine or network gone too, nothing is said.
    pub(super) fn server_dies(&mut self, connection: u32, because: RecordId, silently: bool) {
        let Connection { server_end, server_node, working, .. } = self.connections[connection];
        let kernel_goes_on = matches!(server_end, ServerEnd::LastAck | ServerEnd::Farewell);
        // docker-proxy finds out at its next SYN.
        let goes_on = kernel_goes_on || server_end == ServerEnd::Relayed;
        if matches!(server_end, ServerEnd::Closed | ServerEnd::None) || (goes_on && !silently) {
            return;
        }
        let answered = server_end == ServerEnd::Accepted && working == 0 && !self.connections[connection].reserved;
        if answered && !silently {
            // The response is in the kernel's hands, which sends it whether the process lives or not; a connection that
            // is kept is closed behind it.
            if self.connections[connection].pooled {
                self.connections[connection].because = because;
                self.say_farewell(connection);
            }
            return;
        }
        self.connections[connection].because = because;
        self.connections[connection].working = 0;
        self.connections[connection].reserved = false;
        self.close_server(connection);
        if silently || self.connections[connection].datagrams {
            return;
        }
        if server_end != ServerEnd::Accepted {
            return self.send(server_node, connection, SegmentKind::Reset, 0, TO_CLIENT);
        }
        self.begin_fin(connection, ServerEnd::Farewell, SegmentKind::EarlyFin);
    }

    /// Forgets the server's end; its exchanges have no server any more.
    pub(super) fn close_server(&mut self, connection: u32) {
        self.disarm_server(connection);
        self.stop_flow((connection, true));
        self.connections[connection].server_end = ServerEnd::Closed;
        self.loose.connections.push(connection);
        let mut next = self.connections[connection].exchanges;
        while let Some(exchange) = next {
            let state = &mut self.exchanges[exchange];
            next = state.next;
            let service = state.service.take();
            let timer = state.server_timer.take();
            if state.server_side != ServerSide::None {
                state.server_side = ServerSide::Done;
            }
            self.loosen(exchange);
            if let Some(event) = service {
                self.agenda.cancel(event);
            }
            if let Some(timer) = timer {
                self.agenda.disarm(timer);
            }
        }
    }

    /// Sends a response's data and arms its retransmission.
    pub(super) fn transmit_response(&mut self, exchange: u32) {
        let Exchange { source, connection, server_attempt, .. } = self.exchanges[exchange];
        let connection = connection.expect("a response is sent on a connection");
        if self.connections[connection].datagrams {
            return self.send_answer(exchange, connection);
        }
        let train = self.paths[source as usize].response_train;
        if self.may_exceed_window(train) && server_attempt == 0 && self.flows_on(exchange, true, train) {
            return;
        }
        let sending = self.sending_time(train);
        let base = self.connections[connection].base_timeout();
        let wait = retransmission::timeout(base, u32::from(server_attempt)) + sending;
        let timer = self.agenda.arm(wait, EventClass::Transport, Timer::ResponseData { exchange });
        self.exchanges[exchange].server_timer = Some(timer);
        self.send_of_exchange(exchange, SegmentKind::Response, server_attempt);
    }

    /// A response was not acknowledged: it is sent again, or the kernel gives up.
    pub(super) fn response_data_timer(&mut self, exchange: u32) {
        let give_up = retransmission::give_up_after(self.model.transport.tcp_retries2);
        let now = self.agenda.now();
        let state = &mut self.exchanges[exchange];
        state.server_timer = None;
        state.server_attempt = state.server_attempt.saturating_add(1);
        if now.since(state.responded_at) < give_up {
            return self.transmit_response(exchange);
        }
        if let Some(connection) = state.connection {
            self.leave_server(connection);
            self.close_server(connection);
        }
    }

    /// How long a train takes on the slowest link, in whole jiffies so that few distinct timers arise:
    /// its acknowledgement cannot come before that.
    pub(super) fn sending_time(&self, train: Train) -> SimDuration {
        if train.packets == 1 {
            return SimDuration::ZERO;
        }
        let time = self.wires.slowest.map_or(SimDuration::ZERO, |bandwidth| bandwidth.serialisation(train.bytes));
        retransmission::in_jiffies(time)
    }

    pub(super) fn arm_server(&mut self, connection: u32, wait: SimDuration, timer: Timer) {
        let id = self.agenda.arm(wait, EventClass::Transport, timer);
        self.connections[connection].server_timer = Some(id);
    }

    pub(super) fn disarm_server(&mut self, connection: u32) {
        if let Some(timer) = self.connections[connection].server_timer.take() {
            self.agenda.disarm(timer);
        }
    }
}
