//! Sequence and acknowledgement numbers of one connection, from what its records say was sent and what arrived. Knows no
//! address and no file.

use std::collections::VecDeque;

use sim_core::kernel::time::SimTime;
use sim_core::model::ids::SourceId;
use sim_core::trace::RecordId;
use sim_core::trace::words::SegmentKind;

use super::frames::{Flags, Tcp};

/// Payload of a full packet, for packets whose first transmission was never seen.
const FULL: u64 = 1_448;
/// Messages, and packets of long messages, whose places are remembered; what is resent is never that old.
const REMEMBERED: usize = 4_096;
/// Packets under way that are remembered: one that a node takes in silence is never heard of again.
const UNDER_WAY: usize = 8_192;

/// What a record calls a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label {
    pub kind: SegmentKind,
    pub source: SourceId,
    pub number: u64,
    /// Of data: which packet.
    pub packet: u32,
    pub to_client: bool,
}

/// A segment that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub label: Label,
    /// The record that says so.
    pub record: RecordId,
    pub attempt: u8,
    pub bytes: u32,
    pub tcp: Tcp,
    /// What it takes of its direction's numbers.
    range: (u64, u64),
}

/// One direction of a connection. Places are counted from the SYN, which has place 0.
#[derive(Clone, Debug, Default)]
struct Half {
    initial: u32,
    opened: bool,
    next: u64,
    fin: Option<u64>,
    messages: VecDeque<(SourceId, u64, u64)>,
    packets: VecDeque<(u32, u64)>,
    /// Everything before this place has arrived.
    arrived: u64,
    /// What has arrived beyond it.
    ahead: Vec<(u64, u64)>,
    /// The sender's clock on the last segment that arrived.
    stamp: u32,
}

/// The state of one connection.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    halves: [Half; 2],
    under_way: VecDeque<Sent>,
    asked: Option<Sent>,
    /// It began without a SYN: a datagram and its answer.
    pub datagrams: bool,
    reset: bool,
    pub last_seen: SimTime,
    pub closed: bool,
}

impl Stream {
    /// A connection whose first segment is of this kind.
    pub(super) fn new(opened: RecordId, first: SegmentKind) -> Self {
        let half = |direction| Half { initial: initial_number(opened, direction), ..Half::default() };
        Self {
            halves: [half(0), half(1)],
            under_way: VecDeque::new(),
            asked: None,
            datagrams: matches!(first, SegmentKind::Request | SegmentKind::Response),
            reset: false,
            last_seen: SimTime::ZERO,
            // What comes behind the end of its connection is followed by no record that ends it.
            closed: !matches!(first, SegmentKind::Syn | SegmentKind::Request),
        }
    }

    /// A segment is sent.
    pub(super) fn send(&mut self, label: Label, record: RecordId, attempt: u8, bytes: u32, time: SimTime) -> Sent {
        let (own, other) = (usize::from(label.to_client), usize::from(!label.to_client));
        let peer = &self.halves[other];
        let unopened = !self.halves[own].opened;
        let acknowledgement = number(peer.initial, peer.arrived);
        let flags = flags_of(label.kind, unopened || peer.arrived > 0);
        let stamps = (clock(own, time), peer.stamp);
        let range = self.halves[own].take_place(label, attempt, u64::from(bytes));
        let half = &self.halves[own];
        let sequence = if unopened && label.kind == SegmentKind::Reset { 0 } else { number(half.initial, range.0) };
        let tcp = Tcp { flags, sequence, acknowledgement, stamps };
        let sent = Sent { label, record, attempt, bytes, tcp, range };
        if !label.to_client {
            self.asked = Some(sent);
        }
        self.under_way.push_back(sent);
        if self.under_way.len() > UNDER_WAY {
            self.under_way.pop_front();
        }
        self.last_seen = time;
        sent
    }

    /// A segment arrives; `None` when it was never sent.
    pub(super) fn receive(&mut self, label: Label, time: SimTime) -> Option<Sent> {
        let sent = self.take_off(label)?;
        let half = &mut self.halves[usize::from(label.to_client)];
        half.stamp = sent.tcp.stamps.0;
        half.take_in(sent.range);
        self.reset |= label.kind == SegmentKind::Reset;
        self.last_seen = time;
        Some(sent)
    }

    /// A segment is dropped on its way.
    pub(super) fn lose(&mut self, label: Label) {
        self.take_off(label);
    }

    /// Whether nothing more can come: both ends have closed, or one has reset or has its answer, and nothing is under way.
    pub(super) fn is_over(&self) -> bool {
        let closed = self.halves.iter().all(|half| half.fin.is_some_and(|fin| half.arrived > fin));
        // A server that never answered knows nothing of the connection; one that gets a datagram answers whenever it likes.
        let settled = if self.datagrams { self.halves[1].next > 0 } else { !self.halves[1].opened };
        self.closed && self.under_way.is_empty() && (closed || self.reset || settled)
    }

