//! A cluster at Kubernetes' published limits (scenarios/library/bench-5000-nodes.yaml: 5 000 nodes, 150 000 pods, 10 000
//! Services, a million connections) held against the floor for a million requests, and against ten nodes with as many
//! connections a second and as many Services per node, interleaved in one run. Each run of podwire is a process of its own,
//! so that its peak memory is its own.
//! `cargo bench --bench scale` prints the table with the wanted figures (`-- 3`: of three rounds, not seven); as a test it makes one short round on few nodes.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::cast_precision_loss, reason = "a bench prints its table")]

mod support;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use podwire::experiment::{Counted, Unit};
use reports::trace_io::DigestSink;
use scenarios::Overrides;
use sim_core::trace::Level;
use sim_core::world::World;

/// Says in a child which cluster it runs: its nodes, and connections a second.
const CHILD: &str = "PODWIRE_SCALE_CHILD";

/// What the scenario is on so many nodes: two Services and 30 pods per node, as on 5 000.
fn overrides(nodes: u32, rate: u32) -> Overrides {
    let (edge, release) = ((nodes / 5).saturating_sub(1).max(1), (nodes / 5 + 14).max(1));
    let set = [
        ("topology.nodes.count", nodes.to_string()),
        ("topology.generator.leaves", (nodes / 42 + 1).to_string()),
        ("synthetic.shop.services", (nodes * 9 / 5).to_string()),
        ("synthetic.edge.services", edge.to_string()),
        ("synthetic.release.replicas", release.to_string()),
        ("traffic.mesh.arrivals.rate", format!("{rate}/s")),
        ("faults.lost-node.node", format!("node-{}", nodes.min(17))),
    ];
    let set = set.into_iter().map(|(path, value)| (path.to_owned(), value)).collect();
    Overrides { set, ..Overrides::default() }
}

/// Runs one cluster and prints what it took.
fn child(nodes: u32, rate: u32) {
    let begin = Instant::now();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/library/bench-5000-nodes.yaml");
    let scenario = podwire::session::load_file(&path, &overrides(nodes, rate)).unwrap().scenario.unwrap();
    let unit = Unit { scenario: &scenario, arm: &scenario.arms[0] };
    let mut world = World::new(Arc::clone(&unit.arm.model), Level::Connection);
    let (placed, pods) = (begin.elapsed(), world.footprint().pods);
    let mut sink = Counted { digest: DigestSink::new(&unit.header()), connections: 0 };
    let start = Instant::now();
    world.run(&mut sink);
    let run = start.elapsed();
    std::hint::black_box(sink.digest.finish());
    let (placed, run) = (placed.as_secs_f64(), run.as_secs_f64());
    println!("{placed} {run} {} {} {}", sink.connections, pods.each().unwrap(), peak_kib().unwrap_or(0));
}

/// Peak resident memory of this process, where the system tells it.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// What a child took.
struct Took {
    placed: f64,
    run: f64,
    connections: f64,
    pod_bytes: f64,
    peak_mib: f64,
}

fn run(nodes: u32, rate: u32) -> Took {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let ended = command.env(CHILD, format!("{nodes} {rate}")).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let text = String::from_utf8(ended.stdout).unwrap();
    let figures: Vec<f64> = text.split_whitespace().map(|figure| figure.parse().unwrap()).collect();
    let [placed, run, connections, pod_bytes, peak_kib] = figures[..] else { panic!("{text}") };
    Took { placed, run, connections, pod_bytes, peak_mib: peak_kib / 1_024.0 }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// `cargo bench --bench scale -- 3` makes three rounds.
fn asked_rounds() -> Option<u32> {
    std::env::args().skip(1).find_map(|argument| argument.parse().ok())
}

fn main() {
    if let Ok(cluster) = std::env::var(CHILD) {
        let (nodes, rate) = cluster.split_once(' ').unwrap();
        return child(nodes.parse().unwrap(), rate.parse().unwrap());
    }
    let in_earnest = std::env::args().any(|argument| argument == "--bench");
    let (rounds, nodes, rate, floor_requests) =
        if in_earnest { (asked_rounds().unwrap_or(7), 5_000, 100_000, 1_000_000) } else { (1, 60, 1_000, 10_000) };
    let mut figures = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        std::hint::black_box(support::floor::run(floor_requests, 1));
        let floor = start.elapsed().as_secs_f64();
        figures.push((floor, run(nodes, rate), run(10, rate)));
    }
    let over = |figure: fn(&(f64, Took, Took)) -> f64| median(figures.iter().map(figure));
    println!("medians of {rounds} interleaved rounds");
    println!("floor, {floor_requests} requests        {:>9.3} s", over(|it| it.0));
    println!("loading and placing, {nodes} nodes  {:>9.3} s", over(|it| it.1.placed));
    println!("running, {nodes} nodes              {:>9.3} s", over(|it| it.1.run));
    println!("running, 10 nodes                {:>9.3} s", over(|it| it.2.run));
    println!("loading and placing / floor      {:>9.2}    wanted: at most 8", over(|it| it.1.placed / it.0));
    println!("running / floor                  {:>9.2}    wanted: at most 15", over(|it| it.1.run / it.0));
    let each = |it: &(f64, Took, Took)| (it.1.run / it.1.connections) / (it.2.run / it.2.connections);
    println!("per connection / that of 10      {:>9.2}    wanted: at most 2.5", over(each));
    println!("peak memory                      {:>9.0} MiB, wanted: at most 1024", over(|it| it.1.peak_mib));
    println!("bytes per pod                    {:>9.0}    wanted: at most 400", over(|it| it.1.pod_bytes));
}
