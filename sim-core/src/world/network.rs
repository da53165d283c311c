//! Packets on links: serialisation, queues, loss, cuts, and the hops of a route.

use super::World;
use super::event::Event;
use super::state::Connection;
use crate::kernel::draws::below;
use crate::kernel::time::SimTime;
use crate::model::ids::{LinkId, NodeId, SourceId, VertexId};
use crate::topology::routes::Direction;
use crate::trace::words::{DropReason, SegmentKind};
use crate::trace::{Body, RecordId};
use crate::transport::segment::{Train, train};

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
        let Connection { source, number, record, .. } = self.connections[connection];
        let now = self.agenda.now();
        let body = Body::SegmentSent { source: SourceId(source), number, segment: kind, attempt, node: from };
        self.journal.write(now, record, 0, body);
        self.connections[connection].in_flight += 1;
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
        let state = &self.links[direction.link().index()];
        if state.cut {
            return self.drop_packet(packet, DropReason::LinkDown, state.record);
        }
        let link = self.model.topology.link(direction.link());
        let train = self.train_of(packet);
        let now = self.agenda.now();
        let (latency, queue_limit, loss_ppm) = (link.latency, link.queue, link.loss_ppm);
        let serialisation =
            link.bandwidth.map(|bandwidth| (bandwidth.serialisation(train.bytes), bandwidth.serialisation(train.last)));
        let place = &mut self.directions[direction.index()];
        place.departures += 1;
        let departure = place.departures;
        let left = match serialisation {
            None => now,
            Some((whole, last)) => {
                if !place.admit(now, train, queue_limit) {
                    return self.drop_packet(packet, DropReason::QueueFull, 0);
                }
                let starts = match origin {
                    Origin::Here => now,
                    // Its packets came in one by one: all but the last may have left by now.
                    Origin::Elsewhere => now.saturating_sub(whole - last),
                };
                place.free_at = (place.free_at.max(starts) + whole).max(now + last);
                place.queue.push_back((place.free_at, train.packets));
                place.free_at
            }
        };
        if loss_ppm > 0 && self.loses(direction.link(), packet, train, loss_ppm) {
            return self.drop_packet(packet, DropReason::Loss, 0);
        }
        self.agenda.arrival(left + latency, direction.0, departure, packet.event(direction.0));
    }

    /// True when the link loses a packet of the train: one draw per packet, keyed by (flow, segment, attempt, link).
    fn loses(&mut self, link: LinkId, packet: Packet, train: Train, loss_ppm: u32) -> bool {
        let Connection { source, number, .. } = self.connections[packet.connection];
        let key =
            self.sources[source as usize].key.part("loss", number).part(packet.kind.word(), u64::from(packet.attempt));
        let purpose = self.model.topology.link(link).name.as_str();
        (0..u64::from(train.packets))
            .any(|index| below(self.draws.once(key, purpose, index), 1_000_000) < u64::from(loss_ppm))
    }

    fn train_of(&self, packet: Packet) -> Train {
        let source = &self.model.sources[self.connections[packet.connection].source as usize];
        match packet.kind {
            SegmentKind::Request => train(source.request_bytes),
            SegmentKind::Response => train(source.response_bytes),
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
            | SegmentKind::EarlyFin
            | SegmentKind::ResponseAck => train(0),
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
        let latency = self.model.topology.link(link).latency;
        let state = self.links[link.index()];
        let departed = self.agenda.now().saturating_sub(latency);
        if state.cut_at.is_some_and(|cut_at| cut_at >= departed) {
            self.drop_packet(packet, DropReason::LinkDown, state.record);
            return None;
        }
        Some(self.routes.head(direction))
    }

    /// The node that forwards outside traffic: chooses the pod at the first SYN, then passes everything on.
    fn pass_front(&mut self, node: NodeId, packet: Packet) {
        let chosen = packet.flags & TO_CLIENT != 0 || self.connections[packet.connection].pod.is_some();
        if chosen || self.choose_behind_front(node, packet.connection) {
            return self.forward(VertexId(node.0), packet, Origin::Elsewhere);
        }
        // No endpoint: the front rejects, and the refusal goes back to the client.
        self.take_off(packet.connection);
        self.send(node, packet.connection, SegmentKind::PortUnreachable, 0, TO_CLIENT | FORWARDED);
    }

    fn deliver(&mut self, node: NodeId, packet: Packet) {
        let Connection { source, number, record, .. } = self.connections[packet.connection];
        let body = Body::SegmentReceived { source: SourceId(source), number, segment: packet.kind, node };
        self.journal.write(self.agenda.now(), record, 0, body);
        self.take_off(packet.connection);
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
        let (source, number, record) = (connection.source, connection.number, connection.record);
        let body = Body::SegmentDropped { source: SourceId(source), number, segment: packet.kind, reason };
        self.journal.write(self.agenda.now(), record, because, body);
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

impl Connection {
    /// The node a packet with these flags goes to next.
    fn next_stop(&self, flags: u8) -> NodeId {
        let end = if flags & TO_CLIENT == 0 { self.server_node } else { self.client_node };
        if flags & FORWARDED == 0 { self.via.unwrap_or(end) } else { end }
    }
}

impl super::state::DirectionState {
    /// Makes room for a train; false when the queue is too full for it (drop-tail).
    fn admit(&mut self, now: SimTime, train: Train, limit: u32) -> bool {
        while let Some(&(left, packets)) = self.queue.front() {
            if left > now {
                break;
            }
            self.queue.pop_front();
            self.queued -= packets;
        }
        // One packet may be on the wire; `limit` more may wait behind it.
        if self.queued > 0 && self.queued + train.packets > limit + 1 {
            return false;
        }
        self.queued += train.packets;
        true
    }
}
