//! From a probe's records to its hops: plain data that text and JSON are made of.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;
use sim_core::kernel::time::SimTime;
use sim_core::model::ids::NodeId;
use sim_core::trace::words::{AddressPart, ChoiceRule, DropReason, Outcome, SegmentKind, TranslationRule};
use sim_core::trace::{Body, Record, RecordId};

use super::ends::{Goal, Start};
use super::lookup::Lookup;
use super::places::Places;
use super::story::why;
use super::watch::Watch;
use super::wires::Wires;

/// A backend that was to choose from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Its address.
    pub address: SocketAddr,
    /// The pod.
    pub pod: String,
    /// The pod's node.
    pub node: Option<String>,
    /// It was chosen.
    pub chosen: bool,
}

/// A SYN that left the client, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Syn {
    /// When, in nanoseconds since the connection's time.
    pub at: u64,
    /// Why it went no further.
    pub dropped: Option<&'static str>,
}

/// What happens at a hop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "hop", rename_all = "kebab-case")]
pub enum Step {
    /// A name becomes an address.
    Lookup(Lookup),
    /// The client's kernel opens a socket; without `source` it says no before that.
    Dial {
        /// Its own end.
        source: Option<SocketAddr>,
        /// The end it dials.
        destination: SocketAddr,
    },
    /// A backend is chosen.
    Choice {
        /// Who chooses, and how.
        rule: &'static str,
        /// Which of them, from 0.
        index: u32,
        /// All of them, in the list's own order.
        candidates: Vec<Candidate>,
    },
    /// An address is replaced.
    Translation {
        /// By which rule.
        rule: &'static str,
        /// `source` (SNAT) or `destination` (DNAT).
        part: &'static str,
        /// What stood there.
        from: SocketAddr,
        /// What stands there now.
        to: SocketAddr,
    },
    /// The SYN reaches a node.
    Arrival {
        /// The links it crossed; none inside a node.
        links: Vec<String>,
    },
    /// All SYNs of a client that sent more than one, or none that arrived.
    Syns {
        /// In order.
        syns: Vec<Syn>,
        /// What stopped the first one that was stopped.
        because: Option<String>,
    },
    /// Nobody answers ARP on the client's own node.
    Arp {
        /// Whose address was asked for.
        address: String,
    },
    /// A node answers in place of a server: `RST`, `ICMP-port-unreachable`, `ICMP-host-unreachable`.
    Answer {
        /// The answer.
        segment: &'static str,
    },
    /// The SYN-ACK reaches the client: `connect()` returns.
    Connected,
    /// A server's worker accepts the connection.
    Accepted {
        /// The pod.
        pod: String,
        /// How long it waited in the accept queue, in nanoseconds.
        queued: u64,
    },
    /// A packet of the established connection is lost.
    Lost {
        /// What it was.
        segment: &'static str,
        /// Why.
        reason: &'static str,
        /// What stopped it.
        because: Option<String>,
    },
    /// The server has written its response.
    Response {
        /// The pod.
        pod: String,
    },
}

/// One hop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hop {
    /// When, in nanoseconds since the connection's time.
    pub at: u64,
    /// On which node.
    pub node: String,
    /// What happens.
    #[serde(flatten)]
    pub step: Step,
}

/// Conntrack entries of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conntrack {
    /// The node.
    pub node: String,
    /// How many.
    pub entries: u32,
}

/// A connection from one end to the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// Who asks.
    pub from: String,
    /// What was typed as its target.
    pub to: String,
    /// The arm.
    pub arm: String,
    /// The address model.
    pub model: String,
    /// When, in nanoseconds since the start of the run.
    pub at: u64,
    /// The hops in order.
    pub hops: Vec<Hop>,
    /// The client's socket: its own end, then the other one.
    pub client_sees: Option<[SocketAddr; 2]>,
    /// The server's socket: the other end, then its own one.
    pub server_sees: Option<[SocketAddr; 2]>,
    /// Entries by node, in the order of the way.
    pub conntrack: Vec<Conntrack>,
    /// How it ended: `ok`, an errno, or what the client decided.
    pub outcome: &'static str,
    /// After how many nanoseconds; nothing when it has not.
    pub took: Option<u64>,
    /// What decided a failure.
    pub because: Option<String>,
    /// The pod that answered in place of the one that was named.
    pub wrong_pod: Option<String>,
}

/// A name that leads nowhere: no connection is made.
pub fn unresolved(start: &Start, to: &str, at: SimTime, lookup: Lookup, places: &Places) -> Connection {
    let header = places.header();
    Connection {
        from: start.name.clone(),
        to: to.to_owned(),
        arm: header.arm.clone(),
        model: header.model.clone(),
        at: at.as_nanos(),
        hops: vec![Hop { at: 0, node: places.names.node(start.node), step: Step::Lookup(lookup) }],
        client_sees: None,
        server_sees: None,
        conntrack: Vec::new(),
        outcome: Outcome::DnsError.word(),
        took: Some(0),
        because: None,
        wrong_pod: None,
    }
}

