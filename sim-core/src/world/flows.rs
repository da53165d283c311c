//! Messages that are longer than their sender's window: one packet after the other as acknowledgements come in, by
//! `transport::sender` and `transport::receiver`. Each direction of a connection has a flow from its first such message on;
//! all others go as one train each and are not seen here, unless they have to wait behind such a message. What other
//! messages' code calls is kept out of line, so that it costs them a look at an empty table.

use std::collections::VecDeque;

use super::World;
use super::event::Event;
use super::network::{Origin, Packet, TO_CLIENT};
use super::traffic::{ClientEnd, ServerEnd};
use crate::kernel::draws::below;
use crate::kernel::queue::{EventClass, EventId};
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::ids::{LinkId, NodeId, SourceId, VertexId};
use crate::trace::Body;
use crate::trace::words::{Outcome, SegmentKind};
use crate::transport::congestion::Window;
use crate::transport::receiver::Receiver;
use crate::transport::retransmission;
use crate::transport::round_trip::RoundTrip;
use crate::transport::segment::{MSS, Train, train};
use crate::transport::sender::{Meaning, Outgoing, Sender};

/// One direction of a connection: the connection's number, and whether it goes towards the client.
pub(super) type FlowKey = (u32, bool);

/// Both ends of one direction of a connection.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    sender: Sender,
    receiver: Receiver,
    /// Messages that are not acknowledged as a whole, in order.
    messages: VecDeque<Message>,
    /// How many of those the receiver has.
    delivered: usize,
    round_trip: RoundTrip,
    /// Looks whether the deadline has passed, and when: it does not follow a deadline that moves away.
    timer: Option<(EventId, SimTime)>,
    deadline: SimTime,
    /// Timeouts in a row.
    attempt: u8,
    /// When the last of those was.
    resent_at: SimTime,
    /// Since when the first packet under way waits for its acknowledgement.
    waits_since: SimTime,
    /// When data was sent last.
    last_sent: SimTime,
    /// Packets under way, acknowledgements too.
    in_flight: u32,
    /// The sender's end is gone.
    stopped: bool,
    /// The server closes once everything has arrived.
    farewell: bool,
}

/// A message of a flow.
#[derive(Clone, Copy, Debug)]
struct Message {
    exchange: u32,
    source: u32,
    number: u64,
    attempt: u8,
    /// Its packets in the flow.
    begin: u64,
    end: u64,
    /// The last of them, which may be short.
    last: Train,
}

/// A packet of a flow on its way, or the acknowledgement that it called for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub flow: FlowKey,
    /// Whose message it is of.
    pub source: u32,
    pub number: u64,
    attempt: u8,
    /// What it puts on the wire.
    pub train: Train,
    pub packet: u64,
    /// Which packet of its message it is.
    place: u64,
    transmission: u8,
    /// When the data was sent.
    sent: SimTime,
    /// What an acknowledgement says: everything before this packet is there.
    upto: u64,
}

impl Flow {
    fn new(window: Window, now: SimTime) -> Self {
        Self {
            sender: Sender::new(window),
            receiver: Receiver::default(),
            messages: VecDeque::new(),
            delivered: 0,
            round_trip: RoundTrip::default(),
            timer: None,
            deadline: now,
            attempt: 0,
            resent_at: now,
            waits_since: now,
            last_sent: now,
            in_flight: 0,
            stopped: false,
            farewell: false,
        }
    }

    /// A packet that leaves now.
    fn part(&self, flow: FlowKey, outgoing: Outgoing, now: SimTime) -> Part {
        let Outgoing { packet, transmission } = outgoing;
        let place = self.messages.partition_point(|message| message.end <= packet);
        let Message { source, number, attempt, begin, end, last, .. } = self.messages[place];
        let whole = if packet + 1 == end { last } else { train(MSS) };
        let place = packet - begin;
        Part { flow, source, number, attempt, train: whole, packet, place, transmission, sent: now, upto: 0 }
    }
}

