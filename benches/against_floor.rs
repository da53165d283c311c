//! The node-death comparison (four arms, 480 000 requests, metrics and digest on, no trace written) held against the
//! floor, interleaved in one run on one thread: requests per second of each, their ratio, and the peak memory.
//! `cargo bench --bench against_floor` prints the table; as a test it makes one short round.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its table and may fail loudly")]

mod support;

use std::path::Path;
use std::time::Instant;

use podwire::experiment::{self, Nowhere, Settings, Unit};
use scenarios::{Overrides, Scenario};
use sim_core::trace::Level;

fn scenario(duration: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/library/nginx-node-death.yaml");
    let overrides = Overrides { set: vec![("duration".to_owned(), duration.to_owned())], ..Overrides::default() };
    podwire::session::load_file(&path, &overrides).unwrap().scenario.unwrap()
}

/// Runs all arms one after the other; returns the requests made.
fn compare(scenario: &Scenario) -> u64 {
    let settings = Settings { digest: true, level: Level::Connection, progress: &|_| {} };
    let arms = scenario.arms.iter().map(|arm| {
        let report = experiment::run(&Unit { scenario, arm }, &settings, &mut Nowhere);
        report.metrics.requests.total
    });
    arms.sum()
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

fn main() {
    let in_earnest = std::env::args().any(|argument| argument == "--bench");
    let (rounds, duration, floor_requests) = if in_earnest { (7, "10m", 1_000_000) } else { (1, "65s", 10_000) };
    let scenario = scenario(duration);
    let requests = compare(&scenario);
    let (mut floors, mut ours, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        floors.push(per_second(floor_requests, || support::floor::run(floor_requests)));
        ours.push(per_second(requests, || compare(&scenario)));
        ratios.push(ours.last().unwrap() / floors.last().unwrap());
    }
    println!("{requests} requests in {} arms; medians of {rounds} interleaved rounds", scenario.arms.len());
    println!("floor     {:>12.0} requests/s", median(&mut floors));
    println!("podwire   {:>12.0} requests/s", median(&mut ours));
    println!("ratio     {:>12.3}", median(&mut ratios));
    if let Some(mib) = peak_mib() {
        println!("peak      {mib:>12} MiB");
    }
}
