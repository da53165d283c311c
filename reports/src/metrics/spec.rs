//! The metrics that expectations and comparisons name: one line each, and how to get the value from a run.

use sim_core::trace::Level;

use super::balance::ratio;
use super::{EdgeMetrics, Outage, RequestCounts, RunMetrics};

/// What a metric is a metric of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A run, one source of it, or one edge of its call graph.
    Traffic,
    /// One edge of the call graph: a source or a call; all of them when none is named.
    Edge,
    /// An outage: one fault and one source; the worst of those that fit.
    Outage,
    /// A run as a whole.
    Run,
}

/// Which part of a run is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selector<'a> {
    /// Only this source; `None` is all of them.
    pub traffic: Option<&'a str>,
    /// Only this fault; `None` is all of them.
    pub fault: Option<&'a str>,
    /// Only this edge of the call graph: a source, or `WORKLOAD > CALL`.
    pub edge: Option<&'a str>,
}

/// One metric.
#[derive(Clone, Copy)]
pub struct MetricSpec {
    /// Its name in scenarios and reports.
    pub name: &'static str,
    /// `ratio`, `count`, `ns` or `bool` (1 is true).
    pub unit: &'static str,
    /// What it says.
    pub summary: &'static str,
    /// What it is a metric of.
    pub scope: Scope,
    /// The level a trace needs for it.
    pub level: Level,
    evaluate: fn(&RunMetrics, Selector<'_>) -> Option<f64>,
}

impl MetricSpec {
    /// The value in a run; `None` when there is nothing to measure, or no such source, fault or edge.
    pub fn value(&self, run: &RunMetrics, selector: Selector<'_>) -> Option<f64> {
        let known_source = selector.traffic.is_none_or(|name| run.traffic.iter().any(|traffic| traffic.name == name));
        let known_fault = selector.fault.is_none_or(|name| run.faults.iter().any(|fault| fault == name));
        let by_edge = matches!(self.scope, Scope::Traffic | Scope::Edge);
        let known_edge = selector.edge.is_none_or(|name| by_edge && run.edges.iter().any(|edge| edge.name == name));
        if known_source && known_fault && known_edge { (self.evaluate)(run, selector) } else { None }
    }

    /// True if a small value is the better one.
    pub fn small_is_good(&self) -> bool {
        !matches!(
            self.name,
            "request_success_rate" | "request_total" | "request_ok" | "outage_ended" | "jain" | "connections_reused"
        )
    }
}

impl std::fmt::Debug for MetricSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The metric with this name.
pub fn metric(name: &str) -> Option<&'static MetricSpec> {
    METRICS.iter().find(|metric| metric.name == name)
}

#[allow(clippy::cast_precision_loss)] // for display and thresholds; below 2^53 (104 days in ns) it is exact
fn number(value: u64) -> f64 {
    value as f64
}

fn counts<'a>(run: &'a RunMetrics, selector: Selector<'_>) -> Option<&'a RequestCounts> {
    match (selector.edge, selector.traffic) {
        (Some(name), _) => run.edges.iter().find(|edge| edge.name == name).map(|edge| &edge.requests),
        (None, Some(name)) => run.traffic.iter().find(|traffic| traffic.name == name).map(|traffic| &traffic.requests),
        (None, None) => Some(&run.requests),
    }
}

fn latency(run: &RunMetrics, selector: Selector<'_>, of: fn(&super::LatencySummary) -> Option<u64>) -> Option<f64> {
    let summary = match (selector.edge, selector.traffic) {
        (Some(name), _) => run.edges.iter().find(|edge| edge.name == name).map(|edge| &edge.latency)?,
        (None, Some(name)) => {
            run.traffic.iter().find(|traffic| traffic.name == name).map(|traffic| &traffic.latency)?
        }
        (None, None) => &run.latency,
    };
    of(summary).map(number)
}

/// The edges that are meant: a source is one, too.
fn edges<'a>(run: &'a RunMetrics, selector: Selector<'a>) -> impl Iterator<Item = &'a EdgeMetrics> {
    let wanted = selector.edge.or(selector.traffic);
    run.edges.iter().filter(move |edge| wanted.is_none_or(|name| edge.name == name))
}

fn outages<'a>(run: &'a RunMetrics, selector: Selector<'a>) -> impl Iterator<Item = &'a Outage> {
    let fits = move |outage: &&Outage| {
        selector.fault.is_none_or(|fault| fault == outage.fault)
            && selector.traffic.is_none_or(|traffic| traffic == outage.traffic)
    };
    run.outages.iter().filter(fits)
}

/// The longest stage among the outages that fit.
fn stage(run: &RunMetrics, selector: Selector<'_>, of: fn(&Outage) -> Option<u64>) -> Option<f64> {
    outages(run, selector).filter_map(of).max().map(number)
}

macro_rules! metrics {
    ($($name:literal, $unit:literal, $scope:ident, $level:ident, $summary:literal, $evaluate:expr;)*) => {
        /// All metrics.
        pub const METRICS: &[MetricSpec] = &[$(MetricSpec {
            name: $name,
            unit: $unit,
            summary: $summary,
            scope: Scope::$scope,
            level: Level::$level,
            evaluate: $evaluate,
        },)*];
    };
}