/// The hops of a probe that was watched to its end.
pub fn hops(start: &Start, to: &str, at: SimTime, goal: &Goal, watch: &Watch, wires: &Wires) -> Connection {
    let lookup = goal.lookup.clone().unwrap_or(Lookup::Unknown { name: String::new() });
    let mut connection = unresolved(start, to, at, lookup, &watch.places);
    if goal.lookup.is_none() {
        connection.hops.clear();
    }
    connection.outcome = "unfinished";
    connection.took = None;
    let reached = start.node;
    let offered = Vec::new();
    let mut walk = Walk {
        start,
        watch,
        wires,
        connection,
        reached,
        offered,
        towards: None,
        syns: Vec::new(),
        entries: Vec::new(),
        packet: None,
    };
    for record in &watch.own {
        walk.take(record);
    }
    walk.finish(goal)
}

/// The way so far.
struct Walk<'a> {
    start: &'a Start,
    watch: &'a Watch,
    wires: &'a Wires,
    connection: Connection,
    /// The node that the first SYN has reached.
    reached: NodeId,
    /// The node that the SYN is sent to, where the client's node knows it.
    towards: Option<NodeId>,
    offered: Vec<Candidate>,
    syns: Vec<(Syn, RecordId)>,
    entries: Vec<(NodeId, u32)>,
    /// Addresses of the first SYN now: source, destination.
    packet: Option<[SocketAddr; 2]>,
}

