//! The reproducibility laws: the same bytes everywhere, equal workloads in every arm, and one truth at every level.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support {
    pub(crate) mod engine;
    pub(crate) mod process;
    pub(crate) mod steps;
}

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

use podwire::experiment::Unit;
use reports::metrics::{Metrics, RunMetrics};
use reports::trace_io::{BinaryWriter, DigestSink, JsonlWriter, TraceReader};
use scenarios::Scenario;
use serde_json::Value;
use sim_core::kernel::time::SimTime;
use sim_core::trace::{Body, Level, Record, TraceHeader, TraceSink};
use sim_core::world::World;
use support::engine::{library, load, run};
use support::process::{Folder, command, feed, podwire};
use support::steps::world_records;

const NODE_DEATH: &str = "scenarios/library/nginx-node-death.yaml";
/// Long enough for the crash, the detection, the sync and the replacement; a tenth of the requests.
const SHORT: [(&str, &str); 2] = [("duration", "8m"), ("traffic.curl.arrivals.rate", "20/s")];
/// The same on the command line.
const SHORT_ARGS: [&str; 4] = ["--set", "duration=8m", "--set", "traffic.curl.arrivals.rate=20/s"];

fn node_death_text() -> String {
    std::fs::read_to_string(library().join("nginx-node-death.yaml")).unwrap()
}

fn node_death() -> Scenario {
    load(&node_death_text(), &SHORT)
}

fn digests(scenario: &Scenario) -> Vec<String> {
    let arms = 0..scenario.arms.len();
    arms.map(|arm| run(scenario, arm, Level::Connection).report.trace_digest.unwrap().hex()).collect()
}

/// The digests of a report that the command line printed as JSON.
fn printed_digests(json: &str) -> Vec<String> {
    let report: Value = serde_json::from_str(json).unwrap();
    let runs = report["runs"].as_array().unwrap().iter();
    runs.map(|run| run["traceDigest"].as_str().unwrap().to_owned()).collect()
}

/// What the world wants of each source, request by request: arrival, bytes both ways, demand.
type Roots = BTreeMap<String, Vec<(u64, u64, u64, u64, u64)>>;

fn roots(header: &TraceHeader, records: impl IntoIterator<Item = Record>) -> Roots {
    let mut roots = Roots::new();
    for record in records {
        if let Body::RequestArrived { source, number, request_bytes, response_bytes, demand, .. } = record.body {
            let root = (number, record.time.as_nanos(), request_bytes, response_bytes, demand);
            roots.entry(header.sources[source.index()].name.clone()).or_default().push(root);
        }
    }
    roots
}

fn roots_of_arm(scenario: &Scenario, arm: usize) -> Roots {
    let header = Unit { scenario, arm: &scenario.arms[arm] }.header();
    roots(&header, run(scenario, arm, Level::Request).records)
}

fn open_trace(path: &str) -> TraceReader<BufReader<File>> {
    TraceReader::open(BufReader::new(File::open(path).unwrap())).unwrap()
}

#[test]
fn a_run_has_the_same_digest_twice_in_one_process_and_on_two_threads() {
    let scenario = node_death();
    let first = digests(&scenario);
    assert_eq!(digests(&scenario), first);
    let both: Vec<_> = std::thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(|| digests(&node_death())));
        threads.map(|thread| thread.join().unwrap()).into()
    });
    assert_eq!(both, [first.clone(), first.clone()]);
    let distinct: BTreeSet<&String> = first.iter().collect();
    assert_eq!(distinct.len(), 4, "each arm has a digest of its own");
}

#[test]
fn another_seed_gives_every_arm_another_digest() {
    let (first, other) = (node_death(), load(&node_death_text(), &[SHORT[0], SHORT[1], ("seed", "43")]));
    for (mine, theirs) in digests(&first).iter().zip(digests(&other)) {
        assert_ne!(*mine, theirs);
    }
    let (mine, theirs) = (run(&first, 3, Level::Connection).records, run(&other, 3, Level::Connection).records);
    assert_ne!(mine, theirs, "not only the header differs");
}

