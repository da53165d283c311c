//! What pictures of a run are drawn from: series over time, states of nodes and pods, a few failed requests. All of it is
//! bounded, however many requests there are. Made of records alone; knows no picture.

mod bins;
mod cluster;
mod failures;
mod load;
mod outcomes;
#[cfg(test)]
mod tests;
mod usage;

pub use cluster::{Cluster, NodeStory, PodStory, State, States, state_at};
pub use failures::{FailedRequest, FailureGroup, Failures};
pub use load::{LoadMap, LoadRow};
pub use outcomes::OutcomeSeries;
pub use usage::{NodeUsage, Usage};

use std::collections::BTreeMap;
use std::net::IpAddr;

use sim_core::model::ids::{FaultId, NodeId, PodId, SourceId, WorkloadId};
use sim_core::trace::fields::Client;
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record, TraceHeader, TraceSink};

use crate::explain::History;
use crate::explain::history::is_remembered;
use crate::metrics::pending::PendingTable;
use crate::trace_io::Names;
use failures::{Asked, Dial, FailureTally};
use load::LoadTally;
use outcomes::OutcomeTally;
use usage::UsageTally;

/// Faults and actions that are told of.
const MOST_MARKS: usize = 100;

/// A fault or an action on the time axis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Its name.
    pub name: String,
    /// When it began, ns.
    pub from: u64,
    /// When it ended or was done, ns, if it was.
    pub to: Option<u64>,
    /// True for a planned action.
    pub is_action: bool,
}

/// Everything that pictures of one run show, besides its metrics. Times are ns since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pictures {
    /// The run's duration, ns.
    pub duration: u64,
    /// Requests that arrive in it are measured, ns.
    pub measured: std::ops::Range<u64>,
    /// Faults and actions, in the order of their beginnings.
    pub marks: Vec<Mark>,
    /// Faults and actions beyond these.
    pub marks_left_out: usize,
    /// Requests of all sources over time.
    pub outcomes: OutcomeSeries,
    /// Load of instances over time.
    pub load: LoadMap,
    /// Nodes and pods.
    pub cluster: Cluster,
    /// The workload behind each edge of the call graph, in the order of the metrics' edges; empty where there is none.
    pub targets: Vec<String>,
    /// Ports and tables of nodes.
    pub usage: Usage,
    /// Failed requests of the sources.
    pub failures: Failures,
}

/// A request, until it and the connections that were opened for it have ended.
#[derive(Clone, Copy, Debug)]
struct Known {
    asked: Asked,
    ended: bool,
    /// Connections that are open on its client's side, and the node that they are of.
    open: u32,
    node: u32,
}

/// Gathers a run's [`Pictures`].
#[derive(Clone, Debug)]
pub struct Gather {
    header: TraceHeader,
    history: History,
    requests: PendingTable<Known>,
    outcomes: OutcomeTally,
    load: LoadTally,
    usage: UsageTally,
    failures: FailureTally,
}

impl Gather {
    /// Of a run with this header, before its first record.
    pub fn new(header: &TraceHeader) -> Self {
        Self {
            header: header.clone(),
            history: History::default(),
            requests: PendingTable::default(),
            outcomes: OutcomeTally::default(),
            load: LoadTally::default(),
            usage: UsageTally::default(),
            failures: FailureTally::default(),
        }
    }

    /// The same so far, of a run under another header that made the same records.
    #[must_use]
    pub fn under(mut self, header: &TraceHeader) -> Self {
        self.header = header.clone();
        self
    }

    /// What was gathered, with at most `failed` failed requests told.
    pub fn finish(&self, failed: usize) -> Pictures {
        let records = self.history.records();
        let mut names = Names::new(&self.header);
        for record in records {
            names.learn(record);
        }
        let owners = cluster::owners(records);
        let describe = |pod: u32| {
            let (workload, node) = owners.get(pod).copied().unwrap_or_default();
            let workload = workload.map_or_else(String::new, |workload| names.workload(workload));
            (workload, names.pod(PodId(pod)), node.map_or_else(String::new, |node| names.node(node)))
        };
        let duration = self.header.duration.as_nanos();
        let mut marks = self.marks(&names);
        let known = marks.len();
        marks.truncate(MOST_MARKS);
        Pictures {
            duration,
            measured: self.header.warm_up.as_nanos()..duration.saturating_sub(self.header.drain.as_nanos()),
            marks_left_out: known - marks.len(),
            marks,
            outcomes: self.outcomes.finish(),
            load: self.load.finish(describe),
            cluster: cluster::cluster(&self.header, records, &names),
            targets: self.header.edges.iter().map(|edge| target(edge.workload, &names)).collect(),
            usage: self.usage.finish(records, &names),
            failures: self.failures.finish(&self.history, &names, failed),
        }
    }

