//! Numbers of a run, from its records alone: the same online and from a saved trace.
//!
//! Measured are requests whose intended arrival lies in `[warm-up, duration - drain)`; requests that have not ended are
//! counted as unfinished and left out of every rate. Integers only; ratios are made when they are shown.

mod actions;
mod addressing;
mod balance;
mod chains;
mod critical_path;
mod edges;
mod facts;
mod latency;
mod leaves;
mod outages;
pub(crate) mod pending;
mod requests;
pub mod spec;
#[cfg(test)]
mod tests;
mod trees;
mod written;

pub use actions::UnfinishedAction;
pub use addressing::Addressing;
pub(crate) use balance::ratio;
pub use balance::{InstanceLoad, ServiceBalance};
pub use critical_path::{CriticalPath, PathPart};
pub use edges::EdgeMetrics;
pub use latency::{LatencyShape, LatencySummary};
pub use leaves::LeafFailure;
pub use outages::{Outage, Stages};
pub use requests::RequestCounts;
pub use spec::{METRICS, MetricSpec};

use std::collections::BTreeMap;

use sim_core::model::ids::{PodId, SourceId};
use sim_core::trace::fields::Client;
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record, TraceHeader, TraceSink};

use crate::trace_io::Names;
use actions::ActionTally;
use addressing::AddressingTally;
use balance::BalanceTally;
use chains::{Chains, FaultSet};
use critical_path::PathTally;
use edges::EdgeTally;
use facts::Facts;
use latency::LatencyTally;
use leaves::{LeafTally, RootFailure, Verdict};
use outages::{Judge, OutageTally};
use pending::{Pending, PendingTable};
use trees::{EndOf, Trees};

/// What one source saw.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TrafficMetrics {
    /// The source's name.
    pub name: String,
    /// Connections that its measured requests opened.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub attempts: u64,
    /// Its requests by outcome.
    pub requests: RequestCounts,
    /// Latency of its ok requests.
    pub latency: LatencySummary,
}

/// All numbers of one run.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct RunMetrics {
    /// Requests of all sources.
    pub requests: RequestCounts,
    /// Latency over all sources.
    pub latency: LatencySummary,
    /// How that is spread, for pictures; not part of the JSON report.
    #[serde(skip)]
    pub shape: LatencyShape,
    /// Each source.
    pub traffic: Vec<TrafficMetrics>,
    /// Outages by fault and source.
    pub outages: Vec<Outage>,
    /// Load per Service port.
    pub balance: Vec<ServiceBalance>,
    /// What addressing cost.
    pub addressing: Addressing,
    /// Each edge of the call graph: the sources, then the workloads' calls.
    pub edges: Vec<EdgeMetrics>,
    /// Each source's critical path; empty when nobody calls anybody.
    #[serde(rename = "criticalPath")]
    pub critical_path: Vec<CriticalPath>,
    /// What brought the sources' failed requests down; empty when nobody calls anybody.
    #[serde(rename = "leafFailures")]
    pub leaf_failures: Vec<LeafFailure>,
    /// Actions that have not ended; absent from the JSON report when there are none.
    #[serde(rename = "unfinishedActions", skip_serializing_if = "Vec::is_empty")]
    pub unfinished_actions: Vec<UnfinishedAction>,
    /// Names of the scenario's faults, also of those without an outage; not part of the JSON report.
    #[serde(skip)]
    pub faults: Vec<String>,
}

/// Makes [`RunMetrics`] of records as they come.
#[derive(Clone, Debug)]
pub struct Metrics {
    header: TraceHeader,
    names: Names,
    window: std::ops::Range<u64>,
    chains: Chains,
    facts: Facts,
    pending: PendingTable,
    /// In place of `pending` when there are calls.
    trees: Option<Trees>,
    /// The last edge of each path, and the first path that ends with the same edge.
    edge_of: Vec<u32>,
    first_path: Vec<u32>,
    /// One per edge of the header; requests of no such edge are nobody's.
    edges: Vec<EdgeTally>,
    paths: PathTally,
    leaves: LeafTally,
    balance: BalanceTally,
    addressing: AddressingTally,
    outages: OutageTally,
    actions: ActionTally,
}

