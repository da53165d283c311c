//! A timeline for Perfetto (`TrackEvent` packets): nodes, pods on them, and on each the requests that it makes, the
//! connections that it serves, and what happens to it. Arrows follow causes. Knows no engine.
//!
//! <https://perfetto.dev/docs/reference/trace-packet-proto>. Slices of one track must be nested, so requests that overlap
//! stand on tracks of the same name, which Perfetto shows as one.

mod lanes;
mod packets;

use std::collections::BTreeMap;
use std::io::Write;

use sim_core::model::ids::{NodeId, PodId};
use sim_core::trace::fields::{Client, Value};
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Level, Record, RecordId, TraceHeader};

use super::error::ConvertError;
use super::{Converter, Filtering, Format, Output};
use crate::id_map::IdMap;
use crate::trace_io::Names;
use lanes::{Lane, Lanes};
use packets::{Annotation, Event, Packets, Phase};

/// The timeline.
pub(super) const FORMAT: Format = Format {
    name: "perfetto",
    doc: "a timeline for ui.perfetto.dev: nodes, pods, connections, a slice per request, arrows along causes",
    needs: Level::Request,
    filtering: Filtering::Before,
    text: false,
    tabular: false,
    ending: "perfetto-trace",
    begin: |out, header, _, _| Ok(Box::new(Timeline::new(out, header)?)),
};

/// What a slice or an instant stands for; queries select by it.
const REQUEST: &str = "request";
const CONNECTION: &str = "connection";
const CLUSTER: &str = "cluster";

struct Timeline<W> {
    packets: Packets<W>,
    names: Names,
    lanes: Lanes,
    hosts: IdMap<Option<NodeId>>,
    requests: BTreeMap<(u32, u64), Lane>,
    connections: BTreeMap<RecordId, Lane>,
}

/// Whose track something stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Cluster,
    Node(NodeId),
    Pod(PodId),
}

impl<W: Write> Timeline<W> {
    fn new(out: W, header: &TraceHeader) -> Result<Self, ConvertError> {
        let mut timeline = Self {
            packets: Packets::new(out),
            names: Names::new(header),
            lanes: Lanes::default(),
            hosts: IdMap::default(),
            requests: BTreeMap::new(),
            connections: BTreeMap::new(),
        };
        // In the order of the file, whatever happens first.
        timeline.track(Place::Cluster)?;
        for node in 0..header.nodes.len() {
            timeline.track(Place::Node(NodeId::from_index(node)))?;
        }
        Ok(timeline)
    }

    /// The track of a place, described when it is met first.
    fn track(&mut self, place: Place) -> Result<u64, ConvertError> {
        let (track, parent, name) = match place {
            Place::Cluster => (1, None, "cluster".to_owned()),
            Place::Node(node) => (1 << 32 | u64::from(node.0), None, self.names.node(node)),
            Place::Pod(pod) => {
                let host = self.hosts.get(pod.0).copied().flatten();
                let parent = host.map_or(1, |node| 1 << 32 | u64::from(node.0));
                (2 << 32 | u64::from(pod.0), Some(parent), self.names.pod(pod))
            }
        };
        if self.lanes.is_new(track) {
            self.packets.track(track, parent, &name)?;
        }
        Ok(track)
    }

    /// A free track for a slice below a place's.
    fn lane(&mut self, place: Place, name: &'static str) -> Result<Lane, ConvertError> {
        let parent = self.track(place)?;
        let (lane, is_new) = self.lanes.take(parent, name);
        if is_new {
            self.packets.track(lane.track, Some(parent), name)?;
        }
        Ok(lane)
    }

    #[allow(clippy::wildcard_enum_match_arm)] // all else happens to the cluster, a node or a pod
    fn note(&mut self, record: &Record) -> Result<(), ConvertError> {
        match record.body {
            Body::RequestArrived { source, number, client, .. } => {
                self.request_begins(record, source.0, number, client)
            }
            Body::RequestEnded { source, number, outcome, pod } => {
                self.request_ends(record, (source.0, number), outcome, pod)
            }
            Body::ConnectionOpened { pod, via, address, port, .. } => {
                let place = pod.map(Place::Pod).or(via.map(Place::Node)).unwrap_or(Place::Cluster);
                let lane = self.lane(place, "connections")?;
                self.connections.insert(record.id, lane);
                let to = format!("{address}:{port}");
                let annotations = [Annotation::Number("record", record.id)];
                // What chose the backend decides about every connection: an arrow from it to each would hide all others.
                let begins = Record { because: 0, ..*record };
                let begins = event(lane.track, Phase::Begin, CONNECTION, &to, &begins, &annotations);
                self.packets.event(record.time, &begins)
            }
            Body::ConnectionClosed { outcome, .. } => {
                let Some(lane) = self.connections.remove(&record.cause) else { return Ok(()) };
                self.lanes.free(lane);
                let annotations = [Annotation::Text("outcome", outcome.word())];
                let end = Event { track: lane.track, phase: Phase::End, annotations: &annotations, ..Event::default() };
                self.packets.event(record.time, &end)
            }
            Body::PodScheduled { pod, node } => {
                *self.hosts.slot(pod.0) = Some(node);
                self.happens(record)
            }
            _ if tells_of_a_connection(&record.body) => Ok(()),
            _ => self.happens(record),
        }
    }