impl World {
    /// Whether a message may be too long for one train: most are not, and nobody has a flow.
    #[inline]
    pub(super) fn may_exceed_window(&self, train: Train) -> bool {
        train.packets > self.model.transport.initcwnd || !self.flows.is_empty()
    }

    /// Takes a message that does not fit what its sender's window has left; false when it goes as a train.
    #[inline(never)]
    pub(super) fn flows_on(&mut self, exchange: u32, to_client: bool, train: Train) -> bool {
        let state = &self.exchanges[exchange];
        let (source, number, attempt) = (state.source, state.number, state.attempt);
        let key = (state.connection.expect("an exchange that sends has a connection"), to_client);
        let (initial, now) = (self.model.transport.initcwnd, self.agenda.now());
        if train.packets <= initial && !self.flows.contains_key(&key) {
            return false;
        }
        let base = self.connections[key.0].base_timeout();
        let flow = self.flows.entry(key).or_insert_with(|| Flow::new(Window::new(initial), now));
        let timeout = flow.round_trip.timeout(base);
        if flow.sender.is_idle() {
            if self.model.transport.tcp_slow_start_after_idle {
                flow.sender.window_mut().restart(now.since(flow.last_sent), timeout, initial);
            }
            flow.last_sent = now;
            if train.packets <= flow.sender.window().size().min(initial) {
                return false;
            }
            (flow.deadline, flow.waits_since, flow.attempt) = (now + timeout, now, 0);
        }
        let begin = flow.sender.offer(u64::from(train.packets));
        let end = begin + u64::from(train.packets);
        flow.messages.push_back(Message { exchange, source, number, attempt, begin, end, last: train.last_packet() });
        // It is not forgotten before the flow has done with it.
        self.exchanges[exchange].in_flight += 1;
        self.pump(key);
        true
    }

    /// Whether a flow has data that is not acknowledged.
    pub(super) fn is_flowing(&self, key: FlowKey) -> bool {
        self.flows.get(&key).is_some_and(|flow| !flow.stopped && !flow.sender.is_idle())
    }

    /// Sends what the window lets through, and keeps the timer.
    fn pump(&mut self, key: FlowKey) {
        let now = self.agenda.now();
        while let Some(flow) = self.flows.get_mut(&key).filter(|flow| !flow.stopped) {
            let Some(outgoing) = flow.sender.take_next() else { break };
            flow.last_sent = now;
            let part = flow.part(key, outgoing, now);
            self.send_part(SegmentKind::Data, part);
        }
        self.keep_timer(key);
    }

    fn send_part(&mut self, kind: SegmentKind, part: Part) {
        let Part { flow: key, transmission, .. } = part;
        let (connection, from_server) = (key.0, key.1 == (kind == SegmentKind::Data));
        let state = &mut self.connections[connection];
        state.in_flight += 1;
        let (from, flags) = if from_server { (state.server_node, TO_CLIENT) } else { (state.client_node, 0) };
        self.flows.get_mut(&key).expect("a part has a flow").in_flight += 1;
        let packet = Packet { subject: self.parts.insert(part), kind, attempt: transmission, flags };
        let held = kind == SegmentKind::Data && !from_server && self.is_held_by_arp(connection);
        if held {
            return self.take_off(packet);
        }
        self.write_sent(from, packet);
        self.forward(VertexId(from.0), connection, packet, Origin::Here);
    }

    /// Looks at the deadline when it may have passed; not at all when nothing is under way.
    fn keep_timer(&mut self, key: FlowKey) {
        let Some(flow) = self.flows.get_mut(&key) else { return };
        if flow.stopped || flow.sender.is_idle() {
            if let Some((timer, _)) = flow.timer.take() {
                self.agenda.cancel(timer);
            }
            return;
        }
        let deadline = flow.deadline;
        if let Some((timer, _)) = flow.timer.take_if(|(_, due)| *due > deadline) {
            self.agenda.cancel(timer);
        }
        if flow.timer.is_none() {
            let event = Event::DataTimer { connection: key.0, to_client: key.1 };
            flow.timer = Some((self.agenda.at_cancellable(deadline, EventClass::Transport, event), deadline));
        }
    }