impl Metrics {
    /// Metrics of a run with this header, before its first record.
    pub fn new(header: &TraceHeader) -> Self {
        let has_calls = header.sources.iter().any(|source| source.parent.is_some());
        let edge_of: Vec<u32> = header.sources.iter().map(|source| source.edge).collect();
        let mut firsts = BTreeMap::new();
        let first_path = edge_of.iter().zip(0_u32..).map(|(edge, path)| *firsts.entry(*edge).or_insert(path));
        Self {
            header: header.clone(),
            names: Names::new(header),
            window: window(header),
            chains: Chains::default(),
            facts: Facts::default(),
            pending: PendingTable::default(),
            trees: has_calls.then(Trees::default),
            first_path: first_path.collect(),
            edge_of,
            edges: vec![EdgeTally::default(); header.edges.len()],
            paths: PathTally::default(),
            leaves: LeafTally::default(),
            balance: BalanceTally::default(),
            addressing: AddressingTally::default(),
            outages: OutageTally::default(),
            actions: ActionTally::default(),
        }
    }

    /// The same numbers so far, of a run under another header that made the same records. Names of faults and actions may
    /// differ, and the window where no record has come yet.
    #[must_use]
    pub fn under(mut self, header: &TraceHeader) -> Self {
        self.header = header.clone();
        self.names.move_under(header);
        self.window = window(header);
        self
    }

    /// Measured requests of the traffic sources so far, by how they ended.
    pub fn requests_so_far(&self) -> RequestCounts {
        let mut requests = RequestCounts::default();
        let roots = self.header.sources.iter().filter(|source| source.parent.is_none());
        for tally in roots.filter_map(|source| self.edges.get(source.edge as usize)) {
            requests.add(&tally.requests.counts());
        }
        requests
    }

    /// The numbers after the records so far.
    pub fn finish(&self) -> RunMetrics {
        let mut requests = RequestCounts::default();
        let mut latency = LatencyTally::default();
        let mut traffic = Vec::new();
        for (source, number) in self.header.sources.iter().zip(0_u32..) {
            let Some(tally) = self.edges.get(source.edge as usize).filter(|_| source.parent.is_none()) else {
                continue;
            };
            let counts = tally.requests.counts();
            requests.add(&counts);
            latency.merge(&tally.latency);
            traffic.push(TrafficMetrics {
                name: self.names.source(SourceId(number)),
                attempts: tally.opened,
                requests: counts,
                latency: tally.latency.summary(),
            });
        }
        let (header, names, facts, ports) = (&self.header, &self.names, &self.facts, &self.addressing);
        let (chains, tally, pending) = (&self.chains, &self.outages, &|path| self.pending_of(path));
        let edges = self.edges.iter().enumerate();
        RunMetrics {
            requests,
            latency: latency.summary(),
            shape: latency.shape(),
            traffic,
            outages: Judge { header, names, facts, chains, ports, pending, tally }.outages(),
            balance: self.balance.finish(header, facts, names),
            addressing: self.finished_addressing(),
            edges: edges.map(|(number, edge)| edge.finish(number, header, names, &self.paths)).collect(),
            critical_path: self.paths.finish(header),
            leaf_failures: self.finished_leaves(),
            unfinished_actions: self.actions.unfinished(header),
            faults: header.faults.clone(),
        }
    }

    /// Pending requests of the edge whose first path this is.
    fn pending_of(&self, path: u32) -> Vec<Pending> {
        match &self.trees {
            Some(trees) => {
                let of_edge = trees.pending().filter(|(other, _)| self.first_path(*other) == path);
                of_edge.map(|(_, pending)| pending).collect()
            }
            None => self.pending.of_source(path),
        }
    }

    /// Roots that timed out on a call which has not ended count as well.
    fn finished_leaves(&self) -> Vec<LeafFailure> {
        let mut leaves = self.leaves.clone();
        for failure in self.trees.iter().flat_map(Trees::undecided) {
            if let Some(edge) = self.edge_of.get(failure.verdict.path as usize).filter(|_| failure.measured) {
                leaves.add(failure, *edge);
            }
        }
        leaves.finish(&self.header, &self.names, &self.chains)
    }

    /// True for a traffic source's own requests.
    fn is_root(&self, source: u32) -> bool {
        self.header.sources.get(source as usize).is_none_or(|source| source.parent.is_none())
    }

    /// Under this path a client of the edge stands in the control plane's records.
    fn first_path(&self, path: u32) -> u32 {
        self.first_path.get(path as usize).copied().unwrap_or(path)
    }

