//! One message over two links: a client and a server with a switch between them, whose link to the client is the slow one.

use std::fmt::Write as _;

use sim_core::trace::{Body, Record};

use crate::manifests::application;

/// How long a server takes before it answers.
pub(crate) const SERVICE: u64 = 10_000_000;

/// What is sent, and over what.
#[derive(Clone, Debug)]
pub(crate) struct Transfer {
    /// Payload of the request and of the response.
    pub(crate) request: u64,
    pub(crate) response: u64,
    /// Latency of each of the two links, in nanoseconds.
    pub(crate) latency: u64,
    /// Bandwidth of the client's link in Mbps; the server's link has no limit.
    pub(crate) mbps: Option<u64>,
    /// Packets that may wait at either end of the client's link.
    pub(crate) queue: u64,
    /// More of the scenario's keys, a line each.
    pub(crate) more: String,
}

impl Transfer {
    /// A scenario with one request, one second after its start.
    pub(crate) fn scenario(&self) -> String {
        let Self { request, response, latency, queue, .. } = self;
        let mut client = format!("from: node-2, to: switch-1, latency: {latency}ns, queue: {queue}");
        if let Some(mbps) = self.mbps {
            write!(client, ", bandwidth: {mbps}Mbps").unwrap();
        }
        let applications = [application("server", 1), application("client", 1)].concat();
        format!(
            "apiVersion: podwire/v1
kind: Scenario
metadata: {{name: transfer}}
spec:
  duration: 10m
  arms: [service]
  placement: {{deployment/server: [node-1], deployment/client: [node-2]}}
  topology:
    nodes: {{count: 2}}
    switches: [switch-1]
    links:
      - {{{client}}}
      - {{from: switch-1, to: node-1, latency: {latency}ns}}
      - {{from: control-plane, to: node-1}}
  behaviour: {{deployment/server: {{serviceTime: {{kind: constant, value: {SERVICE}ns}}}}}}
  traffic:
    - name: asks
      from: deployment/client
      to: service/server:80
      arrivals: {{kind: constant, rate: 1/s}}
      stop: 1500ms
      request: {{bytes: {request}}}
      response: {{bytes: {response}}}
{}{applications}",
            self.more
        )
    }
}

/// How long the one request took, less its service; `None` when it has not ended well.
pub(crate) fn time_of(records: &[Record]) -> Option<u64> {
    let arrived = records.iter().find(|record| matches!(record.body, Body::RequestArrived { .. }))?.time;
    let ended = records.iter().find_map(|record| match record.body {
        Body::RequestEnded { outcome, .. } if outcome.word() == "ok" => Some(record.time),
        _ => None,
    })?;
    Some(ended.as_nanos() - arrived.as_nanos() - SERVICE)
}
