//! What sharing and threads are worth. Two comparisons of 20 variants whose node dies at 80 % of the run or after it, once by
//! forks in time and once as 20 whole runs; and 64 shorter replications on one thread and on two. The contenders take turns in
//! one process; printed are medians of the ratios of each round.
//! `cargo bench --bench forks` prints the table; as a test it makes one short round. `-- shared` and `-- whole` make the
//! comparison of fault times once in one of the two ways, for tools that count instructions.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its table and may fail loudly")]

use std::path::Path;
use std::time::Instant;

use podwire::experiment::{self, Nowhere, Settings, Unit};
use scenarios::{Overrides, Scenario};
use sim_core::trace::Level;

/// The tutorial's node death under one arm of the file.
fn node_death(duration: u64, overrides: Overrides) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/library/nginx-node-death.yaml");
    let set = [("duration", format!("{duration}s")), ("faults.lost-node.at", format!("{}s", duration * 8 / 10))];
    let set = set.map(|(path, value)| (path.to_owned(), value)).to_vec();
    let overrides = Overrides { set, arms: vec!["service".to_owned()], ..overrides };
    podwire::session::load_file(&path, &overrides).unwrap().scenario.unwrap()
}

/// 20 variants of a path, by number, in milliseconds.
fn variants(duration: u64, path: &str, value: impl Fn(u64) -> u64) -> Scenario {
    let values: Vec<String> = (0..20).map(|number| format!("{}ms", value(number))).collect();
    node_death(duration, Overrides { variants: vec![(path.to_owned(), values.join(","))], ..Overrides::default() })
}

/// Makes one run of every arm of every scenario; returns the seconds that it took.
fn seconds(scenarios: &[Scenario], share: bool, threads: usize) -> f64 {
    let units = scenarios.iter().flat_map(|scenario| scenario.arms.iter().map(move |arm| Unit { scenario, arm }));
    let units: Vec<Unit<'_>> = units.collect();
    let settings = Settings { digest: true, level: Level::Connection, pictures: None, share, progress: &|_| {} };
    let start = Instant::now();
    std::hint::black_box(experiment::run_shared(&units, &settings, Some(threads), &Nowhere));
    start.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The median and the extremes of the ratios of two contenders that take turns.
fn compare(rounds: usize, mut first: impl FnMut() -> f64, mut second: impl FnMut() -> f64) -> (f64, f64, f64) {
    let ratios: Vec<f64> = (0..rounds).map(|_| first() / second()).collect();
    let extreme = |start: f64, choose: fn(f64, f64) -> f64| ratios.iter().copied().fold(start, choose);
    (median(ratios.clone()), extreme(f64::INFINITY, f64::min), extreme(0.0, f64::max))
}

fn main() {
    let has = |word: &str| std::env::args().any(|argument| argument == word);
    let (rounds, duration, seeds) = if has("--bench") { (9, 600, 64) } else { (1, 500, 4) };
    let times = [variants(duration, "faults.lost-node.at", |number| duration * (800 + 2 * number))];
    for (word, share) in [("shared", true), ("whole", false)] {
        if has(word) {
            seconds(&times, share, 1);
            return;
        }
    }
    let graces = [variants(duration, "cluster.nodeMonitorGracePeriod", |number| 10_000 + 2_000 * number)];
    println!("medians of {rounds} interleaved rounds, and the least and the greatest");
    for (name, set) in [("20 fault times", &times), ("20 grace periods", &graces)] {
        let (ratio, least, most) = compare(rounds, || seconds(set, true, 1), || seconds(set, false, 1));
        println!("{name:<18} by forks / whole runs: {ratio:.3} ({least:.3} to {most:.3})");
    }
    let under = |seed: u64| node_death(duration / 5, Overrides { seed: Some(seed), ..Overrides::default() });
    let replications: Vec<Scenario> = (1..=seeds).map(under).collect();
    let (ratio, least, most) = compare(rounds, || seconds(&replications, true, 1), || seconds(&replications, true, 2));
    println!("{seeds:>2} replications    one thread / two threads: {ratio:.2} ({least:.2} to {most:.2})");
}
