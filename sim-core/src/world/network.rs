//! Packets on links: serialisation, queues, loss, cuts, and the hops of a route.

use super::World;
use super::conntrack::Place;
use super::event::Event;
use super::flows::Part;
use super::fusion::Leg;
use super::losses::exchange_place;
use super::node_rules::Choice;
use super::slab::Slab;
use super::state::LinkState;
use super::traffic::{ClientEnd, Connection, Exchange};
use super::wire_records::{end_of, wrapped};
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::ids::{NodeId, SourceId, VertexId};
use crate::topology::routes::Direction;
use crate::trace::words::{DropReason, SegmentKind};
use crate::trace::{Body, RecordId};
use crate::transport::segment::{BARE, Train};

/// The packet goes towards the client.
pub(super) const TO_CLIENT: u8 = 1;
/// The packet has passed the node that forwards it.
pub(super) const FORWARDED: u8 = 2;
/// The last segment of the handshake comes right before the packet.
pub(super) const BEHIND_HANDSHAKE: u8 = 16;

/// Where a train of packets was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// At this vertex, all at once.
    Here,
    /// At another one; it arrives packet by packet and this event is its last.
    Elsewhere,
}

/// A packet in the hands of a vertex.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet {
    /// The exchange whose payload (or its acknowledgement) this is, the part of a message that goes by the window, or the
    /// connection for all other kinds.
    pub subject: u32,
    pub kind: SegmentKind,
    pub attempt: u8,
    pub flags: u8,
}

impl World {
    /// A node sends a packet of a connection.
    pub(super) fn send(&mut self, from: NodeId, connection: u32, kind: SegmentKind, attempt: u8, flags: u8) {
        self.note_sent(from, connection, kind, attempt, flags);
        self.forward(VertexId(from.0), connection, Packet { subject: connection, kind, attempt, flags }, Origin::Here);
    }

    /// The client's node sends the first packet of a kind, which does not leave it before it has passed its rules.
    pub(super) fn send_later(&mut self, from: NodeId, connection: u32, kind: SegmentKind, wait: SimDuration) {
        self.note_sent(from, connection, kind, 0, 0);
        let inside = self.connections[connection].next_stop(0) == from;
        let wait = if inside { wait + self.model.transport.loopback_latency } else { wait };
        self.hold(from, Packet { subject: connection, kind, attempt: 0, flags: 0 }, wait);
    }

    #[inline]
    pub(super) fn note_sent(&mut self, from: NodeId, connection: u32, kind: SegmentKind, attempt: u8, flags: u8) {
        debug_assert!(!is_of_exchange(kind));
        let state = &mut self.connections[connection];
        state.in_flight += 1;
        let packet = Packet { subject: connection, kind, attempt, flags };
        self.wires.count_transmission(packet);
        self.write_sent(from, packet);
    }

    /// A node sends a request, a response or an acknowledgement of either.
    pub(super) fn send_of_exchange(&mut self, exchange: u32, kind: SegmentKind, attempt: u8) {
        let state = &mut self.exchanges[exchange];
        state.in_flight += 1;
        let number_of_connection = state.connection.expect("an exchange that sends has a connection");
        let connection = &self.connections[number_of_connection];
        let back = !matches!(kind, SegmentKind::Request | SegmentKind::ResponseAck);
        let from = if back { connection.server_node } else { connection.client_node };
        let behind = if connection.holds_acknowledgement { BEHIND_HANDSHAKE } else { 0 };
        let packet = Packet { subject: exchange, kind, attempt, flags: if back { TO_CLIENT } else { behind } };
        self.wires.count_transmission(packet);
        self.write_sent(from, packet);
        self.connections[number_of_connection].holds_acknowledgement = false;
        self.forward(VertexId(from.0), number_of_connection, packet, Origin::Here);
    }

    /// The connection that a packet belongs to.
    pub(super) fn connection_of(&self, packet: Packet) -> u32 {
        if is_part(packet.kind) {
            return self.parts[packet.subject].flow.0;
        }
        if !is_of_exchange(packet.kind) {
            return packet.subject;
        }
        self.exchanges[packet.subject].connection.expect("an exchange that sends has a connection")
    }

    /// Sends a packet of a connection on from a vertex to its next hop, or into the node itself.
    pub(super) fn forward(&mut self, at: VertexId, connection: u32, packet: Packet, origin: Origin) {
        let connection = &self.connections[connection];
        let (target, flow) = (connection.next_stop(packet.flags), connection.flow);
        if !self.impairments.partings.is_empty()
            && let Some(record) = self.parted_leg(at, target)
        {
            return self.drop_packet(packet, DropReason::Partition, record);
        }
        if self.wires.roads.is_some() {
            return self.take_road(at, (target, flow), |direction| packet.event(direction));
        }
        match self.routes.next(at, target, flow) {
            Some(direction) => self.transmit(direction, (target, flow), packet, origin),
            None => self.loop_back(target, packet),
        }
    }

