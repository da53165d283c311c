//! The client's end of TCP: connecting, sending requests, closing, giving up.

use super::World;
use super::conntrack::{Closing, Place};
use super::event::Timer;
use super::network::Packet;
use super::traffic::{ClientEnd, Connection, Exchange, ServerEnd};
use crate::kernel::queue::EventClass;
use crate::kernel::time::SimDuration;
use crate::model::ids::SourceId;
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
    #[inline]
    pub(super) fn start_connect_deadline(&mut self, connection: u32) {
        let source = SourceId(self.connections[connection].source);
        if let Some(timeout) = self.model.call_of(source).connect_timeout {
            self.arm_connect_deadline(connection, timeout);
        }
    }

    #[cold]
    fn arm_connect_deadline(&mut self, connection: u32, timeout: SimDuration) {
        let timer = self.agenda.arm(timeout, EventClass::Workload, Timer::ConnectDeadline { connection });
        self.connections[connection].patience = Some(timer);
    }

    fn send_syn(&mut self, connection: u32) {
        let state = &self.connections[connection];
        let (node, attempt) = (state.client_node, state.client_attempt);
        let wait = syn::syn_timeout(u32::from(attempt), self.model.transport.tcp_syn_linear_timeouts);
        self.arm_client(connection, wait, Timer::Syn { connection });
        if self.connections[connection].undecided && !self.is_taken_by_rules(connection) {
            return;
        }
        if let Err((reason, because)) = self.track(connection, Place::Client) {
            return self.drop_at_client(connection, reason, because);
        }
        if self.is_held_by_arp(connection) {
            return;
        }
        let walk = if attempt == 0 { self.walk_at_client(connection) } else { SimDuration::ZERO };
        if walk.is_zero() {
            self.send(node, connection, SegmentKind::Syn, attempt, 0);
        } else {
            self.send_later(node, connection, SegmentKind::Syn, walk);
        }
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

    /// FIN is sent again, or the kernel gives up.
    pub(super) fn client_fin_timer(&mut self, connection: u32) {
        let state = &mut self.connections[connection];
        state.client_timer = None;
        state.client_attempt = state.client_attempt.saturating_add(1);
        if u32::from(state.client_attempt) > retransmission::ORPHAN_RETRIES {
            return self.close_client(connection, Outcome::Ok);
        }
        self.send_client_fin(connection);
    }

    fn send_client_fin(&mut self, connection: u32) {
        let state = &self.connections[connection];
        let (node, attempt) = (state.client_node, state.client_attempt);
        let wait = retransmission::timeout(state.base_timeout(), u32::from(attempt));
        self.arm_client(connection, wait, Timer::ClientFin { connection });
        self.send(node, connection, SegmentKind::ClientFin, attempt, 0);
    }

    /// A request goes out on an established connection.
    pub(super) fn send_request(&mut self, exchange: u32) {
        let state = &mut self.exchanges[exchange];
        state.sent = true;
        state.sent_at = self.agenda.now();
        state.client_attempt = 0;
        if self.proxied.any {
            self.begin_reading(exchange);
        }
        self.transmit_request(exchange);
    }

    /// Sends a request's data and arms its retransmission.
    fn transmit_request(&mut self, exchange: u32) {
        let Exchange { source, number, connection, client_attempt, sent_at, .. } = self.exchanges[exchange];
        let connection = connection.expect("a request is sent on a connection");
        let train = self.request_train(source, number);
        if self.may_exceed_window(train) && client_attempt == 0 && self.flows_on(exchange, false, train) {
            return;
        }
        let sending = self.sending_time(train);
        let base = self.connections[connection].base_timeout();
        let wait = retransmission::timeout(base, u32::from(client_attempt)) + sending;
        // The kernel does not let its timer run past TCP_USER_TIMEOUT (`tcp_clamp_rto_to_user_timeout`).
        let wait = match self.connections_of(exchange).user_timeout {
            Some(most) => wait.min(most.saturating_sub(self.agenda.now().since(sent_at))),
            None => wait,
        };
        let timer = self.agenda.arm(wait, EventClass::Transport, Timer::RequestData { exchange });
        self.exchanges[exchange].client_timer = Some(timer);
        if client_attempt > 0 {
            self.exchanges[exchange].extras().resent_at = self.agenda.now();
        }
        if !self.is_held_by_arp(connection) {
            self.send_of_exchange(exchange, SegmentKind::Request, client_attempt);
        }
    }

    /// Another wait before a request is sent again.
    pub(super) fn rearm_request(&mut self, exchange: u32, wait: SimDuration) {
        let timer = self.agenda.arm(wait, EventClass::Transport, Timer::RequestData { exchange });
        if let Some(before) = self.exchanges[exchange].client_timer.replace(timer) {
            self.agenda.disarm(before);
        }
    }

    /// A request was not acknowledged: it is sent again, or the kernel gives the connection up (E6).
    pub(super) fn request_data_timer(&mut self, exchange: u32) {
        let give_up = retransmission::give_up_after(self.model.transport.tcp_retries2);
        let give_up = self.connections_of(exchange).user_timeout.unwrap_or(give_up);
        let now = self.agenda.now();
        let state = &mut self.exchanges[exchange];
        state.client_timer = None;
        state.client_attempt = state.client_attempt.saturating_add(1);
        let Some(connection) = state.connection else { return };
        if self.connections[connection].client_end != ClientEnd::Established {
            return self.loose.exchanges.push(exchange);
        }
        if now.since(self.exchanges[exchange].sent_at) >= give_up {
            let soft = self.connections[connection].soft_error;
            let outcome = if soft { Outcome::HostUnreachable } else { Outcome::TimedOut };
            return self.client_fails(connection, outcome);
        }
        self.transmit_request(exchange);
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

    pub(super) fn disarm_request(&mut self, exchange: u32) {
        if let Some(timer) = self.exchanges[exchange].client_timer.take() {
            self.agenda.disarm(timer);
            self.loosen(exchange);
        }
    }

    /// A packet reaches the client.
    pub(super) fn client_receives(&mut self, packet: Packet) {
        let subject = packet.subject;
        match packet.kind {
            SegmentKind::RequestAck => return self.request_acknowledged(subject),
            SegmentKind::Response => return self.response_arrives(subject),
            SegmentKind::KeepaliveAck => return self.probe_answered(subject),
            SegmentKind::Data => return self.data_arrives(subject),
            SegmentKind::DataAck => return self.data_acknowledged(subject),
            SegmentKind::Syn
            | SegmentKind::SynAck
            | SegmentKind::HandshakeAck
            | SegmentKind::Request
            | SegmentKind::ResponseAck
            | SegmentKind::ClientFin
            | SegmentKind::ServerFin
            | SegmentKind::FinalAck
            | SegmentKind::Reset
            | SegmentKind::PortUnreachable
            | SegmentKind::HostUnreachable
            | SegmentKind::EarlyFin
            | SegmentKind::Keepalive => {}
        }
        match (packet.kind, self.connections[subject].client_end) {
            (SegmentKind::SynAck, ClientEnd::SynSent) => self.connected(subject),
            (SegmentKind::EarlyFin, ClientEnd::Established) => self.server_closed_early(subject),
            (SegmentKind::ServerFin, ClientEnd::FinWait { .. }) => self.closed_by_both(subject),
            (SegmentKind::FinalAck, ClientEnd::FinWait { .. }) => self.close_client(subject, Outcome::Ok),
            (SegmentKind::Reset | SegmentKind::PortUnreachable, ClientEnd::SynSent) => {
                self.client_fails(subject, Outcome::ConnectionRefused);
            }
            (SegmentKind::PortUnreachable, ClientEnd::Established) if self.connections[subject].datagrams => {
                self.client_fails(subject, Outcome::ConnectionRefused);
            }
            (SegmentKind::HostUnreachable, ClientEnd::SynSent | ClientEnd::Established) => {
                self.host_unreachable(subject);
            }
            (SegmentKind::Reset, ClientEnd::Established | ClientEnd::FinWait { .. }) => {
                self.client_fails(subject, Outcome::ConnectionReset);
            }
            (SegmentKind::SynAck | SegmentKind::EarlyFin, ClientEnd::Closed) => self.client_resets(subject),
            (SegmentKind::ServerFin, ClientEnd::Closed) => self.acknowledge_close(subject),
            // Duplicates of what was taken before.
            _ => {}
        }
    }

    fn connected(&mut self, connection: u32) {
        self.disarm_client(connection);
        let now = self.agenda.now();
        let state = &mut self.connections[connection];
        state.client_end = ClientEnd::Established;
        if state.client_attempt == 0 {
            state.round_trip = retransmission::whole_jiffies(now.since(state.sent));
        }
        state.sent = now;
        state.heard = now;
        state.client_attempt = 0;
        state.because = 0;
        let node = state.client_node;
        let neighbour = state.via.unwrap_or(state.server_node);
        if let Some(timer) = state.patience.take() {
            self.agenda.disarm(timer);
        }
        self.confirm_neighbour(node, neighbour);
        if self.ipvs.is_some() {
            self.virtual_server_connects(connection);
        }
        if self.loads.is_some() {
            self.count_established(connection);
        }
        if self.request_takes_acknowledgement(connection) {
            self.note_sent(node, connection, SegmentKind::HandshakeAck, 0, 0);
            self.connections[connection].holds_acknowledgement = true;
        } else {
            self.send(node, connection, SegmentKind::HandshakeAck, 0, 0);
        }
        self.watch_idleness(connection);
        let mut next = self.connections[connection].exchanges;
        if self.connections[connection].active == 0 {
            // Everybody who wanted it has given up meanwhile.
            return self.stream_ends(connection);
        }
        while let Some(exchange) = next {
            next = self.exchanges[exchange].next;
            if self.exchanges[exchange].request.is_some() {
                self.send_request(exchange);
            }
        }
    }

    fn request_acknowledged(&mut self, exchange: u32) {
        let connection = self.exchanges[exchange].connection.expect("a sent request has a connection");
        self.hear(connection);
        self.disarm_request(exchange);
    }

    /// The client's kernel has heard from the other end.
    pub(super) fn hear(&mut self, connection: u32) {
        let state = &mut self.connections[connection];
        state.heard = self.agenda.now();
        state.soft_error = false;
        let (node, neighbour) = (state.client_node, state.via.unwrap_or(state.server_node));
        let is_idle = state.listed && state.active == 0;
        self.confirm_neighbour(node, neighbour);
        if is_idle {
            self.note_idle(connection);
        }
    }

    fn response_arrives(&mut self, exchange: u32) {
        let connection = self.exchanges[exchange].connection.expect("a sent request has a connection");
        if self.connections[connection].datagrams {
            return self.answer_received(exchange, connection);
        }
        self.hear(connection);
        match self.connections[connection].client_end {
            ClientEnd::Established => self.response_received(exchange, connection),
            ClientEnd::FinWait { orphaned: true } | ClientEnd::Closed => self.client_resets(connection),
            ClientEnd::FinWait { orphaned: false } | ClientEnd::SynSent => {}
        }
    }

    fn response_received(&mut self, exchange: u32, connection: u32) {
        self.disarm_request(exchange);
        if self.connections[connection].pooled {
            self.acknowledge_response(exchange, connection);
        }
        self.response_taken(exchange, connection);
    }

    /// The client has a whole response and has acknowledged it.
    pub(super) fn response_taken(&mut self, exchange: u32, connection: u32) {
        self.answer_acknowledges(exchange, connection);
        if self.exchanges[exchange].closes {
            self.retire(connection);
        }
        if self.exchanges[exchange].request.is_none() {
            return;
        }
        self.answer_ends(exchange, connection);
        if self.connections[connection].pooled {
            self.stream_ends(connection);
        } else {
            self.client_sends_fin(connection, false);
        }
    }

    /// An attempt ends with the answer that has come.
    pub(super) fn answer_ends(&mut self, exchange: u32, connection: u32) {
        let Connection { pod, because, .. } = self.connections[connection];
        let Exchange { source, number, failed, ref extras, .. } = self.exchanges[exchange];
        let failed_because = extras.as_ref().map_or(0, |extras| extras.failed_because);
        let right = pod.is_some_and(|pod| self.is_wanted((source, number), self.pods[pod.index()].workload));
        let (outcome, because) = match (right, failed) {
            (true, false) => (Outcome::Ok, 0),
            (true, true) => (Outcome::ServerError, failed_because),
            (false, _) => (Outcome::WrongService, because),
        };
        self.connections[connection].because = 0;
        self.attempt_ends(exchange, outcome, pod, because);
    }

    /// The client closes: nothing more is sent but FIN; requests that were never answered are `orphaned`.
    pub(super) fn client_sends_fin(&mut self, connection: u32, orphaned: bool) {
        self.disarm_client(connection);
        let now = self.agenda.now();
        let state = &mut self.connections[connection];
        state.client_end = ClientEnd::FinWait { orphaned };
        state.client_attempt = 0;
        state.sent = now;
        if let Some(event) = state.take_keepalive() {
            self.agenda.cancel(event);
        }
        self.stop_flow((connection, false));
        self.rules_see_fin(connection);
        let fin_arrives = if orphaned { None } else { self.foregone_close(connection) };
        match fin_arrives {
            Some(_) => self.foretell_close(connection),
            None => self.send_client_fin(connection),
        }
        self.leave_pool(connection, if orphaned { Outcome::RequestTimeout } else { Outcome::Ok });
        if let Some(fin_arrives) = fin_arrives {
            self.close_both(connection, fin_arrives);
        }
    }

    fn server_closed_early(&mut self, connection: u32) {
        self.retire(connection);
        self.fail_attempts(connection, Outcome::EndOfFile);
        if self.connections[connection].client_end == ClientEnd::Established {
            self.client_sends_fin(connection, false);
        }
    }

    /// The normal close: the client closed first, so it holds TIME_WAIT (E8).
    fn closed_by_both(&mut self, connection: u32) {
        self.disarm_client(connection);
        self.acknowledge_close(connection);
        let Connection { port_table, local_port, .. } = self.connections[connection];
        self.wait_with_local_port(port_table, local_port, self.agenda.now());
        self.entries_run_out(connection, Closing { outcome: Outcome::Ok, at: self.agenda.now() });
        self.connections[connection].client_end = ClientEnd::Closed;
        self.loose.connections.push(connection);
    }

    fn acknowledge_close(&mut self, connection: u32) {
        let node = self.connections[connection].client_node;
        self.send(node, connection, SegmentKind::FinalAck, 0, 0);
    }

    pub(super) fn client_resets(&mut self, connection: u32) {
        let node = self.connections[connection].client_node;
        self.send(node, connection, SegmentKind::Reset, 0, 0);
        self.close_client(connection, Outcome::ConnectionReset);
    }

    /// The kernel ends the connection with an error.
    pub(super) fn client_fails(&mut self, connection: u32, outcome: Outcome) {
        self.close_client(connection, outcome);
        self.fail_attempts(connection, outcome);
    }

    /// Every attempt that waits for an answer on a connection ends.
    fn fail_attempts(&mut self, connection: u32, outcome: Outcome) {
        let Connection { pod, because, exchanges, .. } = self.connections[connection];
        let mut next = exchanges;
        while let Some(exchange) = next {
            next = self.exchanges[exchange].next;
            self.disarm_request(exchange);
            self.attempt_ends(exchange, outcome, pod, because);
        }
    }

    /// The client gives up connecting.
    pub(super) fn connect_deadline(&mut self, connection: u32) {
        self.connections[connection].patience = None;
        if self.connections[connection].client_end == ClientEnd::SynSent {
            self.client_fails(connection, Outcome::ConnectTimeout);
        }
    }

    /// The client's processes or machine are gone: a request on the connection has nobody to end for.
    pub(super) fn client_dies(&mut self, connection: u32, because: RecordId, machine_too: bool) {
        let Connection { client_end, client_node, server_end, exchanges, .. } = self.connections[connection];
        if client_end == ClientEnd::Closed {
            return;
        }
        self.connections[connection].because = because;
        let mut next = exchanges;
        while let Some(exchange) = next {
            next = self.exchanges[exchange].next;
            self.disarm_request(exchange);
            if let Some(request) = self.exchanges[exchange].request {
                let pod = self.connections[connection].pod;
                self.detach(exchange, Outcome::NoClient, because);
                self.end_request(request, Outcome::NoClient, pod, because);
            }
        }
        if !machine_too && server_end != ServerEnd::None && !self.connections[connection].datagrams {
            self.send(client_node, connection, SegmentKind::Reset, 0, 0);
        }
        self.close_client(connection, Outcome::NoClient);
    }

    /// Forgets the client's end without TIME_WAIT and gives its port back.
    pub(super) fn close_client(&mut self, connection: u32, outcome: Outcome) {
        self.disarm_client(connection);
        if self.connections[connection].client_end == ClientEnd::Closed {
            return;
        }
        if self.connections[connection].datagrams {
            return self.close_datagrams(connection);
        }
        self.entries_run_out(connection, Closing { outcome, at: self.agenda.now() });
        self.stop_flow((connection, false));
        let state = &mut self.connections[connection];
        state.client_end = ClientEnd::Closed;
        self.loose.connections.push(connection);
        if let Some(timer) = state.patience.take() {
            self.agenda.disarm(timer);
        }
        if let Some(event) = state.take_keepalive() {
            self.agenda.cancel(event);
        }
        let Connection { port_table, local_port, .. } = self.connections[connection];
        self.release_local_port(port_table, local_port);
        self.leave_pool(connection, outcome);
    }
}