    #[allow(clippy::wildcard_enum_match_arm)] // only faults and actions are marks
    fn marks(&self, names: &Names) -> Vec<Mark> {
        let mut marks: Vec<Mark> = Vec::new();
        let mut open: BTreeMap<FaultId, usize> = BTreeMap::new();
        for record in self.history.records() {
            let time = record.time.as_nanos();
            match record.body {
                Body::FaultStarted { fault: id } | Body::ActionStarted { action: id } => {
                    let is_action = matches!(record.body, Body::ActionStarted { .. });
                    open.insert(id, marks.len());
                    marks.push(Mark { name: names.fault(id), from: time, to: None, is_action });
                }
                Body::FaultEnded { fault: id } | Body::ActionCompleted { action: id } => {
                    if let Some(mark) = open.remove(&id).and_then(|place| marks.get_mut(place)) {
                        mark.to = Some(time);
                    }
                }
                _ => {}
            }
        }
        marks
    }

    fn is_root(&self, source: SourceId) -> bool {
        self.header.sources.get(source.index()).is_none_or(|source| source.parent.is_none())
    }

    fn arrived(&mut self, time: u64, source: SourceId, number: u64, client: Client) {
        if self.is_root(source) {
            self.outcomes.arrived(time);
        }
        let asked = Asked { arrival: time, client, dial: None, retries: 0 };
        self.requests.insert(source.0, number, Known { asked, ended: false, open: 0, node: 0 });
    }

    /// What is known of a request that has not ended.
    fn pending(&mut self, source: SourceId, number: u64) -> Option<&mut Known> {
        self.requests.get_mut(source.0, number).filter(|known| !known.ended)
    }

    fn opened(&mut self, record: &Record, source: SourceId, number: u64, to: (IpAddr, u16)) {
        let time = record.time.as_nanos();
        // Not by `pending`: the tally of nodes is looked at beside it.
        let Some(known) = self.requests.get_mut(source.0, number).filter(|known| !known.ended) else { return };
        known.asked.dial = Some(Dial { time, because: record.because, to: Some(to) });
        let Some(node) = self.usage.node_of(known.asked.client) else { return };
        known.open += 1;
        known.node = node;
        self.usage.opened(time, node);
    }

    fn reused(&mut self, record: &Record, source: SourceId, number: u64) {
        if let Some(known) = self.pending(source, number) {
            known.asked.dial = Some(Dial { time: record.time.as_nanos(), because: record.because, to: None });
        }
    }

    fn closed(&mut self, time: u64, source: SourceId, number: u64) {
        let Some(known) = self.requests.get_mut(source.0, number).filter(|known| known.open > 0) else { return };
        known.open -= 1;
        self.usage.closed(time, known.node);
        if known.ended && known.open == 0 {
            self.requests.remove(source.0, number);
        }
    }

    fn retried(&mut self, source: SourceId, number: u64) {
        if let Some(known) = self.pending(source, number) {
            known.asked.retries = known.asked.retries.saturating_add(1);
        }
    }

    fn ended(&mut self, record: &Record, source: SourceId, number: u64, outcome: Outcome, pod: Option<PodId>) {
        let asked = self.pending(source, number).map(|known| {
            known.ended = true;
            (known.asked, known.open)
        });
        if asked.is_some_and(|(_, open)| open == 0) {
            self.requests.remove(source.0, number);
        }
        if outcome == Outcome::Ok
            && let Some(pod) = pod
        {
            self.load.ok(pod.0, record.time.as_nanos());
        }
        if !self.is_root(source) {
            if outcome != Outcome::Ok {
                self.failures.call_failed(record);
            }
            return;
        }
        let Some((asked, _)) = asked else { return };
        self.outcomes.ended(asked.arrival, outcome);
        if outcome != Outcome::Ok {
            self.failures.failed(asked, record, &self.history);
        }
    }
}

fn target(workload: Option<u32>, names: &Names) -> String {
    workload.map_or_else(String::new, |workload| names.workload(WorkloadId(workload)))
}

impl TraceSink for Gather {
    #[allow(clippy::wildcard_enum_match_arm)] // the control plane's are remembered, the rest shows in no picture
    fn record(&mut self, record: &Record) {
        let time = record.time.as_nanos();
        match record.body {
            Body::RequestArrived { source, number, client, .. } => self.arrived(time, source, number, client),
            Body::ConnectionOpened { source, number, address, port, .. } => {
                self.opened(record, source, number, (address, port));
            }
            Body::ConnectionReused { source, number, .. } => self.reused(record, source, number),
            Body::ConnectionClosed { source, number, .. } => self.closed(time, source, number),
            Body::RequestRetried { source, number, .. } | Body::RequestHedged { source, number } => {
                self.retried(source, number);
            }
            Body::RequestEnded { source, number, outcome, pod } => self.ended(record, source, number, outcome, pod),
            Body::ConntrackPeak { node: NodeId(node), entries } => self.usage.conntrack(node, entries),
            _ if is_remembered(&record.body) => {
                if let Body::PodScheduled { pod, node } = record.body {
                    self.usage.scheduled(pod.0, node.0);
                }
                self.history.learn(record);
            }
            _ => {}
        }
    }
}