    /// Delivers inside a node.
    pub(super) fn loop_back(&mut self, node: NodeId, packet: Packet) {
        self.hold(node, packet, self.model.transport.loopback_latency);
    }

    /// A packet comes to a node, or to the way out of it, after some time in it.
    pub(super) fn hold(&mut self, node: NodeId, packet: Packet, wait: SimDuration) {
        let (time, direction, number) = self.inside(node, wait);
        self.arrive(time, direction, number, packet.event(direction));
    }

    /// When and by which way a packet comes that is held in a node from now on, and its number among those that are.
    pub(super) fn inside(&mut self, node: NodeId, wait: SimDuration) -> (SimTime, u32, u64) {
        let direction = self.wires.directions.len() + node.index();
        self.wires.loopback_departures += 1;
        let direction = u32::try_from(direction).expect("directions and nodes number below 2^24");
        (self.agenda.now() + wait, direction, self.wires.loopback_departures)
    }

    /// Puts a packet onto one direction of a link.
    #[inline]
    fn transmit(&mut self, direction: Direction, to: (NodeId, u64), packet: Packet, origin: Origin) {
        let place = &mut self.wires.directions[direction.index()];
        if !place.takes_all() {
            return self.transmit_in_turn(direction, to, packet, origin);
        }
        place.departures += 1;
        let (number, arrival) = (place.departures, self.agenda.now() + place.latency);
        if origin == Origin::Here && !packet.is_bare() && self.train_of(packet).packets > 1 {
            self.exchanges[packet.subject].spread = SimDuration::ZERO;
        }
        let (target, flow) = to;
        self.set_off(Leg { arrival, number, direction, target, flow, packet });
    }

    /// The same where packets wait for each other, are lost, or find the link cut.
    fn transmit_in_turn(&mut self, direction: Direction, to: (NodeId, u64), packet: Packet, origin: Origin) {
        let train = self.train_of(packet);
        // Only a message is a train of several packets; its exchange knows how far they are apart.
        let spreads = train.packets > 1;
        let spread = match origin {
            Origin::Elsewhere if spreads => self.exchanges[packet.subject].spread,
            Origin::Elsewhere | Origin::Here => SimDuration::ZERO,
        };
        let place = &mut self.wires.directions[direction.index()];
        if let Some(record) = place.cut() {
            return self.drop_packet(packet, DropReason::LinkDown, record);
        }
        place.departures += 1;
        let (number, latency, (loss_ppm, loss_record)) = (place.departures, place.latency, place.loss());
        let Some(departure) = place.send(self.agenda.now(), train, spread) else {
            return self.drop_packet(packet, DropReason::QueueFull, 0);
        };
        if spreads {
            self.exchanges[packet.subject].spread = departure.spread;
        }
        if loss_ppm > 0 && self.loses(direction.link(), packet, train, loss_ppm) {
            return self.drop_packet(packet, DropReason::Loss, loss_record);
        }
        let (target, flow) = to;
        self.set_off(Leg { arrival: departure.last + latency, number, direction, target, flow, packet });
    }

    /// A packet is on a link: it arrives, or takes its next hop at the end of this event.
    #[inline]
    fn set_off(&mut self, leg: Leg) {
        if self.wires.directions[leg.direction.index()].lookahead.is_zero() {
            return self.arrive_by(leg);
        }
        self.wires.legs.push(leg);
    }

    /// Plans the arrival of a packet at the end of its link.
    #[inline]
    pub(super) fn arrive_by(&mut self, leg: Leg) {
        let Leg { arrival, number, direction, packet, .. } = leg;
        self.arrive(arrival, direction.0, number, packet.event(direction.0));
    }

    /// A packet arrives by a direction, or at the inside of a node, in the order of these numbers.
    #[inline]
    pub(super) fn arrive(&mut self, time: SimTime, direction: u32, number: u64, event: Event) {
        let order = u64::from(direction) << self.wires.order_bits | number;
        self.agenda.arrival(time, order, event);
    }

    #[inline]
    pub(super) fn train_of(&self, packet: Packet) -> Train {
        if packet.is_bare() {
            return BARE;
        }
        if is_part(packet.kind) {
            return self.parts[packet.subject].train;
        }
        let exchange = &self.exchanges[packet.subject];
        if packet.kind == SegmentKind::Response {
            return self.paths[exchange.source as usize].response_train;
        }
        self.request_train(exchange.source, exchange.number)
    }

