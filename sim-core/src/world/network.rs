//! Packets on links: serialisation, queues, loss, cuts, and the hops of a route.

use super::World;
use super::event::Event;
use super::state::{Connection, LinkState};
use crate::kernel::draws::below;
use crate::kernel::time::SimTime;
use crate::model::ids::{LinkId, NodeId, SourceId, VertexId};
use crate::topology::routes::Direction;
use crate::trace::words::{DropReason, SegmentKind};
use crate::trace::{Body, RecordId};
use crate::transport::segment::{BARE, Train};

/// The packet goes towards the client.
pub(super) const TO_CLIENT: u8 = 1;
/// The packet has passed the node that forwards it.
const FORWARDED: u8 = 2;

/// Where a train of packets was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// At this vertex, all at once.
    Here,
    /// At another one; it arrives packet by packet and this event is its last.
    Elsewhere,
}

/// A packet in the hands of a vertex.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet {
    pub connection: u32,
    pub kind: SegmentKind,
    pub attempt: u8,
    pub flags: u8,
}

impl World {
    /// A node sends a packet of a connection.
    pub(super) fn send(&mut self, from: NodeId, connection: u32, kind: SegmentKind, attempt: u8, flags: u8) {
        let state = &mut self.connections[connection];
        state.in_flight += 1;
        let count = &mut state.transmissions[kind as usize];
        *count = count.saturating_add(1);
        let (source, number, record) = (SourceId(state.source), state.number, state.record);
        let sent = || Body::SegmentSent { source, number, segment: kind, attempt, node: from };
        self.journal.write_segment(self.agenda.now(), record, 0, sent);
        self.forward(VertexId(from.0), Packet { connection, kind, attempt, flags }, Origin::Here);
    }

    /// Sends a packet on from a vertex to its next hop, or into the node itself.
    fn forward(&mut self, at: VertexId, packet: Packet, origin: Origin) {
        let connection = &self.connections[packet.connection];
        let target = connection.next_stop(packet.flags);
        match self.routes.next(at, target, connection.flow) {
            Some(direction) => self.transmit(direction, packet, origin),
            None => self.loop_back(target, packet),
        }
    }

    /// Delivers inside a node.
    fn loop_back(&mut self, node: NodeId, packet: Packet) {
        let time = self.agenda.now() + self.model.transport.loopback_latency;
        let direction = self.directions.len() + node.index();
        self.loopback_departures += 1;
        let direction = u32::try_from(direction).expect("directions and nodes number below 2^24");
        self.agenda.arrival(time, direction, self.loopback_departures, packet.event(direction));
    }

    /// Puts a packet onto one direction of a link.
    fn transmit(&mut self, direction: Direction, packet: Packet, origin: Origin) {
        let train = self.train_of(packet);
        let now = self.agenda.now();
        let place = &mut self.directions[direction.index()];
        if let Some(record) = place.cut {
            return self.drop_packet(packet, DropReason::LinkDown, record);
        }
        place.departures += 1;
        let (departure, latency, loss_ppm) = (place.departures, place.latency, place.loss_ppm);
        let Some(left) = place.send(now, train, origin == Origin::Here) else {
            return self.drop_packet(packet, DropReason::QueueFull, 0);
        };
        if loss_ppm > 0 && self.loses(direction.link(), packet, train, loss_ppm) {
            return self.drop_packet(packet, DropReason::Loss, 0);
        }
        self.agenda.arrival(left + latency, direction.0, departure, packet.event(direction.0));
    }

    /// True when the link loses a packet of the train: one draw per packet, keyed by (flow, segment, transmission, link).
    fn loses(&mut self, link: LinkId, packet: Packet, train: Train, loss_ppm: u32) -> bool {
        let state = &self.connections[packet.connection];
        let transmission = u64::from(state.transmissions[packet.kind as usize]);
        let key = self.sources[state.source as usize].key.part("loss", state.number);
        let key = key.part(packet.kind.word(), transmission);
        let purpose = self.model.topology.link(link).name.as_str();
        let mut packets = 0..u64::from(train.packets);
        packets.any(|index| below(self.draws.once(key, purpose, index), 1_000_000) < u64::from(loss_ppm))
    }