metrics! {
    "request_success_rate", "ratio", Traffic, Request, "ok requests over requests that ended",
        |run, of| counts(run, of).and_then(|counts| ratio(counts.ok.into(), counts.ended().into()));
    "request_failure_rate", "ratio", Traffic, Request, "failed requests over requests that ended",
        |run, of| counts(run, of).and_then(|counts| ratio(counts.failures().into(), counts.ended().into()));
    "request_total", "count", Traffic, Request, "requests that arrived",
        |run, of| counts(run, of).map(|counts| number(counts.total));
    "request_ok", "count", Traffic, Request, "requests that ended well",
        |run, of| counts(run, of).map(|counts| number(counts.ok));
    "request_failed", "count", Traffic, Request, "requests that failed",
        |run, of| counts(run, of).map(|counts| number(counts.failures()));
    "request_unfinished", "count", Traffic, Request, "requests that had not ended when the run did",
        |run, of| counts(run, of).map(|counts| number(counts.unfinished));
    "latency_p50", "ns", Traffic, Request, "median latency of ok requests, from the intended arrival",
        |run, of| latency(run, of, |latency| latency.p50);
    "latency_p90", "ns", Traffic, Request, "90th percentile of that latency",
        |run, of| latency(run, of, |latency| latency.p90);
    "latency_p99", "ns", Traffic, Request, "99th percentile of that latency",
        |run, of| latency(run, of, |latency| latency.p99);
    "latency_p999", "ns", Traffic, Request, "99.9th percentile of that latency",
        |run, of| latency(run, of, |latency| latency.p999);
    "latency_max", "ns", Traffic, Request, "largest of that latency",
        |run, of| latency(run, of, |latency| latency.max);
    "latency_mean", "ns", Traffic, Request, "mean of that latency",
        |run, of| latency(run, of, |latency| latency.mean);
    "outage_duration", "ns", Outage, Request, "from the arrival of the first to the end of the last request that the fault failed; 0 without one",
        |run, of| Some(number(outages(run, of).map(|outage| outage.to.saturating_sub(outage.from)).max().unwrap_or(0)));
    "outage_ended", "bool", Outage, Request, "1 when nobody holds a dead address any more; 1 without an outage",
        |run, of| Some(if outages(run, of).all(|outage| outage.ended) { 1.0 } else { 0.0 });
    "outage_failures", "count", Outage, Request, "requests that the fault failed",
        |run, of| Some(number(outages(run, of).map(|outage| outage.failures).sum()));
    "detection_time", "ns", Outage, Request, "from the fault to the first NotReady or failed check",
        |run, of| stage(run, of, |outage| outage.stages.detection);
    "propagation_time", "ns", Outage, Request, "from there to the list without the lost pods",
        |run, of| stage(run, of, |outage| outage.stages.propagation);
    "programming_time", "ns", Outage, Request, "from there to the last node or client that has the list",
        |run, of| stage(run, of, |outage| outage.stages.programming);
    "client_time", "ns", Outage, Request, "from there to the end of the last failed request",
        |run, of| stage(run, of, |outage| outage.stages.client);
    "retries", "count", Edge, Request, "attempts that followed a failed one; of all edges together when none is named",
        |run, of| Some(number(edges(run, of).map(|edge| edge.retries).sum()));
    "amplification", "ratio", Edge, Request, "attempts over the requests that are there without retries; the worst edge when none is named",
        |run, of| edges(run, of).filter_map(|edge| edge.amplification).max_by(f64::total_cmp);
    "connections_opened", "count", Edge, Connection, "connections opened; of all edges together when none is named",
        |run, of| Some(number(edges(run, of).map(|edge| edge.connections_opened).sum()));
    "connections_reused", "count", Edge, Connection, "requests sent over a connection that was already there; of all edges together when none is named",
        |run, of| Some(number(edges(run, of).map(|edge| edge.connections_reused).sum()));
    "max_over_mean", "ratio", Run, Request, "requests of the busiest instance over the mean; the worst Service port",
        |run, _| run.balance.iter().filter_map(|service| service.max_over_mean).max_by(f64::total_cmp);
    "jain", "ratio", Run, Request, "Jain's index of the load per instance; the worst Service port",
        |run, _| run.balance.iter().filter_map(|service| service.jain).min_by(f64::total_cmp);
    "host_ports", "count", Run, Request, "most host ports in use at one time",
        |run, _| Some(number(run.addressing.host_ports));
    "port_conflicts", "count", Run, Request, "containers that found their host port taken",
        |run, _| Some(number(run.addressing.port_conflicts));
    "translations", "count", Run, Connection, "address translations over all connections",
        |run, _| Some(number(run.addressing.translations));
    "addresses_per_client", "count", Run, Request, "most addresses that one client had to know",
        |run, _| Some(number(run.addressing.addresses_per_client));
    "reconfigurations", "count", Run, Request, "how often a client had to learn addresses after the start",
        |run, _| Some(number(run.addressing.reconfigurations));
    "conntrack_entries", "count", Run, Connection, "most conntrack entries of one node, where its table has a limit",
        |run, _| run.addressing.conntrack_entries.map(|entries| number(entries.into()));
}
