//! Losses on links: which packets a link loses, and how often each kind of segment was sent, which is the index of the draws
//! that decide it. Where no link ever loses anything, nothing is counted. Knows no queues.

use super::World;
use super::direction::Wires;
use super::network::{Packet, is_part, request_of};
use crate::faults::{Effect, Impairment};
use crate::kernel::draws::below;
use crate::model::Model;
use crate::model::ids::LinkId;
use crate::trace::words::SegmentKind;
use crate::transport::segment::Train;

/// Kinds of segments whose transmissions a connection counts: all but those of flows, which come last.
const COUNTED: usize = SegmentKind::Data as usize;

/// How often each kind of segment was sent of each connection and exchange, by their numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Transmissions {
    connections: Vec<[u16; COUNTED]>,
    exchanges: Vec<[u8; 4]>,
}

impl Transmissions {
    /// Those of a model whose links may lose packets.
    pub(super) fn new(model: &Model) -> Option<Self> {
        let loses = |effect: &Effect| matches!(effect, Effect::Impair(Impairment::PacketLoss { .. }));
        let from_the_start = model.topology.links().iter().any(|link| link.loss_ppm > 0);
        (from_the_start || model.faults.iter().any(|fault| loses(&fault.kind.begin))).then(Self::default)
    }

    /// Heap memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.connections.capacity() * size_of::<[u16; COUNTED]>() + self.exchanges.capacity() * size_of::<[u8; 4]>()
    }

    #[cold]
    fn count(&mut self, packet: Packet) {
        if let Some(place) = exchange_place(packet.kind) {
            let count = &mut self.exchanges[packet.subject as usize][place];
            *count = count.saturating_add(1);
        } else {
            let count = &mut self.connections[packet.subject as usize][packet.kind as usize];
            *count = count.saturating_add(1);
        }
    }

    fn of(&self, packet: Packet) -> u16 {
        match exchange_place(packet.kind) {
            Some(place) => self.exchanges[packet.subject as usize][place].into(),
            None => self.connections[packet.subject as usize][packet.kind as usize],
        }
    }
}

/// Nothing has been sent yet of what has got this number.
#[cold]
fn begin<T: Default + Clone>(counts: &mut Vec<T>, number: u32) {
    let number = number as usize;
    if number >= counts.len() {
        counts.resize(number + 1, T::default());
    }
    counts[number] = T::default();
}

impl Wires {
    /// A connection has got this number.
    #[inline]
    pub(super) fn connection_begins(&mut self, connection: u32) {
        if let Some(transmissions) = &mut self.transmissions {
            begin(&mut transmissions.connections, connection);
        }
    }

    /// An exchange has got this number.
    #[inline]
    pub(super) fn exchange_begins(&mut self, exchange: u32) {
        if let Some(transmissions) = &mut self.transmissions {
            begin(&mut transmissions.exchanges, exchange);
        }
    }

    /// A segment is sent, once more or for the first time.
    #[inline]
    pub(super) fn count_transmission(&mut self, packet: Packet) {
        if let Some(transmissions) = &mut self.transmissions {
            transmissions.count(packet);
        }
    }
}

impl World {
    /// True when the link loses a packet of the train: one draw per packet, keyed by (flow, attempt, segment,
    /// transmission, link).
    pub(super) fn loses(&mut self, link: LinkId, packet: Packet, train: Train, loss_ppm: u32) -> bool {
        if is_part(packet.kind) {
            return self.loses_part(link, packet, loss_ppm);
        }
        let (source, number) = request_of(&self.connections, &self.exchanges, &self.parts, packet);
        let subject = packet.subject;
        let of_exchange = exchange_place(packet.kind).is_some();
        let attempt = if of_exchange { self.exchanges[subject].attempt } else { self.connections[subject].attempt };
        let transmission = self.wires.transmissions.as_ref().map_or(0, |transmissions| transmissions.of(packet));
        let key = self.paths[source.index()].key.part("loss", number);
        let key = if attempt == 0 { key } else { key.part("attempt", u64::from(attempt)) };
        let key = key.part(packet.kind.word(), u64::from(transmission));
        let purpose = self.model.topology.link(link).name.as_str();
        let mut packets = 0..u64::from(train.packets);
        packets.any(|index| below(self.draws.once(key, purpose, index), 1_000_000) < u64::from(loss_ppm))
    }
}

/// The place of a segment in an exchange's table of transmissions; `None` for what belongs to the connection.
pub(super) const fn exchange_place(kind: SegmentKind) -> Option<usize> {
    match kind {
        SegmentKind::Request => Some(0),
        SegmentKind::RequestAck => Some(1),
        SegmentKind::Response => Some(2),
        SegmentKind::ResponseAck => Some(3),
        SegmentKind::Syn
        | SegmentKind::SynAck
        | SegmentKind::HandshakeAck
        | SegmentKind::ClientFin
        | SegmentKind::ServerFin
        | SegmentKind::FinalAck
        | SegmentKind::Reset
        | SegmentKind::PortUnreachable
        | SegmentKind::HostUnreachable
        | SegmentKind::EarlyFin
        | SegmentKind::Keepalive
        | SegmentKind::KeepaliveAck
        | SegmentKind::Data
        | SegmentKind::DataAck => None,
    }
}
