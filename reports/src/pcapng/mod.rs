//! Captures for Wireshark and tshark: every packet at every interface that it passes, as records of segments say. Knows
//! records and frames; knows no engine.
//!
//! A train of segments is one frame, as on a machine that leaves the cutting to its network card.

mod blocks;
mod frames;
mod interfaces;
mod stream;

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};

use etherparse::icmpv4::DestUnreachableHeader;
use sim_core::kernel::time::{SimDuration, SimTime};
use sim_core::model::ids::{NodeId, PodId};
use sim_core::trace::ends::Ends;
use sim_core::trace::words::{End, SegmentKind};
use sim_core::trace::{Body, Record, RecordId, TraceHeader};

use crate::convert::{ConvertError, Converter, Picker};
use crate::id_map::IdMap;
use crate::trace_io::Names;
use blocks::Blocks;
use frames::{Envelope, Inner};
use interfaces::{Interface, Interfaces, Passing};
use stream::{Label, Sent, Stream};

/// Payload of one frame at most: 44 full segments, which fit into an IPv4 packet.
const LONGEST_PAYLOAD: usize = 44 * 1_448;
/// Payload of a datagram at most (RFC 768 within RFC 791).
const LONGEST_DATAGRAM: usize = 65_507;
/// A connection whose client has closed and that is silent for so long is over: the longest wait of TCP is 120 s.
const SILENCE: SimDuration = SimDuration::from_secs(130);

/// A capture on its way.
pub(crate) struct Capture<W> {
    blocks: Blocks<W>,
    names: Names,
    interfaces: Interfaces,
    picker: Picker,
    nodes: IdMap<Option<Ipv4Addr>>,
    streams: BTreeMap<RecordId, Stream>,
    closing: VecDeque<(SimTime, RecordId)>,
}

/// A segment at one end: which record says so, where, and its ends there.
struct Sighting {
    record: RecordId,
    time: SimTime,
    node: NodeId,
    pod: Option<PodId>,
    inside: Ends,
    wire: Ends,
    departs: bool,
}

impl<W: Write> Capture<W> {
    /// Starts a capture; `only` names the interfaces that are written, all when it is empty.
    pub(crate) fn new(out: W, header: &TraceHeader, picker: Picker, only: &[String]) -> Result<Self, ConvertError> {
        let comment = format!("scenario {}, arm {}, seed {}", header.scenario, header.arm, header.seed);
        let blocks = Blocks::new(out, &format!("podwire {}", header.version), &comment)?;
        Ok(Self {
            blocks,
            names: Names::new(header),
            interfaces: Interfaces::new(only),
            picker,
            nodes: IdMap::default(),
            streams: BTreeMap::new(),
            closing: VecDeque::new(),
        })
    }