    /// What the client sent last, which an error may be about.
    pub(super) fn asked(&self) -> Option<Sent> {
        self.asked
    }

    /// Segments of one label keep their order on the way.
    fn take_off(&mut self, label: Label) -> Option<Sent> {
        let place = self.under_way.iter().position(|sent| sent.label == label)?;
        self.under_way.remove(place)
    }
}

impl Half {
    /// Where a segment begins and ends among its direction's numbers.
    fn take_place(&mut self, label: Label, attempt: u8, bytes: u64) -> (u64, u64) {
        match label.kind {
            SegmentKind::Syn | SegmentKind::SynAck => {
                self.opened = true;
                self.next = self.next.max(1);
                (0, 1)
            }
            SegmentKind::Request | SegmentKind::Response => {
                let start = self.message(label, attempt);
                self.next = self.next.max(start + bytes);
                (start, start + bytes)
            }
            SegmentKind::Data => {
                let start = self.packet(label.packet);
                self.next = self.next.max(start + bytes);
                (start, start + bytes)
            }
            SegmentKind::ClientFin | SegmentKind::ServerFin | SegmentKind::EarlyFin => {
                let fin = *self.fin.get_or_insert(self.next);
                self.next = self.next.max(fin + 1);
                (fin, fin + 1)
            }
            // A keepalive probe repeats the last number that was acknowledged.
            SegmentKind::Keepalive => (self.next.saturating_sub(1), self.next.saturating_sub(1)),
            SegmentKind::HandshakeAck
            | SegmentKind::RequestAck
            | SegmentKind::FinalAck
            | SegmentKind::Reset
            | SegmentKind::PortUnreachable
            | SegmentKind::HostUnreachable
            | SegmentKind::ResponseAck
            | SegmentKind::KeepaliveAck
            | SegmentKind::DataAck => (self.next, self.next),
        }
    }

    /// Where a message begins: a first transmission behind everything else, any other where it was.
    fn message(&mut self, label: Label, attempt: u8) -> u64 {
        let whose = (label.source, label.number);
        let mut known = self.messages.iter().rev();
        if attempt > 0
            && let Some((_, _, start)) = known.find(|(source, number, _)| (*source, *number) == whose)
        {
            return *start;
        }
        self.messages.push_back((label.source, label.number, self.next));
        if self.messages.len() > REMEMBERED {
            self.messages.pop_front();
        }
        self.next
    }

    /// Where a packet of a long message begins; one that was never sent first had full packets before it.
    fn packet(&mut self, packet: u32) -> u64 {
        let Some((first, start)) = self.packets.front().copied() else {
            self.packets.push_back((packet, self.next));
            return self.next;
        };
        if packet < first {
            return start.saturating_sub(u64::from(first - packet) * FULL);
        }
        let place = (packet - first) as usize;
        if let Some((_, start)) = self.packets.get(place) {
            return *start;
        }
        let missing = place - self.packets.len();
        for unseen in (0..missing).rev() {
            let number = packet - 1 - u32::try_from(unseen).expect("packets are numbered by 32 bits");
            self.packets.push_back((number, self.next));
            self.next += FULL;
        }
        self.packets.push_back((packet, self.next));
        while self.packets.len() > REMEMBERED {
            self.packets.pop_front();
        }
        self.next
    }

    fn take_in(&mut self, (start, end): (u64, u64)) {
        if start == end {
            return;
        }
        self.ahead.push((start, end));
        self.ahead.sort_unstable();
        let within = |arrived: u64, (start, end): (u64, u64)| if start <= arrived { arrived.max(end) } else { arrived };
        self.arrived = self.ahead.iter().fold(self.arrived, |arrived, range| within(arrived, *range));
        self.ahead.retain(|(_, end)| *end > self.arrived);
    }
}

fn flags_of(kind: SegmentKind, acknowledges: bool) -> Flags {
    match kind {
        SegmentKind::Syn => Flags::SYN,
        SegmentKind::SynAck => Flags::SYN.and(Flags::ACK),
        SegmentKind::Request | SegmentKind::Response | SegmentKind::Data => Flags::PSH.and(Flags::ACK),
        SegmentKind::ClientFin | SegmentKind::ServerFin | SegmentKind::EarlyFin => Flags::FIN.and(Flags::ACK),
        SegmentKind::Reset if acknowledges => Flags::RST.and(Flags::ACK),
        SegmentKind::Reset => Flags::RST,
        SegmentKind::HandshakeAck
        | SegmentKind::RequestAck
        | SegmentKind::FinalAck
        | SegmentKind::PortUnreachable
        | SegmentKind::HostUnreachable
        | SegmentKind::ResponseAck
        | SegmentKind::Keepalive
        | SegmentKind::KeepaliveAck
        | SegmentKind::DataAck => Flags::ACK,
    }
}

