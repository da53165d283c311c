//! Which call took which source's requests down: failed root requests by the edge at the end of their chain.

use std::collections::BTreeMap;

use serde::Serialize;
use sim_core::model::ids::SourceId;
use sim_core::trace::words::Outcome;
use sim_core::trace::{RecordId, TraceHeader};

use super::chains::{Chains, FaultSet};
use crate::trace_io::Names;

/// Failed requests of one source that one edge's failures of one kind brought down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeafFailure {
    /// The source.
    pub traffic: String,
    /// The edge at the end of the chain; the source itself when no call failed.
    pub edge: String,
    /// How that edge's request failed, or, without `leaf`, that of whoever waited for it.
    pub outcome: &'static str,
    /// The faults behind it.
    pub faults: Vec<String>,
    /// How many of the source's requests.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub count: u64,
    /// An example: the `request-ended` record of the first such request of the source.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub root: RecordId,
    /// The `request-ended` record at the end of its chain; `None` when the edge's request had not failed, but was
    /// still waited for when time ran out.
    #[serde(serialize_with = "crate::numbers::optional")]
    pub leaf: Option<RecordId>,
}

/// What brought a request down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The path of the request at the end of the chain.
    pub(crate) path: u32,
    /// How that one failed.
    pub(crate) outcome: Outcome,
    /// The record of its end; 0 when it was waited for and has not failed.
    pub(crate) record: RecordId,
    /// Where it was sent; `u32::MAX` for nowhere.
    pub(crate) pod: u32,
    /// The faults behind it.
    pub(crate) faults: FaultSet,
    /// The request that was still waited for, by the record of its arrival; 0 for none.
    pub(crate) waits: RecordId,
}

/// A source's request that failed, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RootFailure {
    /// The source.
    pub(crate) source: u32,
    /// When it arrived, ns.
    pub(crate) arrival: u64,
    /// When it ended, ns.
    pub(crate) end: u64,
    /// The record of its end.
    pub(crate) record: RecordId,
    /// Whether metrics count it.
    pub(crate) measured: bool,
    /// By what.
    pub(crate) verdict: Verdict,
}

/// What is told apart: source, edge, code of the outcome, whether the edge's request failed, faults.
type Key = (u32, u32, u8, bool, FaultSet);

/// How many, and the example's records of the ends of the source's request and of the leaf.
type Found = (u64, RecordId, RecordId);

/// Counts while a run goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeafTally {
    counts: BTreeMap<Key, Found>,
}

impl LeafTally {
    /// A measured request of a source failed by an edge.
    pub(crate) fn add(&mut self, failure: &RootFailure, edge: u32) {
        let Verdict { outcome, faults, record, .. } = failure.verdict;
        let key = (failure.source, edge, outcome.code(), record != 0, faults);
        self.counts.entry(key).or_insert((0, failure.record, record)).0 += 1;
    }

    /// What was counted: by source, the most frequent first.
    pub(crate) fn finish(&self, header: &TraceHeader, names: &Names, chains: &Chains) -> Vec<LeafFailure> {
        let failure = |(key, found): (&Key, &Found)| LeafFailure {
            traffic: names.source(SourceId(key.0)),
            edge: header.edges.get(key.1 as usize).map_or_else(String::new, |edge| edge.name.clone()),
            outcome: Outcome::from_code(key.2).map_or("", |outcome| outcome.word()),
            faults: chains.faults(key.4).iter().map(|fault| names.fault(*fault)).collect(),
            count: found.0,
            root: found.1,
            leaf: Some(found.2).filter(|_| key.3),
        };
        let mut sorted: Vec<_> = self.counts.iter().collect();
        sorted.sort_by_key(|(key, found)| (key.0, std::cmp::Reverse(found.0)));
        sorted.into_iter().map(failure).collect()
    }
}