    #[allow(clippy::wildcard_enum_match_arm)] // a capture holds packets; all else names what they are about
    fn note(&mut self, record: &Record) -> io::Result<()> {
        let (time, cause) = (record.time, record.cause);
        match record.body {
            Body::NodeRegistered { node, address: IpAddr::V4(address), .. } => *self.nodes.slot(node.0) = Some(address),
            Body::ConnectionClosed { .. } => self.close(cause, time),
            Body::SegmentSent { source, number, segment, to, attempt, node, pod, inside, wire, packet, bytes } => {
                let label = Label { kind: segment, source, number, packet, to_client: to == End::Client };
                let stream = self.streams.entry(cause).or_insert_with(|| {
                    let stream = Stream::new(cause, segment);
                    if stream.closed {
                        self.closing.push_back((time, cause));
                    }
                    stream
                });
                let sent = stream.send(label, record.id, attempt, bytes, time);
                let sighting = Sighting { record: record.id, time, node, pod, inside, wire, departs: true };
                self.show(record, cause, &sent, &sighting)?;
            }
            Body::SegmentReceived { source, number, segment, to, node, pod, inside, wire, packet } => {
                let label = Label { kind: segment, source, number, packet, to_client: to == End::Client };
                let Some(stream) = self.streams.get_mut(&cause) else { return Ok(()) };
                let Some(sent) = stream.receive(label, time) else { return Ok(()) };
                let sighting = Sighting { record: record.id, time, node, pod, inside, wire, departs: false };
                self.show(record, cause, &sent, &sighting)?;
                self.forget_if_over(cause);
            }
            Body::SegmentDropped { source, number, segment, to, packet, .. } => {
                let label = Label { kind: segment, source, number, packet, to_client: to == End::Client };
                if let Some(stream) = self.streams.get_mut(&cause) {
                    stream.lose(label);
                }
                self.forget_if_over(cause);
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, connection: RecordId, time: SimTime) {
        if let Some(stream) = self.streams.get_mut(&connection) {
            stream.closed = true;
            self.closing.push_back((time, connection));
        }
        self.forget_if_over(connection);
        while let Some((since, connection)) = self.closing.front().copied()
            && since + SILENCE < time
        {
            self.closing.pop_front();
            match self.streams.get(&connection).map(|stream| stream.last_seen) {
                Some(seen) if seen + SILENCE >= time => self.closing.push_back((time, connection)),
                Some(_) => drop(self.streams.remove(&connection)),
                None => {}
            }
        }
    }

    fn forget_if_over(&mut self, connection: RecordId) {
        if self.streams.get(&connection).is_some_and(Stream::is_over) {
            self.streams.remove(&connection);
        }
    }

    /// Writes a segment at the interfaces that it passes at one end, in the order in which it passes them.
    fn show(&mut self, record: &Record, connection: RecordId, sent: &Sent, sighting: &Sighting) -> io::Result<()> {
        if !self.picker.picks(record) {
            return Ok(());
        }
        let Sighting { node, pod, inside, wire, departs, .. } = *sighting;
        let own = pod.map_or(Interface::Loopback(node), |pod| Interface::Pod(node, pod));
        let hops = u8::from(pod.is_some());
        let within = if departs || wire == Ends::NONE { 64 } else { 63 - hops };
        let within = Passing { interface: own, ends: inside, time_to_live: within, departs };
        let between = Passing { interface: Interface::Node(node), ends: wire, time_to_live: 64 - hops, departs };
        let mut passings = [within, between];
        if !departs {
            passings.reverse();
        }
        for passing in passings.iter().filter(|passing| passing.ends != Ends::NONE) {
            if let Some(number) = self.interfaces.number(passing.interface, &self.names, &mut self.blocks)? {
                let stream = &self.streams[&connection];
                let comment = self.comment(sent, sighting.record);
                for frame in self.frames(stream, sent, sighting, passing) {
                    self.blocks.packet(number, sighting.time.as_nanos(), &frame, &comment)?;
                }
            }
        }
        Ok(())
    }

    /// What a packet is, for people: the record, the segment and whose it is.
    fn comment(&self, sent: &Sent, record: RecordId) -> String {
        let (kind, number) = (sent.label.kind.word(), sent.label.number);
        let source = self.names.source(sent.label.source);
        let again = if sent.attempt > 0 { format!(", attempt {}", sent.attempt) } else { String::new() };
        format!("record {record}: {kind} of {source}/{number}{again}")
    }

    fn frames(&self, stream: &Stream, sent: &Sent, sighting: &Sighting, passing: &Passing) -> Vec<Vec<u8>> {
        let envelope = envelope(sent.record, passing);
        let unreachable = if sent.label.kind == SegmentKind::PortUnreachable {
            Some(DestUnreachableHeader::Port)
        } else {
            (sent.label.kind == SegmentKind::HostUnreachable).then_some(DestUnreachableHeader::Host)
        };
        if let Some(kind) = unreachable {
            return vec![self.error(stream, sent, sighting, &envelope, kind)];
        }
        let payload = self.payload(stream, &sent.label, sent.bytes);
        if stream.datagrams {
            return vec![frames::frame(&envelope, &Inner::Udp, &payload)];
        }
        if payload.is_empty() {
            return vec![frames::frame(&envelope, &Inner::Tcp(sent.tcp), &payload)];
        }
        let mut tcp = sent.tcp;
        let mut frames = Vec::new();
        for part in payload.chunks(LONGEST_PAYLOAD) {
            frames.push(frames::frame(&envelope, &Inner::Tcp(tcp), part));
            tcp.sequence = tcp.sequence.wrapping_add(u32::try_from(part.len()).unwrap_or(0));
        }
        frames
    }

    /// An ICMP error: from the address that the client dialled, or from the node that noticed where nothing hides it.
    fn error(
        &self,
        stream: &Stream,
        sent: &Sent,
        sighting: &Sighting,
        envelope: &Envelope,
        kind: DestUnreachableHeader,
    ) -> Vec<u8> {
        let hidden = sighting.inside.source() != sighting.wire.source() && envelope.ends == sighting.inside;
        let noticed = (kind == DestUnreachableHeader::Host && !hidden && sighting.departs)
            .then(|| self.nodes.get(sighting.node.0).copied().flatten())
            .flatten();
        let from = noticed.unwrap_or(*envelope.ends.source().ip());
        let about = Envelope { ends: envelope.ends.reversed(), ..*envelope };
        let (label, bytes, tcp) =
            stream.asked().map_or((sent.label, 0, sent.tcp), |asked| (asked.label, asked.bytes, asked.tcp));
        let inner = if stream.datagrams { Inner::Udp } else { Inner::Tcp(tcp) };
        let about = frames::packet(&about, &inner, &self.payload(stream, &label, bytes));
        frames::error(envelope, from, kind, &about)
    }

    /// Bytes that stand for a payload; a model has none. Text that says whose it is, which no dissector takes for a damaged
    /// message of its own; of a datagram zeros, which a resolver's port takes for an empty question.
    fn payload(&self, stream: &Stream, label: &Label, bytes: u32) -> Vec<u8> {
        if stream.datagrams {
            return vec![0; (bytes as usize).min(LONGEST_DATAGRAM)];
        }
        let (kind, source) = (label.kind.word(), self.names.source(label.source));
        let mut payload = format!("podwire {kind} of {source}/{} ", label.number).into_bytes();
        payload.resize(bytes as usize, b'.');
        payload
    }
}

fn envelope(sent: RecordId, passing: &Passing) -> Envelope {
    let (source_mac, destination_mac) = passing.macs();
    let identification = u16::try_from(sent & u64::from(u16::MAX)).expect("it was masked");
    Envelope { source_mac, destination_mac, ends: passing.ends, identification, time_to_live: passing.time_to_live }
}

impl<W: Write> Converter for Capture<W> {
    fn take(&mut self, record: &Record) -> Result<(), ConvertError> {
        self.names.learn(record);
        self.picker.learn(record);
        Ok(self.note(record)?)
    }

    fn finish(self: Box<Self>) -> Result<Vec<String>, ConvertError> {
        self.blocks.finish()?;
        self.interfaces.notes()
    }
}
