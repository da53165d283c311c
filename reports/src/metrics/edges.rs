//! The edges of the call graph: traffic sources and the calls of workloads, each with what its requests came to.
//! Counts by edge, whatever the path from a source to it. Knows no trees.

use serde::Serialize;
use sim_core::model::call_graph::BASE_BITS;
use sim_core::model::ids::{ServicePortId, WorkloadId};
use sim_core::trace::TraceHeader;

use super::balance::ratio;
use super::critical_path::PathTally;
use super::latency::LatencyTally;
use super::requests::RequestTally;
use super::{LatencySummary, RequestCounts};
use crate::trace_io::Names;

/// What one edge of the call graph saw.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EdgeMetrics {
    /// The source's name, or `WORKLOAD > CALL`.
    pub name: String,
    /// The calling workload, `KIND/NAME`; of a source its own name.
    pub from: String,
    /// What is called: a Service port, `NAME:PORT`, or a workload.
    pub to: String,
    /// Its requests by outcome.
    pub requests: RequestCounts,
    /// Latency of its ok requests, with all their attempts.
    pub latency: LatencySummary,
    /// Attempts: requests that somebody could make, retries and hedges.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub attempts: u64,
    /// Attempts that followed a failed one.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub retries: u64,
    /// Attempts that were made beside a slow one.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub hedges: u64,
    /// All attempts, also those of requests that retries further up have made again, over the requests that are there
    /// without any retry or hedge: what the target gets to do for each thing that was asked. `None` without requests.
    pub amplification: Option<f64>,
    /// Time that ok root requests waited for this edge on their critical path, over their whole latency; `None` when
    /// there are no calls or no root request was ok.
    pub share: Option<f64>,
    /// The part of `share` that was not spent waiting for the target's own calls.
    pub self_share: Option<f64>,
    /// Connections that its measured requests opened.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub connections_opened: u64,
    /// How often a measured request went over a connection that was already there.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub connections_reused: u64,
}

/// Counts of one edge while a run goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct EdgeTally {
    /// Its requests.
    pub(crate) requests: RequestTally,
    /// Latency of its ok requests.
    pub(crate) latency: LatencyTally,
    /// Connections opened.
    pub(crate) opened: u64,
    /// Connections reused.
    pub(crate) reused: u64,
    /// Attempts after a failed one.
    pub(crate) retries: u64,
    /// Attempts beside a slow one.
    pub(crate) hedges: u64,
    /// First attempts.
    made: u64,
    /// Requests that no retry or hedge further up has made again.
    originals: u64,
}

impl EdgeTally {
    /// A measured request arrives; `made` when there is a client for it.
    pub(crate) fn arrived(&mut self, number: u64, made: bool) {
        self.requests.total += 1;
        self.made += u64::from(made);
        self.originals += u64::from(number >> BASE_BITS == 0);
    }

    /// What was counted.
    pub(crate) fn finish(&self, edge: usize, header: &TraceHeader, names: &Names, paths: &PathTally) -> EdgeMetrics {
        let known = header.edges.get(edge);
        let name = known.map_or_else(|| format!("#{edge}"), |edge| edge.name.clone());
        let from = known.and_then(|edge| edge.caller).map(|caller| names.workload(WorkloadId(caller)));
        let to = known.and_then(|edge| {
            let port = edge.service_port.map(|port| names.service_port(ServicePortId(port)));
            port.or_else(|| Some(names.workload(WorkloadId(edge.workload?))))
        });
        let attempts = self.made + self.retries + self.hedges;
        let (waited, own, whole) = paths.of_edge(edge);
        EdgeMetrics {
            from: from.unwrap_or_else(|| name.clone()),
            name,
            to: to.unwrap_or_default(),
            requests: self.requests.counts(),
            latency: self.latency.summary(),
            attempts,
            retries: self.retries,
            hedges: self.hedges,
            amplification: ratio(attempts.into(), self.originals.into()),
            share: ratio(waited, whole),
            self_share: ratio(own, whole),
            connections_opened: self.opened,
            connections_reused: self.reused,
        }
    }
}