    fn edge(&mut self, source: SourceId) -> Option<&mut EdgeTally> {
        let edge = *self.edge_of.get(source.index())?;
        self.edges.get_mut(edge as usize)
    }

    /// A client of a clusterIP knows that one address even where no record says so.
    fn finished_addressing(&self) -> Addressing {
        let mut addressing = self.addressing.so_far.clone();
        let dials_service = self.header.sources.iter().any(|source| source.service_port.is_some());
        if addressing.addresses_per_client == 0 && self.header.discovery == "service" && dials_service {
            addressing.addresses_per_client = 1;
        }
        addressing
    }

    fn arrived(&mut self, record: &Record, source: SourceId, number: u64, client: Client) {
        let arrival = record.time.as_nanos();
        let measured = self.window.contains(&arrival);
        let pending = Pending { arrival, pod: u32::MAX, measured };
        match &mut self.trees {
            Some(trees) => trees.arrived(record, source.0, number, client, pending),
            None => self.pending.insert(source.0, number, pending),
        }
        if measured && let Some(edge) = self.edge(source) {
            edge.arrived(number, client != Client::None);
        }
        self.outages.arrived(self.first_path(source.0), client);
    }

    /// The pending request that a record is about.
    fn pending(&mut self, record: &Record, source: SourceId, number: u64) -> Option<&mut Pending> {
        match &mut self.trees {
            Some(trees) => trees.get_mut(record.cause),
            None => self.pending.get_mut(source.0, number),
        }
    }

    /// A request goes over a connection, an own or a kept one; true if it is measured.
    fn connected(&mut self, record: &Record, source: SourceId, number: u64, pod: Option<PodId>) -> bool {
        let Some(pending) = self.pending(record, source, number) else { return false };
        pending.pod = pod.map_or(u32::MAX, |pod| pod.0);
        pending.measured
    }

    fn opened(&mut self, record: &Record, source: SourceId, number: u64, pod: Option<PodId>, translations: u8) {
        if self.connected(record, source, number, pod) {
            self.addressing.so_far.translations += u64::from(translations);
            if let Some(edge) = self.edge(source) {
                edge.opened += 1;
            }
        }
    }

    /// A further attempt of a request begins.
    fn attempt(&mut self, record: &Record, source: SourceId, number: u64, after_failure: bool) {
        if let Some(trees) = &mut self.trees {
            trees.attempt(record.cause, after_failure);
        }
        let measured = self.pending(record, source, number).is_some_and(|pending| pending.measured);
        if let Some(edge) = self.edge(source).filter(|_| measured) {
            edge.retries += u64::from(after_failure);
            edge.hedges += u64::from(!after_failure);
        }
    }

    fn ended(&mut self, record: &Record, source: SourceId, number: u64, outcome: Outcome, pod: Option<PodId>) {
        if let Some(trees) = &mut self.trees {
            let Some(end) = trees.ended(record, outcome, pod, &mut self.chains) else { return };
            self.count_end(record, source, outcome, pod, end.request);
            let failure = end.verdict.and_then(|verdict| self.failure(record, source, end.request, verdict));
            return self.release(end, source, record.time.as_nanos(), failure);
        }
        let Some(pending) = self.pending.remove(source.0, number) else { return };
        self.count_end(record, source, outcome, pod, pending);
        if outcome != Outcome::Ok {
            let verdict = Verdict {
                path: source.0,
                outcome,
                record: record.id,
                pod: pod.map_or(pending.pod, |pod| pod.0),
                faults: self.chains.of(record),
                waits: 0,
            };
            if let Some(failure) = self.failure(record, source, pending, verdict) {
                self.root_failed(&failure);
            }
        }
    }

    /// Counts the end of a request; a failed one's faults may follow.
    fn count_end(&mut self, record: &Record, source: SourceId, outcome: Outcome, pod: Option<PodId>, request: Pending) {
        if self.is_root(source.0) {
            self.outages.ended(source.0, request.arrival, FaultSet::EMPTY);
        }
        let Some(edge) = self.edge(source).filter(|_| request.measured) else { return };
        edge.requests.end(outcome);
        if outcome == Outcome::Ok {
            edge.latency.add(record.time.as_nanos().saturating_sub(request.arrival));
            let Some(pod) = pod else { return };
            match self.header.sources.get(source.index()).and_then(|source| source.service_port) {
                Some(port) => self.balance.ok(port, pod.0),
                None if self.asks_any(source) => self.balance.ok_of_any(pod.0),
                None => {}
            }
        }
    }

