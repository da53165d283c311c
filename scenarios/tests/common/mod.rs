//! What the tests of this crate share.

// Each test file uses a part of this; the skipped ones say so.
#![allow(dead_code, clippy::print_stdout, clippy::unwrap_used)]

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use scenarios::{BoundUnit, Checked, Diagnostic, Loaded, Metric, Overrides, Scenario, Source};

/// Metrics that the tests' expectations use.
pub(crate) const METRICS: &[Metric<'static>] = &[
    ("request_success_rate", BoundUnit::Number),
    ("outage_duration", BoundUnit::Nanoseconds),
    ("detection_time", BoundUnit::Nanoseconds),
    ("outage_ended", BoundUnit::Number),
    ("outage_failures", BoundUnit::Number),
    ("connections_opened", BoundUnit::Number),
    ("request_total", BoundUnit::Number),
    ("request_failed", BoundUnit::Number),
    ("programming_time", BoundUnit::Nanoseconds),
    ("latency_p50", BoundUnit::Nanoseconds),
    ("latency_p99", BoundUnit::Nanoseconds),
    ("latency_max", BoundUnit::Nanoseconds),
    ("latency_mean", BoundUnit::Nanoseconds),
    ("max_over_mean", BoundUnit::Number),
];

/// The folder of the library.
pub(crate) fn library() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("library")
}

/// The folder of public manifests and compose files beside the workspace; they are never copied into it.
pub(crate) fn inputs() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/inputs");
    let given = std::env::var_os("PODWIRE_INPUTS").map(PathBuf::from);
    let folder = given.unwrap_or(beside);
    if !folder.is_dir() {
        println!("no {}: skipped", folder.display());
        return None;
    }
    Some(folder)
}

/// Loads a scenario from the disk.
pub(crate) fn load_file(path: &Path) -> Loaded {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let disk = |path: &Path| std::fs::read_to_string(path);
    scenarios::load(Source { name, text }, path.parent().unwrap(), &disk, &Overrides::default(), METRICS)
}

/// Loads a scenario with its files in memory.
pub(crate) fn load_with(text: &str, files: &[(&str, &str)], overrides: &Overrides) -> Loaded {
    let read = |path: &Path| {
        let found = files.iter().find(|(name, _)| Path::new(name) == path);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| Error::from(ErrorKind::NotFound))
    };
    let main = Source { name: "scenario.yaml".to_owned(), text: text.to_owned() };
    scenarios::load(main, Path::new(""), &read, overrides, METRICS)
}

/// Loads a scenario that must be right.
pub(crate) fn good(text: &str, files: &[(&str, &str)]) -> Scenario {
    let loaded = load_with(text, files, &Overrides::default());
    let said = scenarios::render(&loaded.diagnostics, &loaded.sources, false);
    let Some(scenario) = loaded.scenario else { panic!("does not load:\n{said}") };
    scenario
}

/// Everything there is to say about a scenario, as `code file:line:column`.
pub(crate) fn said(loaded: &Loaded) -> Vec<String> {
    loaded.diagnostics.iter().map(|item| place(item, loaded)).collect()
}

/// `code file:line:column` of one diagnostic.
pub(crate) fn place(item: &Diagnostic, loaded: &Loaded) -> String {
    format!("{} {}:{}:{}", item.code, loaded.sources[item.source].name, item.line, item.column)
}

/// Checks a text as a file of its own.
pub(crate) fn check_text(text: &str) -> Checked {
    let main = Source { name: "file.yaml".to_owned(), text: text.to_owned() };
    let none = |_: &Path| Err(Error::from(ErrorKind::NotFound));
    scenarios::check(main, Path::new(""), &none, &Overrides::default(), METRICS)
}

/// A Deployment of two and its Service.
pub(crate) const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          ports: [{name: http, containerPort: 80}, {name: admin, containerPort: 81}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: http}]
";

/// A scenario on it.
pub(crate) const SCENARIO: &str = "\
apiVersion: podwire/v1
kind: Scenario
metadata: {name: test}
spec:
  seed: 9
  duration: 2m
  include: [web.yaml]
  arms: [docker-static, service]
  traffic:
    - name: asks
      from: node/node-3
      to: service/web:80
      arrivals: {kind: poisson, rate: 10/s}
      timeout: 5s
  faults:
    - {name: dies, at: 30s, kind: node-crash, node: node-1}
  expect:
    - {metric: outage_duration, arm: service, traffic: asks, fault: dies, max: 60s}
";

/// Loads a scenario on `WEB`.
pub(crate) fn load(text: &str) -> Loaded {
    load_with(text, &[("web.yaml", WEB)], &Overrides::default())
}

/// Loads the scenario with values set from the command line.
pub(crate) fn load_set(set: &[(&str, &str)]) -> Loaded {
    let set = set.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    load_with(SCENARIO, &[("web.yaml", WEB)], &Overrides { set, ..Overrides::default() })
}

/// The scenario with one text in place of another, which must be in it.
pub(crate) fn mutated(from: &str, to: &str) -> Loaded {
    assert!(SCENARIO.contains(from), "{from}");
    load(&SCENARIO.replacen(from, to, 1))
}

/// The help of the first diagnostic.
pub(crate) fn help(loaded: &Loaded) -> String {
    loaded.diagnostics[0].help.clone().unwrap_or_default()
}
