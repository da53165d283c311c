//! Numbers of a run, from its records alone: the same online and from a saved trace.
//!
//! Measured are requests whose intended arrival lies in `[warm-up, duration - drain)`; requests that have not ended are
//! counted as unfinished and left out of every rate. Integers only; ratios are made when they are shown.

mod addressing;
mod balance;
mod chains;
mod facts;
mod latency;
mod outages;
mod pending;
mod requests;
pub mod spec;
#[cfg(test)]
mod tests;

pub use addressing::Addressing;
pub use balance::{InstanceLoad, ServiceBalance};
pub use latency::LatencySummary;
pub use outages::{Outage, Stages};
pub use requests::RequestCounts;
pub use spec::{METRICS, MetricSpec};

use sim_core::model::ids::{PodId, SourceId};
use sim_core::trace::fields::Client;
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record, TraceHeader, TraceSink};

use crate::trace_io::Names;
use addressing::AddressingTally;
use balance::BalanceTally;
use chains::{Chains, FaultSet};
use facts::Facts;
use latency::LatencyTally;
use outages::{Judge, OutageTally};
use pending::{Pending, PendingTable};
use requests::RequestTally;

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
    /// Each source.
    pub traffic: Vec<TrafficMetrics>,
    /// Outages by fault and source.
    pub outages: Vec<Outage>,
    /// Load per Service port.
    pub balance: Vec<ServiceBalance>,
    /// What addressing cost.
    pub addressing: Addressing,
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
    /// One per source of the header, as are latencies; requests of no such source are nobody's.
    requests: Vec<RequestTally>,
    latency: Vec<LatencyTally>,
    balance: BalanceTally,
    addressing: AddressingTally,
    outages: OutageTally,
}

impl Metrics {
    /// Metrics of a run with this header, before its first record.
    pub fn new(header: &TraceHeader) -> Self {
        let end = header.duration.saturating_sub(header.drain).as_nanos();
        Self {
            header: header.clone(),
            names: Names::new(header),
            window: header.warm_up.as_nanos()..end,
            chains: Chains::default(),
            facts: Facts::default(),
            pending: PendingTable::default(),
            requests: vec![RequestTally::default(); header.sources.len()],
            latency: vec![LatencyTally::default(); header.sources.len()],
            balance: BalanceTally::default(),
            addressing: AddressingTally::default(),
            outages: OutageTally::default(),
        }
    }

    /// The numbers after the records so far.
    pub fn finish(&self) -> RunMetrics {
        let mut requests = RequestCounts::default();
        let mut latency = LatencyTally::default();
        let mut traffic = Vec::new();
        for (source, (tally, own)) in (0_u32..).zip(self.requests.iter().zip(&self.latency)) {
            if !self.is_root(source) {
                continue;
            }
            let counts = tally.counts();
            requests.add(&counts);
            latency.merge(own);
            traffic.push(TrafficMetrics {
                name: self.names.source(SourceId(source)),
                attempts: tally.attempts,
                requests: counts,
                latency: own.summary(),
            });
        }
        let (header, names, facts, ports) = (&self.header, &self.names, &self.facts, &self.addressing);
        let (chains, pending, tally) = (&self.chains, &self.pending, &self.outages);
        RunMetrics {
            requests,
            latency: latency.summary(),
            traffic,
            outages: Judge { header, names, facts, chains, ports, pending, tally }.outages(),
            balance: self.balance.finish(header, facts, names),
            addressing: self.finished_addressing(),
            faults: header.faults.clone(),
        }
    }

    /// True for a traffic source's own requests.
    fn is_root(&self, source: u32) -> bool {
        self.header.sources.get(source as usize).is_none_or(|source| source.parent.is_none())
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

    fn arrived(&mut self, time: u64, source: SourceId, number: u64, client: Client) {
        let measured = self.window.contains(&time);
        self.pending.insert(source.0, number, Pending { arrival: time, pod: u32::MAX, measured });
        if let Some(tally) = self.requests.get_mut(source.index()) {
            tally.total += u64::from(measured);
        }
        self.outages.arrived(source.0, client);
    }

    fn opened(&mut self, source: SourceId, number: u64, pod: Option<PodId>, translations: u8) {
        let Some(pending) = self.pending.get_mut(source.0, number) else { return };
        pending.pod = pod.map_or(u32::MAX, |pod| pod.0);
        if pending.measured {
            self.addressing.so_far.translations += u64::from(translations);
            if let Some(tally) = self.requests.get_mut(source.index()) {
                tally.attempts += 1;
            }
        }
    }

    fn ended(&mut self, record: &Record, source: SourceId, number: u64, outcome: Outcome, pod: Option<PodId>) {
        let Some(pending) = self.pending.remove(source.0, number) else { return };
        let end = record.time.as_nanos();
        let faults = if outcome == Outcome::Ok { FaultSet::EMPTY } else { self.chains.of(record) };
        self.outages.ended(source.0, pending.arrival, faults);
        if !pending.measured {
            return;
        }
        let tallies = (self.requests.get_mut(source.index()), self.latency.get_mut(source.index()));
        let (Some(requests), Some(latency)) = tallies else { return };
        requests.end(outcome);
        if outcome == Outcome::Ok {
            latency.add(end.saturating_sub(pending.arrival));
            let target = self.header.sources.get(source.index()).and_then(|source| source.service_port);
            if let (Some(port), Some(pod)) = (target, pod) {
                self.balance.ok(port, pod.0);
            }
        } else if faults != FaultSet::EMPTY && self.is_root(source.0) {
            let last = (pending.pod != u32::MAX).then_some(pending.pod);
            let pod = pod.map(|pod| pod.0).or(last);
            for fault in self.chains.faults(faults) {
                self.outages.failed(*fault, source.0, pending.arrival, end, pod);
            }
        }
    }

    #[cold]
    fn control(&mut self, record: &Record) {
        self.names.learn(record);
        let faults = self.chains.learn(record);
        self.addressing.control(record);
        self.facts.control(record, faults);
    }
}

impl TraceSink for Metrics {
    #[allow(clippy::wildcard_enum_match_arm)] // all other kinds are the control plane's
    fn record(&mut self, record: &Record) {
        match record.body {
            Body::RequestArrived { source, number, client, .. } => {
                self.arrived(record.time.as_nanos(), source, number, client);
            }
            Body::ConnectionOpened { source, number, pod, via, translations, .. } => {
                self.opened(source, number, pod, translations);
                if let Some(node) = via {
                    self.outages.via(source.0, node.0);
                }
            }
            Body::RequestEnded { source, number, outcome, pod } => self.ended(record, source, number, outcome, pod),
            Body::ConnectionAccepted { .. }
            | Body::ConnectionReused { .. }
            | Body::NameResolved { .. }
            | Body::RequestRetried { .. }
            | Body::RequestHedged { .. }
            | Body::ResponseSent { .. }
            | Body::ConnectionClosed { .. }
            | Body::SegmentSent { .. }
            | Body::SegmentDropped { .. }
            | Body::SegmentReceived { .. } => {}
            _ => self.control(record),
        }
    }
}