    /// The wait for an acknowledgement, doubled for each timeout in a row; `TCP_USER_TIMEOUT` of the client shortens it.
    fn wait_of(&self, key: FlowKey) -> SimDuration {
        let flow = &self.flows[&key];
        let base = flow.round_trip.timeout(self.connections[key.0].base_timeout());
        let wait = retransmission::timeout(base, u32::from(flow.attempt));
        let most = self.user_timeout(key).map(|most| most.saturating_sub(self.agenda.now().since(flow.waits_since)));
        most.map_or(wait, |most| wait.min(most))
    }

    fn user_timeout(&self, (connection, to_client): FlowKey) -> Option<SimDuration> {
        let source = SourceId(self.connections[connection].source);
        self.model.call_of(source).connections.user_timeout.filter(|_| !to_client)
    }

    /// The retransmission timer of a flow fires: the deadline has moved, or data is sent again, or the kernel gives up.
    #[inline(never)]
    pub(super) fn data_timer(&mut self, key: FlowKey) {
        let now = self.agenda.now();
        let Some(flow) = self.flows.get_mut(&key) else { return };
        flow.timer = None;
        if now < flow.deadline {
            return self.keep_timer(key);
        }
        let waited = now.since(flow.waits_since);
        let give_up = retransmission::give_up_after(self.model.transport.tcp_retries2);
        if waited >= self.user_timeout(key).unwrap_or(give_up) {
            return self.give_flow_up(key);
        }
        let flow = self.flows.get_mut(&key).expect("it was there");
        flow.sender.time_out(flow.attempt == 0);
        flow.attempt = flow.attempt.saturating_add(1);
        flow.resent_at = now;
        self.flows.get_mut(&key).expect("it was there").deadline = now.saturating_add(self.wait_of(key));
        self.tell_cut(key);
        self.pump(key);
    }

    /// The window has been cut, after a timeout or three duplicates.
    fn tell_cut(&mut self, key: FlowKey) {
        let state = &self.connections[key.0];
        let (source, number) = (SourceId(state.source), state.number);
        let node = if key.1 { state.server_node } else { state.client_node };
        let Flow { sender, attempt: timeouts, .. } = &self.flows[&key];
        let (packet, threshold, timeouts) = (sender.first(), sender.window().threshold(), *timeouts);
        let body = || Body::WindowCut { source, number, node, packet, timeouts, threshold };
        self.journal.write_segment(self.agenda.now(), state.record, 0, body);
    }

    fn give_flow_up(&mut self, key: FlowKey) {
        let (connection, to_client) = key;
        if to_client {
            self.leave_server(connection);
            return self.close_server(connection);
        }
        let soft = self.connections[connection].soft_error;
        self.client_fails(connection, if soft { Outcome::HostUnreachable } else { Outcome::TimedOut });
    }

    /// An ICMP error has come: the timer goes a step back (`tcp_ld_RTO_revert`).
    #[inline(never)]
    pub(super) fn revert_timeout(&mut self, key: FlowKey) {
        let Some(flow) = self.flows.get_mut(&key) else { return };
        if flow.attempt == 0 || flow.stopped || flow.sender.is_idle() {
            return;
        }
        flow.attempt -= 1;
        let resent_at = flow.resent_at;
        let deadline = resent_at.saturating_add(self.wait_of(key)).max(self.agenda.now());
        self.flows.get_mut(&key).expect("it was there").deadline = deadline;
        self.keep_timer(key);
    }