    /// A packet has reached the end of a link.
    pub(super) fn packet_arrives(&mut self, direction: u32, packet: Packet) {
        let Some(vertex) = self.arrival_vertex(direction, packet) else { return };
        let connection = self.connection_of(packet);
        // Switches are the vertices behind the nodes.
        let Some(is_up) = self.up.get(vertex.index()).copied() else {
            return self.forward(vertex, connection, packet, Origin::Elsewhere);
        };
        let node = NodeId(vertex.0);
        if packet.flags & BEHIND_HANDSHAKE != 0 {
            self.handshake_arrives(node, connection);
        }
        if !is_up {
            return self.drop_packet(packet, DropReason::NodeDown, self.nodes[node.index()].power_record);
        }
        let state = &self.connections[connection];
        if state.next_stop(packet.flags) != node {
            return self.forward(vertex, connection, packet, Origin::Elsewhere);
        }
        if state.via == Some(node) && packet.flags & FORWARDED == 0 {
            if packet.kind == SegmentKind::Syn && self.is_held_by_rules(node, packet, true) {
                return;
            }
            return self.pass_front(node, connection, Packet { flags: packet.flags | FORWARDED, ..packet });
        }
        if packet.kind == SegmentKind::Syn && self.is_held_by_rules(node, packet, false) {
            return;
        }
        self.deliver(node, connection, packet);
    }

    /// The last segment of a handshake arrives, and right behind it, in the same event, a request.
    fn handshake_arrives(&mut self, node: NodeId, connection: u32) {
        self.events += 1;
        let packet = Packet { subject: connection, kind: SegmentKind::HandshakeAck, attempt: 0, flags: 0 };
        if self.up[node.index()] {
            self.write_received(node, connection, packet);
            self.take_off(packet);
            return self.handshake_done(connection);
        }
        self.drop_packet(packet, DropReason::NodeDown, self.nodes[node.index()].power_record);
    }

    /// Where a packet arrives, unless its link was cut while it was on the way.
    fn arrival_vertex(&mut self, direction: u32, packet: Packet) -> Option<VertexId> {
        let index = direction as usize;
        if index >= self.wires.directions.len() {
            return Some(VertexId::from_index(index - self.wires.directions.len()));
        }
        let direction = Direction(direction);
        if !self.wires.links_may_fail {
            return Some(self.routes.head(direction));
        }
        let link = direction.link();
        let state = self.wires.links[link.index()];
        let latency = self.wires.directions[index].latency;
        let departed = self.agenda.now().saturating_sub(latency);
        if state.was_cut_since(departed) {
            self.drop_packet(packet, DropReason::LinkDown, state.record);
            return None;
        }
        Some(self.routes.head(direction))
    }

    /// The node that forwards outside traffic: chooses the pod at the first SYN, then passes everything on.
    fn pass_front(&mut self, node: NodeId, connection: u32, packet: Packet) {
        let back = packet.flags & TO_CLIENT != 0;
        if back && self.connections[connection].datagrams {
            self.front_passes_answer(node, connection, packet.kind);
        }
        let chosen = back || self.connections[connection].pod.is_some();
        if !chosen {
            match self.choose_behind_front(node, connection) {
                Choice::Endpoint(_) => self.tell_front(node, connection),
                Choice::Rejected => return self.reject_at_front(node, packet),
                Choice::Dropped => {
                    let because = self.connections[connection].because;
                    return self.drop_packet(packet, DropReason::NoLocalEndpoint, because);
                }
            }
        }
        if packet.kind == SegmentKind::Syn
            && let Err((reason, because)) = self.track(connection, Place::Front)
        {
            return self.drop_packet(packet, reason, because);
        }
        self.forward(VertexId(node.0), connection, packet, Origin::Elsewhere);
    }

    /// A node port that is closed resets. One without an endpoint rejects, and the refusal goes back to the client within
    /// the limit of ICMP errors, as a closed port's does for datagrams.
    fn reject_at_front(&mut self, node: NodeId, packet: Packet) {
        let connection = self.connection_of(packet);
        if !self.connections[connection].datagrams && self.closed_front(node, connection).is_some() {
            self.take_off(packet);
            return self.send(node, connection, SegmentKind::Reset, 0, TO_CLIENT | FORWARDED);
        }
        if !self.tells_client_of(node, connection) {
            let because = self.connections[connection].because;
            return self.drop_packet(packet, DropReason::IcmpLimit, because);
        }
        self.take_off(packet);
        self.send(node, connection, SegmentKind::PortUnreachable, 0, TO_CLIENT | FORWARDED);
    }

