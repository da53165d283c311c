//! podwire itself as a library: `scenarios/library/bench-w2.yaml`, with metrics and a text report as the command line makes
//! them, on networks of any size.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;

use podwire::experiment::{self, Settings, Unit};
use reports::report::{Report, ReportInput, renderer};
use scenarios::{Overrides, Scenario, Source};
use sim_core::trace::{Body, Level, Record, TraceSink};

use super::SERVERS;
use crate::rounds::Work;

/// How clients connect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Connections {
    /// For each request.
    Fresh,
    /// And keep the connection.
    Kept,
}

/// Whether a digest of the trace is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Digest {
    On,
    Off,
}

/// Nodes in the library's scenario.
const NODES: u32 = 20;
/// How long networks of each size are simulated for. Long enough that the start of the largest, whose clients write 20 million
/// addresses down, is a part of it.
const DURATIONS: [&str; 3] = ["20s", "4s", "2s"];

/// A scenario that can be run.
pub(super) struct Network(Scenario);

impl Network {
    pub(super) fn new(scale: u32, connections: Connections) -> Self {
        Self::lasting(DURATIONS[scale.ilog10() as usize], scale, connections)
    }

    /// The same for another time.
    pub(super) fn lasting(duration: &str, scale: u32, connections: Connections) -> Self {
        let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/library");
        let read = |path: &Path| std::fs::read_to_string(path).map(|text| enlarged(&text, scale));
        let text = read(&library.join("bench-w2.yaml")).expect("the library's scenario");
        // Expectations are of the original.
        let text = text.split("  expect:").next().expect("a first part").to_owned();
        let source = Source { name: "bench-w2".to_owned(), text };
        let set = |path: &str, value: &str| (path.to_owned(), value.to_owned());
        let mut sets = vec![set("duration", duration)];
        // The default has room for 256 nodes.
        sets.push(set("cluster.clusterCIDR", "10.128.0.0/9"));
        if connections == Connections::Kept {
            // One to each server.
            sets.push(set("traffic.users.connections", &format!("{{pool: {}}}", SERVERS * scale)));
        }
        let overrides = Overrides { set: sets, ..Overrides::default() };
        let loaded = scenarios::load(source, &library, &read, &overrides, &[]);
        Self(loaded.scenario.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics)))
    }

    /// Runs it, and tells how many requests it made.
    pub(super) fn work(self, digest: Digest) -> Work {
        Box::new(move || {
            let mut requests = Requests(0);
            self.run(digest, &mut requests);
            requests.0
        })
    }

    /// Runs it without a digest, and tells how many connections it opened and how many of them it closed.
    pub(super) fn connections(&self) -> (u64, u64) {
        let mut counts = Connected::default();
        self.run(Digest::Off, &mut counts);
        (counts.opened, counts.closed)
    }

    fn run<S: TraceSink>(&self, digest: Digest, sink: &mut S) {
        let Self(scenario) = self;
        let arm = &scenario.arms[0];
        let settings = Settings {
            digest: digest == Digest::On,
            level: Level::Connection,
            pictures: None,
            share: true,
            progress: &|_| {},
        };
        let run = experiment::run(&Unit { scenario, arm }, &settings, sink);
        let report = Report::new(ReportInput {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: scenario.name.clone(),
            scenario_digest: String::new(),
            runs: vec![run],
            settings: BTreeMap::from([(arm.name.clone(), arm.settings.clone())]),
            ..ReportInput::default()
        });
        let mut text = Vec::new();
        let as_text = renderer("text").expect("there is a text report");
        (as_text.render)(&report, &mut text).expect("memory takes everything");
        black_box(text);
    }
}

/// Counts requests.
struct Requests(u64);

impl TraceSink for Requests {
    fn record(&mut self, record: &Record) {
        self.0 += u64::from(matches!(record.body, Body::RequestArrived { .. }));
    }
}

/// Counts connections opened and closed.
#[derive(Default)]
struct Connected {
    opened: u64,
    closed: u64,
}

impl TraceSink for Connected {
    fn record(&mut self, record: &Record) {
        match record.body {
            Body::ConnectionOpened { .. } => self.opened += 1,
            Body::ConnectionClosed { .. } => self.closed += 1,
            _ => {}
        }
    }
}

/// The library's scenario, or a manifest of it, with so many times the nodes, the pods and the users.
fn enlarged(text: &str, scale: u32) -> String {
    let lines = text.lines().map(|line| {
        let line = numbers_enlarged(line, scale);
        match line.split_once(": [node-") {
            Some((key, _)) => {
                let nodes = NODES * scale;
                let half = if key.ends_with("server") { 1..=nodes / 2 } else { nodes / 2 + 1..=nodes };
                let nodes: Vec<String> = half.map(|node| format!("node-{node}")).collect();
                format!("{key}: [{}]", nodes.join(", "))
            }
            None => line,
        }
    });
    lines.collect::<Vec<String>>().join("\n")
}

/// Counts of nodes, pods and users in a line.
fn numbers_enlarged(line: &str, scale: u32) -> String {
    let counts = ["count: ", "replicas: ", "users: "];
    counts.into_iter().fold(line.to_owned(), |line, key| {
        let Some((before, after)) = line.split_once(key) else { return line };
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let number = after[..end].parse::<u32>().map_or_else(|_| String::new(), |count| (count * scale).to_string());
        format!("{before}{key}{number}{}", &after[end..])
    })
}