impl Walk<'_> {
    fn since(&self, time: SimTime) -> u64 {
        time.as_nanos().saturating_sub(self.connection.at)
    }

    fn push(&mut self, record: &Record, node: NodeId, step: Step) {
        let node = self.watch.places.names.node(node);
        self.connection.hops.push(Hop { at: self.since(record.time), node, step });
    }

    fn why(&self, because: RecordId) -> Option<String> {
        why(because, &self.watch.others, &self.watch.places.names)
    }

    #[allow(clippy::wildcard_enum_match_arm)] // the probe's segments are taken apart below
    fn take(&mut self, record: &Record) {
        match record.body {
            Body::ConnectionOpened { address, port, via, pod, .. } => {
                let host = pod.and_then(|pod| self.watch.places.pods.get(pod.0)?.node);
                self.towards = via.or(host);
                let destination = SocketAddr::new(address, port);
                self.push(record, self.start.node, Step::Dial { source: None, destination });
            }
            Body::SocketOpened { address, port, .. } => self.socket(SocketAddr::new(address, port)),
            Body::BackendOffered { node, pod, address, port, .. } => {
                self.arrive(record, node);
                let on = self.watch.places.pods.get(pod.0).and_then(|pod| pod.node);
                let names = &self.watch.places.names;
                let (pod, node) = (names.pod(pod), on.map(|node| names.node(node)));
                self.offered.push(Candidate { address: SocketAddr::new(address, port), pod, node, chosen: false });
            }
            Body::BackendChosen { node, rule, place, .. } => self.chosen(record, node, rule, place),
            Body::AddressTranslated { node, rule, part, from, from_port, to, to_port, .. } => {
                let (from, to) = (SocketAddr::new(from, from_port), SocketAddr::new(to, to_port));
                self.translated(record, node, rule, part, from, to);
            }
            Body::ConntrackEntered { node, entries, .. } => {
                self.arrive(record, node);
                match self.entries.iter_mut().find(|(known, _)| *known == node) {
                    Some((_, count)) => *count += u32::from(entries),
                    None => self.entries.push((node, u32::from(entries))),
                }
            }
            Body::ConnectionAccepted { pod, established, .. } => {
                let queued = record.time.as_nanos().saturating_sub(established);
                let pod = self.watch.places.names.pod(pod);
                self.push(record, self.reached, Step::Accepted { pod, queued });
            }
            Body::ResponseSent { pod, .. } => {
                let pod = self.watch.places.names.pod(pod);
                self.push(record, self.reached, Step::Response { pod });
            }
            Body::RequestEnded { outcome, .. } => {
                self.connection.outcome = outcome.word();
                self.connection.took = Some(self.since(record.time));
                self.connection.because = self.why(record.because);
            }
            _ => self.segment(record),
        }
    }

    fn socket(&mut self, own: SocketAddr) {
        if let Some(Hop { step: Step::Dial { source, destination }, .. }) = self.connection.hops.last_mut() {
            *source = Some(own);
            self.connection.client_sees = Some([own, *destination]);
            self.packet = Some([own, *destination]);
        }
    }

    /// The SYN has come over the links to a node.
    fn arrive(&mut self, record: &Record, node: NodeId) {
        if node != self.reached {
            let links = self.wires.between(self.reached, node);
            self.reached = node;
            self.push(record, node, Step::Arrival { links });
        }
    }

    fn chosen(&mut self, record: &Record, node: NodeId, rule: ChoiceRule, place: u32) {
        let mut candidates = std::mem::take(&mut self.offered);
        if let Some(candidate) = candidates.get_mut(place as usize) {
            candidate.chosen = true;
        }
        self.push(record, node, Step::Choice { rule: rule.word(), index: place, candidates });
    }

    fn translated(
        &mut self,
        record: &Record,
        node: NodeId,
        rule: TranslationRule,
        part: AddressPart,
        from: SocketAddr,
        to: SocketAddr,
    ) {
        self.arrive(record, node);
        if let Some([source, destination]) = &mut self.packet {
            match part {
                AddressPart::Source => *source = to,
                AddressPart::Destination => *destination = to,
            }
        }
        self.push(record, node, Step::Translation { rule: rule.word(), part: part.word(), from, to });
    }

    #[allow(clippy::wildcard_enum_match_arm)] // acknowledgements and the close are no hops
    fn segment(&mut self, record: &Record) {
        match record.body {
            Body::SegmentSent { segment: SegmentKind::Syn, .. } => {
                self.syns.push((Syn { at: self.since(record.time), dropped: None }, 0));
            }
            Body::SegmentDropped { segment: SegmentKind::Syn, reason, .. } => {
                self.syn_dropped(reason, record.because);
            }
            Body::SegmentReceived { segment: SegmentKind::Syn, node, .. } => self.arrive(record, node),
            Body::SegmentSent { segment: SegmentKind::SynAck, .. } => self.connection.server_sees = self.packet,
            Body::SegmentReceived { segment: SegmentKind::SynAck, .. }
                if !self.has(|step| *step == Step::Connected) =>
            {
                self.tell_syns(false);
                self.push(record, self.start.node, Step::Connected);
            }
            Body::SegmentSent { segment, node, .. } if is_answer(segment) && self.connection.server_sees.is_none() => {
                self.push(record, node, Step::Answer { segment: segment.word() });
            }
            Body::SegmentDropped { segment, reason, .. } => {
                let (segment, reason, because) = (segment.word(), reason.word(), self.why(record.because));
                self.push(record, self.reached, Step::Lost { segment, reason, because });
            }
            _ => {}
        }
    }

    fn syn_dropped(&mut self, reason: DropReason, because: RecordId) {
        if let Some((syn, decided)) = self.syns.iter_mut().rev().find(|(syn, _)| syn.dropped.is_none()) {
            syn.dropped = Some(reason.word());
            *decided = because;
        }
    }

    /// The SYNs are told when there is more to say than that one came through; a failure's own reason stands elsewhere.
    fn tell_syns(&mut self, failed: bool) {
        let dropped = self.syns.iter().find(|(syn, _)| syn.dropped.is_some()).map(|(_, because)| *because);
        if self.syns.len() < 2 && dropped.is_none() {
            return;
        }
        let because = dropped.filter(|_| !failed).and_then(|because| self.why(because));
        let syns: Vec<Syn> = std::mem::take(&mut self.syns).into_iter().map(|(syn, _)| syn).collect();
        let node = self.watch.places.names.node(self.start.node);
        let at = syns.first().map_or(0, |syn| syn.at);
        self.connection.hops.push(Hop { at, node, step: Step::Syns { syns, because } });
    }

    fn finish(mut self, goal: &Goal) -> Connection {
        if !self.has(|step| *step == Step::Connected) {
            self.explain_failure();
        }
        // An answered refusal takes the entries away at once (linux-kernel section 6).
        if self.connection.outcome != Outcome::ConnectionRefused.word() {
            let names = &self.watch.places.names;
            let of_node = |(node, entries): &(NodeId, u32)| Conntrack { node: names.node(*node), entries: *entries };
            self.connection.conntrack = self.entries.iter().map(of_node).collect();
        }
        let answered = self.watch.own.iter().rev().find_map(|record| {
            let Body::RequestEnded { pod, outcome: Outcome::Ok, .. } = record.body else { return None };
            pod
        });
        let other = answered.filter(|answered| goal.meant.is_some_and(|meant| meant != *answered));
        self.connection.wrong_pod = other.map(|pod| self.watch.places.pod_on_node(pod));
        self.connection
    }

    fn has(&self, wanted: impl Fn(&Step) -> bool) -> bool {
        self.connection.hops.iter().any(|hop| wanted(&hop.step))
    }

    /// An answer of a node says it all; silence is told by its SYNs, a failed ARP by itself.
    fn explain_failure(&mut self) {
        if self.has(|step| matches!(step, Step::Answer { .. })) {
            return;
        }
        let unreachable = self.connection.outcome == Outcome::HostUnreachable.word();
        if unreachable || self.syns.is_empty() && self.packet.is_some() {
            let node = self.watch.places.names.node(self.start.node);
            let address = self.asked_for().map_or(String::new(), |address| address.to_string());
            self.connection.hops.push(Hop { at: 0, node, step: Step::Arp { address } });
        }
        self.tell_syns(true);
    }

    /// Whose address the client's node asks ARP for: the next node's, or that of a pod of its own.
    fn asked_for(&self) -> Option<IpAddr> {
        let away = self.towards.filter(|node| *node != self.start.node);
        let next = away.and_then(|node| self.watch.places.nodes.get(node.0)?.address);
        next.or(self.packet.map(|[_, destination]| destination.ip()))
    }
}

fn is_answer(segment: SegmentKind) -> bool {
    matches!(segment, SegmentKind::Reset | SegmentKind::PortUnreachable | SegmentKind::HostUnreachable)
}