    /// Data reaches the server's node.
    #[inline(never)]
    pub(super) fn data_received(&mut self, node: NodeId, subject: u32) {
        let part = self.parts[subject];
        if self.takes_data(node, part.flow.0) {
            self.take_part(part);
        }
    }

    /// Data reaches the client.
    #[inline(never)]
    pub(super) fn data_arrives(&mut self, subject: u32) {
        let part = self.parts[subject];
        let connection = part.flow.0;
        self.hear(connection);
        match self.connections[connection].client_end {
            ClientEnd::Established => self.take_part(part),
            ClientEnd::FinWait { orphaned: true } | ClientEnd::Closed => self.client_resets(connection),
            ClientEnd::FinWait { orphaned: false } | ClientEnd::SynSent => {}
        }
    }

    /// A packet is acknowledged, and the messages that it completes are handed over.
    fn take_part(&mut self, part: Part) {
        let key = part.flow;
        let upto = self.flows.get_mut(&key).expect("a part has a flow").receiver.receive(part.packet);
        self.send_part(SegmentKind::DataAck, Part { upto, ..part });
        while let Some(flow) = self.flows.get_mut(&key) {
            let Some(message) = flow.messages.get(flow.delivered).filter(|message| message.end <= upto) else { return };
            let exchange = message.exchange;
            flow.delivered += 1;
            if key.1 {
                self.disarm_request(exchange);
                self.response_taken(exchange, key.0);
            } else {
                self.request_complete(exchange, key.0);
            }
        }
    }

    /// An acknowledgement reaches the sender.
    #[inline(never)]
    pub(super) fn data_acknowledged(&mut self, subject: u32) {
        let Part { flow: key, upto, sent, .. } = self.parts[subject];
        if !key.1 {
            self.hear(key.0);
        }
        self.acknowledge(key, upto, Some(sent));
    }

    /// A whole answer acknowledges the request.
    #[inline]
    pub(super) fn answer_acknowledges(&mut self, exchange: u32, connection: u32) {
        if !self.flows.is_empty() {
            self.acknowledge_message(exchange, (connection, false));
        }
    }

    #[inline(never)]
    fn acknowledge_message(&mut self, exchange: u32, key: FlowKey) {
        let Some(flow) = self.flows.get(&key) else { return };
        if let Some(message) = flow.messages.iter().find(|message| message.exchange == exchange) {
            self.acknowledge(key, message.end, None);
        }
    }

    fn acknowledge(&mut self, key: FlowKey, upto: u64, sent: Option<SimTime>) {
        let now = self.agenda.now();
        let base = self.connections[key.0].base_timeout();
        let Some(flow) = self.flows.get_mut(&key).filter(|flow| !flow.stopped) else { return };
        match flow.sender.acknowledge(upto) {
            Meaning::Nothing => {}
            Meaning::Progress { restarts } => {
                if let Some(sent) = sent {
                    flow.round_trip.measure(now.since(sent));
                }
                flow.attempt = 0;
                flow.waits_since = now;
                if restarts {
                    flow.deadline = now + flow.round_trip.timeout(base);
                }
                self.finish_messages(key);
            }
            Meaning::Loss => {
                flow.deadline = now + flow.round_trip.timeout(base);
                flow.attempt = 0;
                self.tell_cut(key);
            }
        }
        self.pump(key);
    }

    /// Messages that are acknowledged as a whole are done with.
    fn finish_messages(&mut self, key: FlowKey) {
        while let Some(flow) = self.flows.get_mut(&key) {
            let Some(message) = flow.messages.front().filter(|message| message.end <= flow.sender.first()) else {
                break;
            };
            let exchange = message.exchange;
            flow.messages.pop_front();
            flow.delivered = flow.delivered.saturating_sub(1);
            if key.1 {
                self.response_acknowledged(exchange);
            }
            self.release(exchange);
        }
        let closes =
            self.flows.get_mut(&key).is_some_and(|flow| flow.sender.is_idle() && std::mem::take(&mut flow.farewell));
        if closes {
            self.begin_fin(key.0, ServerEnd::Farewell, SegmentKind::EarlyFin);
        }
    }