/// A place as a number on the wire, which wraps.
fn number(initial: u32, place: u64) -> u32 {
    let wrapped = u32::try_from(place & u64::from(u32::MAX)).expect("it was masked");
    initial.wrapping_add(wrapped)
}

/// The clock of an end, in milliseconds; the two of them differ, as clocks of different machines do.
fn clock(end: usize, time: SimTime) -> u32 {
    let milliseconds = time.as_nanos() / 1_000_000 + if end == 0 { 1 } else { 1_000_000 };
    u32::try_from(milliseconds & u64::from(u32::MAX)).expect("it was masked")
}

/// A number that looks random and depends on nothing but the connection's record (the finaliser of `SplitMix64`).
fn initial_number(opened: RecordId, direction: u64) -> u32 {
    let mut mixed = (opened * 2 + direction).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    u32::try_from(mixed >> 32).expect("half of it is left")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(kind: SegmentKind, packet: u32, to_client: bool) -> Label {
        Label { kind, source: SourceId(0), number: 0, packet, to_client }
    }

    /// Sends a segment that arrives at once.
    fn pass(stream: &mut Stream, label: Label, bytes: u32) -> Tcp {
        let sent = stream.send(label, 1, 0, bytes, SimTime::ZERO);
        assert_eq!(stream.receive(label, SimTime::ZERO), Some(sent));
        sent.tcp
    }

    fn open() -> (Stream, u32, u32) {
        let mut stream = Stream::new(7, SegmentKind::Syn);
        let syn = pass(&mut stream, label(SegmentKind::Syn, 0, false), 0);
        let answer = pass(&mut stream, label(SegmentKind::SynAck, 0, true), 0);
        assert_eq!(answer.acknowledgement, syn.sequence.wrapping_add(1));
        (stream, syn.sequence, answer.sequence)
    }

    #[test]
    fn every_byte_and_each_syn_and_fin_takes_a_number() {
        let (mut stream, client, server) = open();
        let ack = pass(&mut stream, label(SegmentKind::HandshakeAck, 0, false), 0);
        assert_eq!((ack.sequence, ack.acknowledgement), (client.wrapping_add(1), server.wrapping_add(1)));
        pass(&mut stream, label(SegmentKind::Request, 0, false), 200);
        let response = pass(&mut stream, label(SegmentKind::Response, 0, true), 4_096);
        assert_eq!((response.sequence, response.acknowledgement), (server.wrapping_add(1), client.wrapping_add(201)));
        let fin = pass(&mut stream, label(SegmentKind::ClientFin, 0, false), 0);
        assert_eq!((fin.sequence, fin.acknowledgement), (client.wrapping_add(201), server.wrapping_add(4_097)));
        let fin = pass(&mut stream, label(SegmentKind::ServerFin, 0, true), 0);
        assert_eq!((fin.sequence, fin.acknowledgement), (server.wrapping_add(4_097), client.wrapping_add(202)));
        assert!(!stream.is_over(), "its client has not closed");
        stream.closed = true;
        assert!(stream.is_over());
    }

    #[test]
    fn what_is_sent_again_has_its_number_and_a_gap_holds_acknowledgements_back() {
        let (mut stream, _, server) = open();
        let data = |packet| label(SegmentKind::Data, packet, true);
        let first = stream.send(data(0), 1, 0, 1_448, SimTime::ZERO).tcp;
        pass(&mut stream, data(1), 1_448);
        pass(&mut stream, data(2), 100);
        let ack = pass(&mut stream, label(SegmentKind::DataAck, 0, false), 0);
        assert_eq!(ack.acknowledgement, first.sequence, "the first packet is missing");
        stream.lose(data(0));
        let again = stream.send(data(0), 1, 1, 1_448, SimTime::ZERO).tcp;
        assert_eq!((again.sequence, first.sequence), (first.sequence, server.wrapping_add(1)));
        stream.receive(data(0), SimTime::ZERO);
        let ack = pass(&mut stream, label(SegmentKind::DataAck, 0, false), 0);
        assert_eq!(ack.acknowledgement, server.wrapping_add(1 + 2 * 1_448 + 100));
    }

    #[test]
    fn a_refusal_acknowledges_the_syn_alone() {
        let mut stream = Stream::new(7, SegmentKind::Syn);
        let syn = pass(&mut stream, label(SegmentKind::Syn, 0, false), 0);
        let reset = pass(&mut stream, label(SegmentKind::Reset, 0, true), 0);
        assert_eq!((reset.sequence, reset.acknowledgement), (0, syn.sequence.wrapping_add(1)));
        assert_eq!(reset.flags, Flags::RST.and(Flags::ACK));
    }
}