    /// Sends a packet that was delivered to a node on from it.
    pub(super) fn send_on(&mut self, node: NodeId, packet: Packet) {
        let connection = self.connection_of(packet);
        self.connections[connection].in_flight += 1;
        self.forward(VertexId(node.0), connection, packet, Origin::Here);
    }

    /// Drops a packet that was delivered to a node.
    pub(super) fn drop_here(&mut self, packet: Packet, reason: DropReason, because: RecordId) {
        let connection = self.connection_of(packet);
        self.connections[connection].in_flight += 1;
        self.drop_packet(packet, reason, because);
    }

    #[inline]
    fn deliver(&mut self, node: NodeId, connection: u32, packet: Packet) {
        self.write_received(node, connection, packet);
        self.take_off(packet);
        if packet.flags & TO_CLIENT == 0 {
            self.server_receives(node, packet);
        } else {
            self.client_receives(packet);
        }
    }

    /// A packet ends here; its connection remembers why.
    pub(super) fn drop_packet(&mut self, packet: Packet, reason: DropReason, because: RecordId) {
        let (source, number) = request_of(&self.connections, &self.exchanges, &self.parts, packet);
        let connection = self.connection_of(packet);
        let connection = &mut self.connections[connection];
        if because != 0 {
            connection.because = because;
        }
        let record = connection.record;
        let part = if is_part(packet.kind) { self.parts[packet.subject].packet } else { 0 };
        let (segment, to, packet_number) = (packet.kind, end_of(packet), wrapped(part));
        let dropped = || Body::SegmentDropped { source, number, segment, to, reason, packet: packet_number };
        self.journal.write_segment(self.agenda.now(), record, because, dropped);
        self.take_off(packet);
    }

    /// A packet is on its way no more; the last one may be all that its subject was kept for.
    #[inline]
    pub(super) fn take_off(&mut self, packet: Packet) {
        if is_of_exchange(packet.kind) {
            let exchange = &mut self.exchanges[packet.subject];
            exchange.in_flight -= 1;
            if exchange.in_flight == 0 && exchange.request.is_none() {
                self.loose.exchanges.push(packet.subject);
            }
            return;
        }
        if is_part(packet.kind) {
            return self.part_ends(packet.subject);
        }
        let connection = &mut self.connections[packet.subject];
        connection.in_flight -= 1;
        if connection.in_flight == 0 && connection.client_end == ClientEnd::Closed {
            self.loose.connections.push(packet.subject);
        }
    }
}

/// Whose request a packet's records name.
pub(super) fn request_of(
    connections: &Slab<Connection>,
    exchanges: &Slab<Exchange>,
    parts: &Slab<Part>,
    packet: Packet,
) -> (SourceId, u64) {
    if is_part(packet.kind) {
        let part = &parts[packet.subject];
        return (SourceId(part.source), part.number);
    }
    if is_of_exchange(packet.kind) {
        let exchange = &exchanges[packet.subject];
        return (SourceId(exchange.source), exchange.number);
    }
    let connection = &connections[packet.subject];
    (SourceId(connection.source), connection.number)
}

/// Whether a segment carries a request, a response or the acknowledgement of either.
pub(super) const fn is_of_exchange(kind: SegmentKind) -> bool {
    exchange_place(kind).is_some()
}

/// Whether a segment is one packet of a message that goes by the window, or its acknowledgement.
pub(super) const fn is_part(kind: SegmentKind) -> bool {
    matches!(kind, SegmentKind::Data | SegmentKind::DataAck)
}

impl Packet {
    /// Whether it is one segment without a payload.
    pub(super) const fn is_bare(self) -> bool {
        !matches!(self.kind, SegmentKind::Request | SegmentKind::Response | SegmentKind::Data)
    }

    pub(super) fn event(self, direction: u32) -> Event {
        let Self { subject, kind, attempt, flags } = self;
        Event::Packet { subject, direction, kind, attempt, flags }
    }
}

impl LinkState {
    /// Whether the link was cut at `time` or at any instant from then to now.
    fn was_cut_since(self, time: SimTime) -> bool {
        self.cut_at.is_some() && self.mended_at.is_none_or(|mended_at| mended_at > time)
    }
}

impl Connection {
    /// The node a packet with these flags goes to next.
    pub(super) fn next_stop(&self, flags: u8) -> NodeId {
        let end = if flags & TO_CLIENT == 0 { self.server_node } else { self.client_node };
        if flags & FORWARDED == 0 { self.via.unwrap_or(end) } else { end }
    }
}