    fn request_begins(
        &mut self,
        record: &Record,
        source: u32,
        number: u64,
        client: Client,
    ) -> Result<(), ConvertError> {
        let place = match client {
            Client::Pod(pod) => Place::Pod(pod),
            Client::Node(node) => Place::Node(node),
            Client::None => Place::Cluster,
        };
        let lane = self.lane(place, "requests")?;
        self.requests.insert((source, number), lane);
        let name = self.names.source(sim_core::model::ids::SourceId(source));
        let annotations = [Annotation::Number("number", number), Annotation::Number("record", record.id)];
        self.packets.event(record.time, &event(lane.track, Phase::Begin, REQUEST, &name, record, &annotations))
    }

    /// The slice ends; a failure also stands there as an instant, from which an arrow leads back to what decided it.
    fn request_ends(
        &mut self,
        record: &Record,
        request: (u32, u64),
        outcome: Outcome,
        pod: Option<PodId>,
    ) -> Result<(), ConvertError> {
        let Some(lane) = self.requests.remove(&request) else { return Ok(()) };
        self.lanes.free(lane);
        let pod = pod.map_or_else(|| "-".to_owned(), |pod| self.names.pod(pod));
        let annotations = [Annotation::Text("outcome", outcome.word()), Annotation::Text("pod", &pod)];
        if outcome != Outcome::Ok {
            let failure = event(lane.track, Phase::Instant, "failure", outcome.word(), record, &[]);
            self.packets.event(record.time, &failure)?;
        }
        let end = Event { track: lane.track, phase: Phase::End, annotations: &annotations, ..Event::default() };
        self.packets.event(record.time, &end)
    }

    /// Something happens to a pod, to a node or to the cluster.
    fn happens(&mut self, record: &Record) -> Result<(), ConvertError> {
        let track = self.track(place_of(&record.body))?;
        let annotations = [Annotation::Number("record", record.id)];
        let instant = event(track, Phase::Instant, CLUSTER, record.body.kind(), record, &annotations);
        self.packets.event(record.time, &instant)
    }
}

/// An event from which an arrow can lead to what it causes, and to which one leads from its own cause and decision.
fn event<'a>(
    track: u64,
    phase: Phase,
    category: &'static str,
    name: &'a str,
    record: &Record,
    annotations: &'a [Annotation<'a>],
) -> Event<'a> {
    Event { track, phase, category, name, flows: [record.id, record.cause, record.because], annotations }
}

/// Records of the way of a connection, which has a slice of its own.
#[allow(clippy::wildcard_enum_match_arm)] // whatever is not listed is told
fn tells_of_a_connection(body: &Body) -> bool {
    matches!(
        body,
        Body::ConnectionAccepted { .. }
            | Body::ResponseSent { .. }
            | Body::ConnectionReused { .. }
            | Body::RequestRetried { .. }
            | Body::RequestHedged { .. }
            | Body::NameResolved { .. }
            | Body::ConntrackPeak { .. }
            | Body::FlowOpened { .. }
    ) || body.level() == Level::Segment
}

/// The pod that a record names first, or else the node.
fn place_of(body: &Body) -> Place {
    let mut place = Place::Cluster;
    #[allow(clippy::wildcard_enum_match_arm)] // nothing else has a track
    body.visit(&mut |_, value| {
        place = match (place, value) {
            (Place::Pod(pod), _) | (_, Value::Pod(pod)) => Place::Pod(pod),
            (Place::Node(node), _) | (_, Value::Node(node)) => Place::Node(node),
            (Place::Cluster, _) => Place::Cluster,
        }
    });
    place
}

impl Converter for Timeline<Output<'_>> {
    fn take(&mut self, record: &Record) -> Result<(), ConvertError> {
        self.names.learn(record);
        self.note(record)
    }

    fn finish(self: Box<Self>) -> Result<Vec<String>, ConvertError> {
        self.packets.finish()?;
        Ok(Vec::new())
    }
}
