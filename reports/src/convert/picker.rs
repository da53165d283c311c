//! Which records a user wants to see: those of a node, of a request, of a stretch of time. Knows no file and no form.

use std::collections::BTreeSet;

use sim_core::kernel::time::SimTime;
use sim_core::model::ids::{NodeId, PodId, SourceId};
use sim_core::trace::fields::{Client, Value};
use sim_core::trace::{Body, Record, RecordId, TraceHeader};

use super::error::ConvertError;
use crate::id_map::IdMap;
use crate::trace_io::Names;

/// So many names are told when none was right.
const TOLD: usize = 20;

/// What was asked for; a record must meet all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    node: Option<NodeId>,
    request: Option<(SourceId, u64)>,
    from: SimTime,
    to: SimTime,
}

impl Selection {
    /// The whole trace.
    pub const EVERYTHING: Self = Self { node: None, request: None, from: SimTime::ZERO, to: SimTime::MAX };

    /// What is named: a node, a request as `SOURCE/NUMBER` with the calls made for it, the time from `from` to `to`
    /// (both included).
    pub fn new(
        header: &TraceHeader,
        node: Option<&str>,
        request: Option<&str>,
        from: SimTime,
        to: SimTime,
    ) -> Result<Self, ConvertError> {
        let names = Names::new(header);
        let node = node.map(|name| node_named(&names, name)).transpose()?;
        let request = request.map(|text| request_named(&names, text)).transpose()?;
        Ok(Self { node, request, from, to })
    }

    /// Whether nothing is left out.
    pub fn is_everything(&self) -> bool {
        *self == Self::EVERYTHING
    }
}

fn node_named(names: &Names, name: &str) -> Result<NodeId, ConvertError> {
    let nodes = &names.header().nodes;
    let known = names.node_number(name).filter(|node| node.index() < nodes.len());
    known.ok_or_else(|| unknown("node", name, nodes.iter().map(|node| node.name.as_str())))
}

fn request_named(names: &Names, text: &str) -> Result<(SourceId, u64), ConvertError> {
    let parts = text.rsplit_once('/').and_then(|(source, number)| Some((source, number.parse().ok()?)));
    let (source, number) = parts.ok_or_else(|| ConvertError::NoRequest(text.to_owned()))?;
    let sources = &names.header().sources;
    let known = names.source_number(source).filter(|source| source.index() < sources.len());
    let known = known.ok_or_else(|| unknown("source", source, sources.iter().map(|source| source.name.as_str())))?;
    Ok((known, number))
}

fn unknown<'a>(what: &'static str, name: &str, known: impl Iterator<Item = &'a str>) -> ConvertError {
    let known: Vec<&str> = known.take(TOLD).collect();
    ConvertError::Unknown { what, name: name.to_owned(), known: known.join(", ") }
}

/// Tells record by record whether it was asked for; every record must be learned in its turn.
#[derive(Clone, Debug)]
pub struct Picker {
    selection: Selection,
    /// Where pods were placed.
    hosts: IdMap<Option<NodeId>>,
    /// The request that was asked for and the calls below it, and the records of their arrivals.
    requests: BTreeSet<(SourceId, u64)>,
    arrivals: BTreeSet<RecordId>,
}

impl Picker {
    /// Picks by a selection.
    pub fn new(selection: Selection) -> Self {
        let requests = selection.request.into_iter().collect();
        Self { selection, hosts: IdMap::default(), requests, arrivals: BTreeSet::new() }
    }

    /// Learns where pods are and which calls a request makes.
    #[allow(clippy::wildcard_enum_match_arm)] // nothing else says so
    pub fn learn(&mut self, record: &Record) {
        match record.body {
            Body::PodScheduled { pod, node } => *self.hosts.slot(pod.0) = Some(node),
            Body::RequestArrived { source, number, .. } if self.selection.request.is_some() => {
                if self.arrivals.contains(&record.cause) {
                    self.requests.insert((source, number));
                }
                if self.requests.contains(&(source, number)) {
                    self.arrivals.insert(record.id);
                }
            }
            _ => {}
        }
    }

    /// Whether a record was asked for.
    pub fn picks(&self, record: &Record) -> bool {
        let Selection { node, request, from, to } = self.selection;
        let in_time = (from..=to).contains(&record.time);
        in_time
            && node.is_none_or(|node| self.names_node(record, node))
            && (request.is_none() || self.is_of_request(record))
    }

    fn names_node(&self, record: &Record, wanted: NodeId) -> bool {
        let on_it = |pod: PodId| self.hosts.get(pod.0).copied().flatten() == Some(wanted);
        let mut found = false;
        #[allow(clippy::wildcard_enum_match_arm)] // no other value is a place
        record.body.visit(&mut |_, value| {
            found |= match value {
                Value::Node(node) | Value::Client(Client::Node(node)) => node == wanted,
                Value::Pod(pod) | Value::Client(Client::Pod(pod)) => on_it(pod),
                _ => false,
            }
        });
        found
    }

    fn is_of_request(&self, record: &Record) -> bool {
        let (mut source, mut number) = (None, None);
        #[allow(clippy::wildcard_enum_match_arm)] // a request is named by these two fields
        record.body.visit(&mut |name, value| match (name, value) {
            ("source", Value::Source(id)) => source = Some(id),
            ("number", Value::Number(value)) => number = Some(value),
            _ => {}
        });
        let named = source.zip(number).is_some_and(|request| self.requests.contains(&request));
        named || self.arrivals.contains(&record.cause)
    }
}
