//! One message over two links: a client and a server with a switch between them, whose link to the client is the slow one.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use scenarios::{Overrides, Source};
use sim_core::trace::words::SegmentKind;
use sim_core::trace::{Body, Level, Record};
use sim_core::world::World;

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
    /// More keys of the client's link, each after a comma, and of the traffic and the scenario, a line each.
    pub(crate) link: String,
    pub(crate) traffic: String,
    pub(crate) more: String,
}

impl Default for Transfer {
    fn default() -> Self {
        let none = String::new;
        let traffic = "      arrivals: {kind: constant, rate: 1/s}\n      stop: 1500ms\n".to_owned();
        Self {
            request: 200,
            response: 200,
            latency: 1,
            mbps: None,
            queue: 100_000,
            link: none(),
            traffic,
            more: none(),
        }
    }
}

impl Transfer {
    /// A scenario; with one request, one second after its start, unless its traffic says otherwise.
    fn scenario(&self) -> String {
        let Self { request, response, latency, queue, .. } = self;
        let mut client = format!("from: node-2, to: switch-1, latency: {latency}ns, queue: {queue}");
        if let Some(mbps) = self.mbps {
            write!(client, ", bandwidth: {mbps}Mbps").unwrap();
        }
        client.push_str(&self.link);
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
      request: {{bytes: {request}}}
      response: {{bytes: {response}}}
{}{}{applications}",
            self.traffic, self.more
        )
    }

    /// What happens, segment by segment.
    pub(crate) fn run(&self) -> Vec<Record> {
        let source = Source { name: "transfer".to_owned(), text: self.scenario() };
        let loaded = podwire::session::load_text(source, Path::new("."), &Overrides::default());
        let problems = scenarios::render(&loaded.diagnostics, &loaded.sources, false);
        let scenario = loaded.scenario.unwrap_or_else(|| panic!("{problems}"));
        let mut records = Vec::new();
        World::new(Arc::clone(&scenario.arms[0].model), Level::Segment).run(&mut records);
        records
    }
}

/// How long a request took, less its service; `None` when it has not ended well.
pub(crate) fn time_of(records: &[Record], wanted: u64) -> Option<u64> {
    let arrived =
        records.iter().find(|it| matches!(it.body, Body::RequestArrived { number, .. } if number == wanted))?;
    let ended = records.iter().find(|it| match it.body {
        Body::RequestEnded { outcome, number, .. } => number == wanted && outcome.word() == "ok",
        _ => false,
    })?;
    Some(ended.time.as_nanos() - arrived.time.as_nanos() - SERVICE)
}

/// How often a segment of this kind was sent.
pub(crate) fn sent(records: &[Record], kind: SegmentKind) -> u64 {
    let sent = |it: &&Record| matches!(it.body, Body::SegmentSent { segment, .. } if segment == kind);
    records.iter().filter(sent).count() as u64
}