    fn train_of(&self, packet: Packet) -> Train {
        let source = &self.sources[self.connections[packet.connection].source as usize];
        match packet.kind {
            SegmentKind::Request => source.request_train,
            SegmentKind::Response => source.response_train,
            SegmentKind::Syn
            | SegmentKind::SynAck
            | SegmentKind::HandshakeAck
            | SegmentKind::RequestAck
            | SegmentKind::ClientFin
            | SegmentKind::ServerFin
            | SegmentKind::FinalAck
            | SegmentKind::Reset
            | SegmentKind::PortUnreachable
            | SegmentKind::HostUnreachable
            | SegmentKind::EarlyFin => BARE,
        }
    }

    /// A packet has reached the end of a link.
    pub(super) fn packet_arrives(&mut self, direction: u32, packet: Packet) {
        let Some(vertex) = self.arrival_vertex(direction, packet) else { return };
        if self.model.topology.is_switch(vertex) {
            return self.forward(vertex, packet, Origin::Elsewhere);
        }
        let node = NodeId(vertex.0);
        let state = &self.nodes[node.index()];
        if !state.up {
            return self.drop_packet(packet, DropReason::NodeDown, state.power_record);
        }
        if self.connections[packet.connection].next_stop(packet.flags) != node {
            return self.forward(vertex, packet, Origin::Elsewhere);
        }
        let passes = self.connections[packet.connection].via == Some(node) && packet.flags & FORWARDED == 0;
        if passes {
            return self.pass_front(node, Packet { flags: packet.flags | FORWARDED, ..packet });
        }
        self.deliver(node, packet);
    }

    /// Where a packet arrives, unless its link was cut while it was on the way.
    fn arrival_vertex(&mut self, direction: u32, packet: Packet) -> Option<VertexId> {
        let index = direction as usize;
        if index >= self.directions.len() {
            return Some(VertexId::from_index(index - self.directions.len()));
        }
        let direction = Direction(direction);
        let link = direction.link();
        let state = self.links[link.index()];
        let latency = self.directions[index].latency;
        let departed = self.agenda.now().saturating_sub(latency);
        if state.was_cut_since(departed) {
            self.drop_packet(packet, DropReason::LinkDown, state.record);
            return None;
        }
        Some(self.routes.head(direction))
    }

    /// The node that forwards outside traffic: chooses the pod at the first SYN, then passes everything on.
    fn pass_front(&mut self, node: NodeId, packet: Packet) {
        let chosen = packet.flags & TO_CLIENT != 0 || self.connections[packet.connection].pod.is_some();
        if chosen || self.choose_behind_front(node, packet.connection) {
            if !chosen {
                self.tell_front(node, packet.connection);
            }
            return self.forward(VertexId(node.0), packet, Origin::Elsewhere);
        }
        // No endpoint: the front rejects, and the refusal goes back to the client.
        self.take_off(packet.connection);
        self.send(node, packet.connection, SegmentKind::PortUnreachable, 0, TO_CLIENT | FORWARDED);
    }

    fn deliver(&mut self, node: NodeId, packet: Packet) {
        let state = &mut self.connections[packet.connection];
        state.in_flight -= 1;
        let (source, number, record) = (SourceId(state.source), state.number, state.record);
        let received = || Body::SegmentReceived { source, number, segment: packet.kind, node };
        self.journal.write_segment(self.agenda.now(), record, 0, received);
        if packet.flags & TO_CLIENT == 0 {
            self.server_receives(node, packet);
        } else {
            self.client_receives(packet);
        }
    }

    /// A packet ends here; its connection remembers why.
    pub(super) fn drop_packet(&mut self, packet: Packet, reason: DropReason, because: RecordId) {
        let connection = &mut self.connections[packet.connection];
        if because != 0 {
            connection.because = because;
        }
        let (source, number, record) = (SourceId(connection.source), connection.number, connection.record);
        let dropped = || Body::SegmentDropped { source, number, segment: packet.kind, reason };
        self.journal.write_segment(self.agenda.now(), record, because, dropped);
        self.take_off(packet.connection);
    }

    fn take_off(&mut self, connection: u32) {
        self.connections[connection].in_flight -= 1;
    }
}

impl Packet {
    fn event(self, direction: u32) -> Event {
        let Self { connection, kind, attempt, flags } = self;
        Event::Packet { connection, direction, kind, attempt, flags }
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
    fn next_stop(&self, flags: u8) -> NodeId {
        let end = if flags & TO_CLIENT == 0 { self.server_node } else { self.client_node };
        if flags & FORWARDED == 0 { self.via.unwrap_or(end) } else { end }
    }
}