    fn release(&mut self, exchange: u32) {
        self.exchanges[exchange].in_flight -= 1;
        self.loose.exchanges.push(exchange);
    }

    /// A dying server's kernel closes the connection, behind what it still has to send.
    #[cold]
    pub(super) fn say_farewell(&mut self, connection: u32) {
        if !self.is_flowing((connection, true)) {
            return self.begin_fin(connection, ServerEnd::Farewell, SegmentKind::EarlyFin);
        }
        self.connections[connection].server_end = ServerEnd::Farewell;
        self.flows.get_mut(&(connection, true)).expect("it flows").farewell = true;
    }

    /// The sender's end of a flow is gone: nothing more is sent.
    #[inline]
    pub(super) fn stop_flow(&mut self, key: FlowKey) {
        if !self.flows.is_empty() {
            self.stop_sending(key);
        }
    }

    #[cold]
    fn stop_sending(&mut self, key: FlowKey) {
        let Some(flow) = self.flows.get_mut(&key) else { return };
        flow.stopped = true;
        self.keep_timer(key);
        self.loose.connections.push(key.0);
    }

    /// A packet of a flow is on its way no more.
    #[inline(never)]
    pub(super) fn part_ends(&mut self, subject: u32) {
        let key = self.parts[subject].flow;
        // What it says can be read until another one takes its place.
        self.parts.remove(subject);
        self.connections[key.0].in_flight -= 1;
        let flow = self.flows.get_mut(&key).expect("a part has a flow");
        flow.in_flight -= 1;
        if flow.in_flight == 0 && (flow.stopped || self.connections[key.0].client_end == ClientEnd::Closed) {
            self.loose.connections.push(key.0);
        }
    }

    /// Flows whose sender is gone let go of their messages once nothing of them is under way.
    #[inline]
    pub(super) fn release_stopped_flows(&mut self, connection: u32) {
        if !self.flows.is_empty() {
            self.release_messages(connection);
        }
    }

    #[cold]
    fn release_messages(&mut self, connection: u32) {
        for key in [(connection, false), (connection, true)] {
            let Some(flow) = self.flows.get_mut(&key) else { continue };
            if flow.stopped && flow.in_flight == 0 {
                for message in std::mem::take(&mut flow.messages) {
                    self.release(message.exchange);
                }
            }
        }
    }

    /// Whether a long message was sent on a connection.
    pub(super) fn has_flows(&self, connection: u32) -> bool {
        [false, true].iter().any(|to_client| self.flows.contains_key(&(connection, *to_client)))
    }

    /// A connection is freed, and its flows with it.
    #[inline]
    pub(super) fn forget_flows(&mut self, connection: u32) {
        if !self.flows.is_empty() {
            self.drop_flows(connection);
        }
    }

    #[cold]
    fn drop_flows(&mut self, connection: u32) {
        self.flows.remove(&(connection, false));
        self.flows.remove(&(connection, true));
    }

    /// True when a link loses a packet of a flow: one draw, keyed as other packets' are.
    #[inline(never)]
    pub(super) fn loses_part(&mut self, link: LinkId, packet: Packet, loss_ppm: u32) -> bool {
        let Part { source, number, attempt, transmission, place, .. } = self.parts[packet.subject];
        let key = self.paths[source as usize].key.part("loss", number);
        let key = if attempt == 0 { key } else { key.part("attempt", u64::from(attempt)) };
        let key = if packet.flags & TO_CLIENT == 0 { key } else { key.part("to-client", 0) };
        let key = key.part(packet.kind.word(), u64::from(transmission));
        let purpose = self.model.topology.link(link).name.as_str();
        below(self.draws.once(key, purpose, place), 1_000_000) < u64::from(loss_ppm)
    }
}
