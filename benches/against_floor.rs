//! The node-death comparison (four arms, 480 000 requests) and the shop (one arm, 1 000 pages/s over 10 minutes, about
//! 8 million requests), both with metrics and digest and without a written trace, held against the floor, interleaved in
//! one run on one thread: requests per second of each, their ratios, and the peak memory.
//! `cargo bench --bench against_floor` prints the table; as a test it makes one short round.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its table and may fail loudly")]

mod support;

use std::path::Path;
use std::time::Instant;

use podwire::experiment::{self, Settings, Unit};
use scenarios::{Arm, Overrides, Scenario};
use sim_core::trace::{Body, Level, Record, TraceSink};

fn scenario(name: &str, set: &[(&str, &str)]) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/library").join(name);
    let set = set.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    let overrides = Overrides { set, ..Overrides::default() };
    podwire::session::load_file(&path, &overrides).unwrap().scenario.unwrap()
}

/// Counts requests, calls included.
struct Requests(u64);

impl TraceSink for Requests {
    fn record(&mut self, record: &Record) {
        self.0 += u64::from(matches!(record.body, Body::RequestArrived { .. }));
    }
}

/// Runs the arms that `wanted` takes one after the other; returns the requests made.
fn run(scenario: &Scenario, wanted: fn(&Arm) -> bool) -> u64 {
    let settings = Settings { digest: true, level: Level::Connection, pictures: None, share: true, progress: &|_| {} };
    let mut requests = Requests(0);
    for arm in scenario.arms.iter().filter(|arm| wanted(arm)) {
        experiment::run(&Unit { scenario, arm }, &settings, &mut requests);
    }
    requests.0
}

#[allow(clippy::cast_precision_loss)]
fn per_second(count: u64, work: impl FnOnce() -> u64) -> f64 {
    let start = Instant::now();
    std::hint::black_box(work());
    count as f64 / start.elapsed().as_secs_f64()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Peak resident memory of this process in MiB, where the system tells it.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib / 1024)
}

/// One workload held against the floor.
struct Held {
    name: &'static str,
    scenario: Scenario,
    wanted: fn(&Arm) -> bool,
    requests: u64,
    per_second: Vec<f64>,
    ratios: Vec<f64>,
}

impl Held {
    fn new(name: &'static str, scenario: Scenario, wanted: fn(&Arm) -> bool) -> Self {
        let requests = run(&scenario, wanted);
        Self { name, scenario, wanted, requests, per_second: Vec::new(), ratios: Vec::new() }
    }

    fn round(&mut self, floor: f64) {
        let reached = per_second(self.requests, || run(&self.scenario, self.wanted));
        self.per_second.push(reached);
        self.ratios.push(reached / floor);
    }
}

fn main() {
    let in_earnest = std::env::args().any(|argument| argument == "--bench");
    let (rounds, node_death, shop, floor_requests) =
        if in_earnest { (7, "10m", "10m", 1_000_000) } else { (1, "65s", "6s", 10_000) };
    let node_death = scenario("nginx-node-death.yaml", &[("duration", node_death)]);
    let shop = [("duration", shop), ("traffic.visitors.arrivals.rate", "1000/s")];
    let mut held = [
        Held::new("node death", node_death, |_| true),
        Held::new("shop", scenario("shop-healthy.yaml", &shop), |arm| arm.name == "service"),
    ];
    let mut floors = Vec::new();
    for _ in 0..rounds {
        for workload in &mut held {
            let floor = per_second(floor_requests, || support::floor::run(floor_requests, 1));
            floors.push(floor);
            workload.round(floor);
        }
    }
    println!("medians of {rounds} interleaved rounds");
    println!("floor       {:>12.0} requests/s", median(&mut floors));
    for Held { name, requests, per_second, ratios, .. } in &mut held {
        let (reached, ratio) = (median(per_second), median(ratios));
        println!("{name:<11} {reached:>12.0} requests/s, ratio {ratio:.3}, {requests} requests");
    }
    if let Some(mib) = peak_mib() {
        println!("peak        {mib:>12} MiB");
    }
}
