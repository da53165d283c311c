//! Small scenarios from text, and their records.

use std::path::Path;
use std::sync::Arc;

use scenarios::{Overrides, Source};
use sim_core::trace::words::{Outcome, SegmentKind};
use sim_core::trace::{Body, Level, Record, RecordId};
use sim_core::world::World;

/// The head of every scenario here: one server on node-1, one client on node-2, nothing in the way.
pub(crate) const ONE_SERVER: &str = "
  topology: {nodes: {count: 2}}
  replicas: {deployment/my-nginx: 1}
  placement: {deployment/my-nginx: [node-1], deployment/curl: [node-2]}
";

/// Runs one arm of a scenario whose `spec` goes on with `rest`; records of every level.
pub(crate) fn run(arm: &str, rest: &str) -> Vec<Record> {
    records_of(&world_of(&["run-my-nginx.yaml", "nginx-svc.yaml", "curl.yaml"], arm, rest, Level::Segment))
}

/// The same with other manifests of the folder beside this file, and a client to ask them.
pub(crate) fn run_manifest(file: &str, arm: &str, rest: &str) -> Vec<Record> {
    let file = format!("../../../tests/conformance/manifests/{file}");
    records_of(&world_of(&[&file, "curl.yaml"], arm, rest, Level::Segment))
}

/// A Deployment `web` of one container with these probes, and its Service, as documents behind a scenario.
pub(crate) fn web_with(probes: &str) -> String {
    format!(
        "---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, ports: [{{name: http, containerPort: 80}}], {probes}}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{selector: {{app: web}}, ports: [{{port: 80}}]}}
"
    )
}

/// The world of one arm at its first instant.
pub(crate) fn world_of(manifests: &[&str], arm: &str, rest: &str, level: Level) -> World {
    let include: Vec<String> = manifests.iter().map(|name| format!("kubernetes/{name}")).collect();
    let text = format!(
        "apiVersion: podwire/v1\nkind: Scenario\nmetadata: {{name: case}}\nspec:\n  seed: 1\n  \
         include: [{}]\n  arms: [{arm}]\n{rest}",
        include.join(", ")
    );
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/library");
    let source = Source { name: "case".to_owned(), text };
    let loaded = podwire::session::load_text(source, &base, &Overrides::default());
    let problems = scenarios::render(&loaded.diagnostics, &loaded.sources, false);
    let scenario = loaded.scenario.unwrap_or_else(|| panic!("{problems}"));
    World::new(Arc::clone(&scenario.arms[0].model), level)
}

/// The whole run of a world.
pub(crate) fn records_of(world: &World) -> Vec<Record> {
    let mut records = Vec::new();
    world.clone().run(&mut records);
    records
}

/// Outcome and time (in milliseconds after its arrival) of every ended request, in order of number.
pub(crate) fn outcomes(records: &[Record]) -> Vec<(Outcome, u64)> {
    let mut arrived = std::collections::BTreeMap::new();
    let mut ended = std::collections::BTreeMap::new();
    for record in records {
        match record.body {
            Body::RequestArrived { number, .. } => {
                arrived.insert(number, record.time);
            }
            Body::RequestEnded { number, outcome, .. } => {
                ended.insert(number, (outcome, record.time.since(arrived[&number]).as_nanos() / 1_000_000));
            }
            _ => {}
        }
    }
    ended.into_values().collect()
}

/// Times of one kind of segment of one request, in whole seconds after the request's arrival.
pub(crate) fn seconds_of(records: &[Record], kind: SegmentKind, request: u64) -> Vec<u64> {
    tenths_of(records, kind, request).into_iter().map(|tenth| tenth / 10).collect()
}

/// The same in tenths of a second.
pub(crate) fn tenths_of(records: &[Record], kind: SegmentKind, request: u64) -> Vec<u64> {
    let start = records
        .iter()
        .find(|record| matches!(record.body, Body::RequestArrived { number, .. } if number == request))
        .unwrap()
        .time;
    let sent = records.iter().filter(|record| {
        matches!(record.body, Body::SegmentSent { number, segment, .. } if number == request && segment == kind)
    });
    sent.map(|record| record.time.since(start).as_nanos() / 100_000_000).collect()
}

/// How many records of a kind there are.
pub(crate) fn count(records: &[Record], kind: &str) -> usize {
    records.iter().filter(|record| record.body.kind() == kind).count()
}

/// What the record with this number says.
pub(crate) fn said(records: &[Record], id: RecordId) -> Body {
    records.iter().find(|record| record.id == id).unwrap().body
}

/// Times of the records of a kind, in milliseconds.
pub(crate) fn times(records: &[Record], kind: &str) -> Vec<u64> {
    let of_kind = records.iter().filter(|record| record.body.kind() == kind);
    of_kind.map(|record| record.time.as_nanos() / 1_000_000).collect()
}