/// Copies the library into a folder of the test.
fn copy_library(folder: &Folder, name: &str) -> String {
    let mut open = vec![library()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let inside = path.strip_prefix(library()).unwrap().to_str().unwrap();
                folder.write(&format!("{name}/{inside}"), &std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    folder.path(name)
}

#[test]
fn folder_time_zone_and_locale_change_no_byte_of_the_report() {
    let folder = Folder::new();
    let copy = copy_library(&folder, "somewhere else");
    let args = [&["compare", NODE_DEATH, "--format", "json"], &SHORT_ARGS[..]].concat();
    let here = podwire(&args).ok();
    assert_eq!(printed_digests(&here), digests(&node_death()), "the binary and the library agree");
    let args = [&["compare", "nginx-node-death.yaml", "--format", "json"], &SHORT_ARGS[..]].concat();
    for (zone, locale) in [("Pacific/Kiritimati", "de_DE.UTF-8"), ("America/St_Johns", "tr_TR.UTF-8"), ("UTC", "C")] {
        let mut there = command(&args);
        there.current_dir(&copy).env("TZ", zone).env("LC_ALL", locale).env("LANG", locale).env("HOME", "/nowhere");
        assert_eq!(feed(&mut there, "").ok(), here, "{zone} {locale}");
    }
}

#[test]
fn the_number_of_threads_changes_no_byte_of_report_and_traces() {
    let folder = Folder::new();
    let outcome = |threads: &str| {
        let out = folder.path(threads);
        let args = ["compare", NODE_DEATH, "--format", "json", "--seeds", "1..2", "--threads", threads, "-o", &out];
        let ended = podwire(&[&args, &SHORT_ARGS[..]].concat());
        let files =
            ["report.txt", "report.json", "report.html", "docker-registry/trace-1.jsonl", "service/trace-2.jsonl"];
        (ended.stdout, files.map(|file| std::fs::read(format!("{out}/{file}")).unwrap()))
    };
    let one = outcome("1");
    assert!(one.1.iter().all(|bytes| !bytes.is_empty()));
    assert!(one == outcome("2"), "one thread and two differ");
}

#[test]
fn variants_that_share_their_beginning_print_what_variants_alone_print() {
    let folder = Folder::new();
    let variants = ["--variant", "faults.lost-node.at=1m,5m", "--variant", "cluster.nodeMonitorGracePeriod=20s,50s"];
    let outcome = |threads: &str, more: &[&str]| {
        let args = ["compare", NODE_DEATH, "--format", "json", "--threads", threads];
        podwire(&[&args, &SHORT_ARGS[..], &variants, more].concat()).stdout
    };
    // Runs that write traces share nothing.
    let alone = outcome("2", &["-o", &folder.path("alone")]);
    assert_eq!(printed_digests(&alone).into_iter().collect::<BTreeSet<String>>().len(), 16);
    for threads in ["1", "2"] {
        assert!(outcome(threads, &[]) == alone, "{threads} threads");
    }
}

#[test]
fn saved_traces_of_all_arms_hold_equal_arrivals_sizes_and_demands() {
    let folder = Folder::new();
    for (form, file) in [("jsonl", "trace.jsonl"), ("bin", "trace.bin")] {
        let out = folder.path(form);
        podwire(&[&["compare", NODE_DEATH, "--trace", form, "-o", &out], &SHORT_ARGS[..]].concat());
        let saved = |arm: &str| {
            let trace = open_trace(&format!("{out}/{arm}/{file}"));
            let header = trace.header().clone();
            roots(&header, trace.map(Result::unwrap))
        };
        let first = saved("docker-static");
        assert!(first["curl"].len() > 9_000, "{}", first["curl"].len());
        let numbers: Vec<u64> = first["curl"].iter().map(|root| root.0).collect();
        assert!(numbers.iter().copied().eq(0..numbers.len() as u64), "requests are numbered from 0");
        for arm in ["docker-registry", "pod-ip-direct", "service"] {
            assert!(saved(arm) == first, "{arm} differs from docker-static, {form}");
        }
    }
}

const MORE_TRAFFIC: &str = "
    - name: AAA-first-by-name
      from: node/node-1
      to: service/my-nginx:80
      arrivals: {kind: closed-loop, users: 3, think: {kind: constant, value: 70ms}}
      request: {bytes: 9}
      timeout: 1s
  faults:";

const UNRELATED: &str = "
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: a-bystander}
spec:
  replicas: 3
  selector: {matchLabels: {run: bystander}}
  template:
    metadata: {labels: {run: bystander}}
    spec: {containers: [{name: c, image: i, ports: [{containerPort: 99}]}]}
";

#[test]
fn an_unrelated_deployment_or_another_source_moves_no_arrival_size_or_demand() {
    let plain = node_death();
    let text = node_death_text();
    // The bystander stands before all other documents, so that it takes the first dense number.
    let bystander = load(&format!("{}---\n{text}", UNRELATED.trim_start().trim_start_matches("---")), &SHORT);
    let busier = load(&text.replace("\n  faults:", MORE_TRAFFIC), &SHORT);
    for (arm, shown) in plain.arms.iter().enumerate().map(|(arm, shown)| (arm, &shown.name)) {
        let wanted = roots_of_arm(&plain, arm);
        assert!(roots_of_arm(&bystander, arm) == wanted, "the bystander moved something under {shown}");
        let busy = roots_of_arm(&busier, arm);
        assert!(busy["AAA-first-by-name"].len() > 100, "{}", busy["AAA-first-by-name"].len());
        assert!(busy["curl"] == wanted["curl"], "the other source moved something under {shown}");
    }
}

#[test]
fn users_of_a_closed_loop_ask_for_the_same_things_in_every_arm() {
    let scenario = load(&node_death_text().replace("\n  faults:", MORE_TRAFFIC), &SHORT);
    let wants = |arm| -> BTreeMap<u64, (u64, u64, u64)> {
        let roots = roots_of_arm(&scenario, arm).remove("AAA-first-by-name").unwrap().into_iter();
        roots.map(|(number, _, request, response, demand)| (number, (request, response, demand))).collect()
    };
    let first = wants(0);
    for arm in 1..scenario.arms.len() {
        let other = wants(arm);
        let common = first.iter().filter(|(number, _)| other.contains_key(number)).count();
        assert!(common > 1_000, "{common}");
        assert!(
            first.iter().all(|(number, wanted)| other.get(number).is_none_or(|other| other == wanted)),
            "arm {arm}"
        );
    }
}

#[test]
fn a_knob_of_the_cluster_moves_no_arrival_size_or_demand() {
    let plain = node_death();
    let text = node_death_text();
    for (path, value) in [("cluster.nodeMonitorGracePeriod", "20s"), ("topology.links.latency", "3ms")] {
        let turned = load(&text, &[SHORT[0], SHORT[1], (path, value)]);
        for arm in [0, 3] {
            assert!(roots_of_arm(&turned, arm) == roots_of_arm(&plain, arm), "{path}, arm {arm}");
        }
    }
}

fn metrics_of(header: &TraceHeader, records: impl IntoIterator<Item = Record>) -> RunMetrics {
    let mut metrics = Metrics::new(header);
    records.into_iter().for_each(|record| metrics.record(&record));
    metrics.finish()
}

#[test]
fn a_saved_trace_gives_the_metrics_and_the_digest_of_its_run() {
    let scenario = node_death();
    for (arm, shown) in scenario.arms.iter().enumerate() {
        let header = Unit { scenario: &scenario, arm: shown }.header();
        let own = run(&scenario, arm, Level::Connection);
        assert!(own.report.metrics.requests.total > 9_000);
        let mut jsonl = JsonlWriter::new(Vec::new(), &header, Level::Connection).unwrap();
        let mut binary = BinaryWriter::new(Vec::new(), &header, Level::Connection);
        for record in &own.records {
            jsonl.record(record);
            binary.record(record);
        }
        for bytes in [jsonl.finish().unwrap(), binary.finish().unwrap()] {
            let saved = TraceReader::open(bytes.as_slice()).unwrap();
            assert_eq!(*saved.header(), header, "{}", shown.name);
            let records: Vec<Record> = saved.map(Result::unwrap).collect();
            assert!(records == own.records, "{}: records differ", shown.name);
            assert_eq!(metrics_of(&header, records.iter().copied()), own.report.metrics, "{}", shown.name);
            let mut digest = DigestSink::new(&header);
            for record in &records {
                digest.record(record);
            }
            assert_eq!(Some(digest.finish()), own.report.trace_digest, "{}", shown.name);
        }
    }
}

/// The tutorial, short, with a node that dies and packets that get lost.
fn lossy() -> Scenario {
    let set = [("duration", "80s"), ("traffic.curl.arrivals.rate", "20/s"), ("topology.links.loss", "2%")];
    load(&node_death_text(), &set)
}

#[test]
fn coarser_traces_are_subsets_of_finer_ones_with_equal_numbers_and_fields() {
    let scenario = lossy();
    for arm in 0..scenario.arms.len() {
        let [request, connection, segment] =
            [Level::Request, Level::Connection, Level::Segment].map(|level| world_records(&scenario, arm, level, 1));
        for (coarse, fine, level) in
            [(&request, &connection, Level::Request), (&connection, &segment, Level::Connection)]
        {
            assert!(coarse.len() < fine.len(), "arm {arm}");
            let kept = fine.iter().filter(|record| record.body.level() <= level);
            assert!(kept.eq(coarse.iter()), "arm {arm}, level {}", level.name());
        }
        let dropped = segment.iter().filter(|record| matches!(record.body, Body::SegmentDropped { .. })).count();
        assert!(dropped > 10, "packets got lost: {dropped}");
    }
}

#[test]
fn no_record_refers_to_a_record_of_a_finer_level() {
    let scenario = lossy();
    for arm in 0..scenario.arms.len() {
        let records = world_records(&scenario, arm, Level::Segment, 1);
        let levels: BTreeMap<u64, Level> = records.iter().map(|record| (record.id, record.body.level())).collect();
        for record in &records {
            for other in [record.cause, record.because].into_iter().filter(|other| *other != 0) {
                let level = levels.get(&other).unwrap_or_else(|| panic!("{record:?} refers to no record"));
                assert!(*level <= record.body.level(), "arm {arm}: {record:?} refers to {}", level.name());
            }
        }
    }
}

#[test]
fn a_run_in_steps_makes_the_records_of_a_run_in_one_go() {
    let scenario = lossy();
    for arm in 0..scenario.arms.len() {
        let whole = world_records(&scenario, arm, Level::Segment, 1);
        for steps in [7, 200] {
            assert!(world_records(&scenario, arm, Level::Segment, steps) == whole, "arm {arm}, {steps} steps");
        }
    }
}

#[test]
fn a_world_forked_in_the_middle_goes_on_as_the_whole_one_does() {
    let scenario = lossy();
    let model = Arc::clone(&scenario.arms[3].model);
    let mut world = World::new(model, Level::Connection);
    let mut before = Vec::new();
    world.run_until(SimTime::from_nanos(61_000_000_000), &mut before);
    let mut fork = world.clone();
    let (mut own, mut forked) = (before.clone(), before);
    world.run(&mut own);
    fork.run(&mut forked);
    assert!(own == forked, "a fork goes its own way");
    assert!(own == world_records(&scenario, 3, Level::Connection, 1));
}

#[test]
fn the_level_of_a_written_trace_changes_neither_report_nor_digest() {
    let folder = Folder::new();
    let report = |level: &str| {
        let out = folder.path(level);
        podwire(&[&["compare", NODE_DEATH, "--level", level, "-o", &out], &SHORT_ARGS[..]].concat());
        let trace = open_trace(&format!("{out}/service/trace.jsonl"));
        assert_eq!(trace.level().name(), level);
        std::fs::read_to_string(format!("{out}/report.json")).unwrap()
    };
    let [request, connection, segment] = ["request", "connection", "segment"].map(report);
    assert!(request == connection, "request and connection differ");
    assert!(segment == connection, "segment and connection differ");
}

/// The library's rollout, whose arms differ in their hooks alone.
fn rollout(set: &[(&str, &str)]) -> Scenario {
    let text = std::fs::read_to_string(library().join("rollout-under-load.yaml")).unwrap();
    load(&text, set)
}

#[test]
fn a_world_forked_within_a_rollout_goes_on_as_the_whole_one_does() {
    let scenario = rollout(&[]);
    for (arm, second) in [(0, 21), (1, 22), (2, 30)] {
        let mut world = World::new(Arc::clone(&scenario.arms[arm].model), Level::Connection);
        let mut own = Vec::new();
        world.run_until(SimTime::from_nanos(second * 1_000_000_000 + 55_000_000), &mut own);
        let mut fork = world.clone();
        let mut forked = own.clone();
        world.run(&mut own);
        fork.run(&mut forked);
        assert!(own == forked, "arm {arm}: a fork goes its own way");
        assert!(own == world_records(&scenario, arm, Level::Connection, 1), "arm {arm}");
    }
}

#[test]
fn an_action_moves_no_arrival_size_or_demand_and_no_other_workloads_names() {
    let with = rollout(&[]);
    let without = rollout(&[("actions", "[]"), ("expect", "[]")]);
    let names = |scenario: &Scenario| -> Vec<_> {
        let made = world_records(scenario, 0, Level::Request, 1).into_iter().filter_map(|record| {
            let Body::PodCreated { workload, ordinal, suffix, .. } = record.body else { return None };
            Some((workload, ordinal, suffix))
        });
        made.collect()
    };
    assert!(roots_of_arm(&with, 0) == roots_of_arm(&without, 0));
    let (many, few) = (names(&with), names(&without));
    assert!(many.len() > few.len() && many.starts_with(&few));
}

#[test]
fn a_saved_rollout_names_its_pods_as_its_run_did() {
    let scenario = rollout(&[]);
    let header = Unit { scenario: &scenario, arm: &scenario.arms[0] }.header();
    let own = run(&scenario, 0, Level::Connection);
    let mut jsonl = JsonlWriter::new(Vec::new(), &header, Level::Connection).unwrap();
    own.records.iter().for_each(|record| jsonl.record(record));
    let saved = TraceReader::open(jsonl.finish().unwrap().as_slice()).unwrap().map(Result::unwrap).collect::<Vec<_>>();
    assert!(saved == own.records);
    assert_eq!(metrics_of(&header, saved), own.report.metrics);
    let outage = own.report.metrics.outages.iter().find(|outage| outage.fault == "release").unwrap();
    assert!(outage.ended && outage.stages.client.is_some(), "{outage:?}");
}

#[test]
fn no_record_of_an_action_refers_to_a_record_of_a_finer_level() {
    let scenario = rollout(&[("duration", "70s"), ("topology.links.loss", "1%")]);
    let records = world_records(&scenario, 0, Level::Segment, 1);
    let levels: BTreeMap<u64, Level> = records.iter().map(|record| (record.id, record.body.level())).collect();
    for record in &records {
        for other in [record.cause, record.because].into_iter().filter(|other| *other != 0) {
            assert!(levels[&other] <= record.body.level(), "{record:?}");
        }
    }
    let roots = ["plan-applied", "action-started", "request-arrived"];
    let causes = records.iter().filter(|record| record.cause == 0).map(|record| record.body.kind());
    assert!(causes.into_iter().all(|kind| roots.contains(&kind)));
}