    /// Whether a source asks any of several Services: it names no port and no workload.
    fn asks_any(&self, source: SourceId) -> bool {
        let edge =
            self.header.sources.get(source.index()).and_then(|source| self.header.edges.get(source.edge as usize));
        edge.is_some_and(|edge| edge.workload.is_none())
    }

    /// A failed request of a source.
    fn failure(&self, record: &Record, source: SourceId, request: Pending, verdict: Verdict) -> Option<RootFailure> {
        let Pending { arrival, measured, .. } = request;
        let (end, record) = (record.time.as_nanos(), record.id);
        let failure = RootFailure { source: source.0, arrival, end, record, measured, verdict };
        self.is_root(source.0).then_some(failure)
    }

    /// A request's tree goes when its root has ended, and its critical path is known then.
    fn release(&mut self, end: EndOf, source: SourceId, time: u64, failure: Option<RootFailure>) {
        let is_ok_root = end.verdict.is_none() && end.request.measured && self.is_root(source.0);
        let Some(trees) = &mut self.trees else { return };
        let latency = time.saturating_sub(end.request.arrival);
        let band = is_ok_root.then(|| self.paths.band(source.0, latency, self.edges.len()));
        trees.release(end, &self.edge_of, band);
        if let Some(failure) = failure {
            trees.root_failed(failure);
        }
        while let Some(failure) = self.trees.as_mut().and_then(Trees::judged) {
            self.root_failed(&failure);
        }
    }

    /// A source's request failed, and it is known by what.
    fn root_failed(&mut self, failure: &RootFailure) {
        let RootFailure { source, arrival, end, measured, verdict, .. } = *failure;
        self.outages.ended(source, arrival, verdict.faults);
        let edge = self.edge_of.get(verdict.path as usize).filter(|_| measured);
        let Some(edge) = edge else { return };
        if self.trees.is_some() {
            self.leaves.add(failure, *edge);
        }
        let (pod, leaf) = ((verdict.pod != u32::MAX).then_some(verdict.pod), self.first_path(verdict.path));
        for fault in self.chains.faults(verdict.faults) {
            self.outages.failed(*fault, source, leaf, arrival..end, pod);
        }
    }

    #[cold]
    fn control(&mut self, record: &Record) {
        self.names.learn(record);
        self.balance.learn(record);
        let faults = self.chains.learn(record);
        self.addressing.control(record);
        self.actions.take(record);
        self.facts.control(record, faults);
    }
}

/// Requests that arrive in it are measured.
pub(crate) fn window(header: &TraceHeader) -> std::ops::Range<u64> {
    header.warm_up.as_nanos()..header.duration.saturating_sub(header.drain).as_nanos()
}

impl TraceSink for Metrics {
    #[allow(clippy::wildcard_enum_match_arm)] // all other kinds are the control plane's
    fn record(&mut self, record: &Record) {
        match record.body {
            Body::RequestArrived { source, number, client, .. } => self.arrived(record, source, number, client),
            Body::ConnectionOpened { source, number, pod, via, translations, .. } => {
                self.opened(record, source, number, pod, translations);
                if let Some(node) = via {
                    self.outages.via(self.first_path(source.0), node.0);
                }
            }
            Body::ConnectionReused { source, number, pod } => {
                let measured = self.connected(record, source, number, pod);
                if let Some(edge) = self.edge(source).filter(|_| measured) {
                    edge.reused += 1;
                }
            }
            Body::RequestRetried { source, number, .. } => self.attempt(record, source, number, true),
            Body::RequestHedged { source, number } => self.attempt(record, source, number, false),
            Body::RequestEnded { source, number, outcome, pod } => self.ended(record, source, number, outcome, pod),
            Body::ConnectionAccepted { .. }
            | Body::ResponseSent { .. }
            | Body::ConnectionClosed { .. }
            | Body::SegmentSent { .. }
            | Body::SegmentDropped { .. }
            | Body::SegmentReceived { .. }
            | Body::FlowOpened { .. }
            | Body::ConntrackDeleted { .. } => {}
            Body::AddressWritten { source, client, pod, address, port } => {
                self.facts.written.write(source.0, client, (pod.0, address, port));
            }
            Body::ConntrackPeak { entries, .. } => {
                let most = &mut self.addressing.so_far.conntrack_entries;
                *most = (*most).max(Some(entries));
            }
            _ => self.control(record),
        }
    }
}
