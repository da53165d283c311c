//! Runs that share what they have in common make the same bytes as runs from the start: digests, reports and records.
//! `cargo test --test forks -- --ignored` tries every variant in every arm of the library.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support {
    pub(crate) mod engine;
    pub(crate) mod forks;
    pub(crate) mod library;
}

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use podwire::experiment::{self, Settings, Step, Unit};
use proptest::prelude::*;
use reports::report::RunReport;
use scenarios::{Arm, Scenario};
use sim_core::kernel::time::{SimDuration, SimTime};
use sim_core::model::{Model, ModelParts};
use sim_core::trace::{Level, Record, TraceSink};
use sim_core::world::World;
use sim_core::world::agreement::{Agreements, LATE};
use support::engine::{library, load, run};
use support::forks::{late_variants, plan_variants, seconds, with_crash};
use support::library::files;

/// Hashes all records that a run made, and counts how often any run made one.
#[derive(Clone)]
struct Seen {
    hasher: blake3::Hasher,
    records: u64,
    made: Arc<AtomicU64>,
}

impl Seen {
    fn new() -> Self {
        Self { hasher: blake3::Hasher::new(), records: 0, made: Arc::new(AtomicU64::new(0)) }
    }
}

impl TraceSink for Seen {
    fn record(&mut self, record: &Record) {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        self.hasher.update(&bytes);
        self.records += 1;
        self.made.fetch_add(1, Ordering::Relaxed);
    }
}

/// What runs came to: reports and hashes of records, and which share of the records was made at all, in percent.
struct Made {
    outcomes: Vec<(RunReport, blake3::Hash)>,
    percent: u64,
}

/// Runs arms of a scenario, one per model.
fn made(scenario: &Scenario, models: &[(String, Arc<Model>)], share: bool, threads: usize, level: Level) -> Made {
    let plain = &scenario.arms[0];
    let arm =
        |(name, model): &(String, Arc<Model>)| Arm { name: name.clone(), model: Arc::clone(model), ..plain.clone() };
    let arms: Vec<Arm> = models.iter().map(arm).collect();
    let units: Vec<Unit<'_>> = arms.iter().map(|arm| Unit { scenario, arm }).collect();
    let told = AtomicU64::new(0);
    let progress = |step: &Step| {
        told.fetch_add(step.nanos, Ordering::Relaxed);
    };
    let settings = Settings { digest: true, level, pictures: None, share, progress: &progress };
    let seen = Seen::new();
    let runs = experiment::run_shared(&units, &settings, Some(threads), &seen);
    let all: u64 = models.iter().map(|(_, model)| model.duration.as_nanos()).sum();
    assert_eq!(told.load(Ordering::Relaxed), all, "progress adds up");
    let whole: u64 = runs.iter().map(|(_, seen)| seen.records).sum();
    let percent = seen.made.load(Ordering::Relaxed) * 100 / whole.max(1);
    let outcomes = runs.into_iter().map(|(report, seen)| (report, seen.hasher.finalize())).collect();
    Made { outcomes, percent }
}

/// Asserts that sharing changes nothing; returns the share of the records that was made, in percent.
fn same_as_from_the_start(scenario: &Scenario, models: &[(String, Arc<Model>)], level: Level) -> u64 {
    let alone = made(scenario, models, false, 2, level);
    assert_eq!(alone.percent, 100);
    let mut percent = 0;
    for threads in [1, 2] {
        let shared = made(scenario, models, true, threads, level);
        for ((mine, theirs), (name, _)) in shared.outcomes.iter().zip(&alone.outcomes).zip(models) {
            let what = format!("{}, {name}, {threads} threads", scenario.name);
            assert_eq!(mine.0.trace_digest, theirs.0.trace_digest, "{what}");
            assert!(mine.0 == theirs.0, "{what}: another report");
            assert_eq!(mine.1, theirs.1, "{what}: other records");
        }
        percent = shared.percent;
    }
    percent
}

fn named(name: &str, set: &[(&str, &str)]) -> Scenario {
    load(&std::fs::read_to_string(library().join(name)).unwrap(), set)
}

/// Every scenario of the library, with the text that its file has.
fn library_scenarios() -> Vec<Scenario> {
    files().iter().map(|path| load(&std::fs::read_to_string(path).unwrap(), &[])).collect()
}

fn models_of(parts: &ModelParts, variants: Vec<(String, ModelParts)>) -> Vec<(String, Arc<Model>)> {
    let all = std::iter::once(("as it is".to_owned(), parts.clone())).chain(variants);
    all.filter_map(|(name, parts)| Some((name, Arc::new(Model::new(parts).ok()?)))).collect()
}

/// So many requests are too many for a test that is run every day.
fn is_small(parts: &ModelParts) -> bool {
    parts.duration <= seconds(600) && parts.workloads.len() < 8
}

#[test]
fn one_arm_of_every_library_scenario_forks_as_it_runs_from_the_start() {
    let mut shared = 0;
    for (turn, scenario) in library_scenarios().iter().enumerate() {
        let parts: &ModelParts = &scenario.arms[turn % scenario.arms.len()].model;
        if !is_small(parts) {
            continue;
        }
        let mut variants = plan_variants(parts);
        variants.rotate_left(turn % 5);
        variants.truncate(4);
        let late = late_variants(&with_crash(parts));
        variants.extend(late.into_iter().cycle().skip(turn * 3).take(3));
        let percent = same_as_from_the_start(scenario, &models_of(parts, variants), Level::Connection);
        shared += u64::from(percent < 90);
    }
    assert!(shared > 15, "few scenarios shared anything: {shared}");
}

#[test]
#[ignore = "many minutes, every variant in every arm: cargo test --release --test forks -- --ignored --nocapture"]
fn every_arm_of_every_library_scenario_forks_as_it_runs_from_the_start() {
    for scenario in library_scenarios() {
        for arm in &scenario.arms {
            let parts: &ModelParts = &arm.model;
            let mut variants = plan_variants(parts);
            variants.extend(late_variants(parts));
            variants.extend(late_variants(&with_crash(parts)));
            let percent = same_as_from_the_start(&scenario, &models_of(parts, variants), Level::Connection);
            eprintln!("{} {}: {percent} % made", scenario.name, arm.name);
        }
    }
}

/// The tutorial's node death, short, with few requests and lost packets.
fn short() -> Scenario {
    let set = [("duration", "3m"), ("traffic.curl.arrivals.rate", "10/s"), ("topology.links.loss", "1%")];
    named("nginx-node-death.yaml", &set)
}

#[test]
fn every_variant_forks_at_every_level() {
    let scenario = short();
    for level in [Level::Connection, Level::Segment] {
        for arm in &scenario.arms {
            let mut variants = plan_variants(&arm.model);
            variants.extend(late_variants(&arm.model));
            same_as_from_the_start(&scenario, &models_of(&arm.model, variants), level);
        }
    }
}

#[test]
fn a_shared_run_keeps_the_records_of_a_run_alone() {
    let mut scenario = short();
    let faults: Vec<Arm> = [100, 120, 140]
        .map(|at| {
            let arm = &scenario.arms[3];
            let mut parts = ModelParts::clone(&arm.model);
            parts.faults[0].at = seconds(at);
            Arm { name: format!("at {at}"), model: Arc::new(Model::new(parts).unwrap()), ..arm.clone() }
        })
        .into();
    scenario.arms = faults;
    let units: Vec<Unit<'_>> = scenario.arms.iter().map(|arm| Unit { scenario: &scenario, arm }).collect();
    let settings = Settings { digest: true, level: Level::Segment, pictures: None, share: true, progress: &|_| {} };
    let shared = experiment::run_shared(&units, &settings, Some(2), &Vec::<Record>::new());
    for (arm, (report, records)) in shared.into_iter().enumerate() {
        let alone = run(&scenario, arm, Level::Segment);
        assert!(alone.report == report, "{}", report.arm);
        assert!(alone.records == records, "{}", report.arm);
    }
}

#[test]
fn every_late_setting_is_tried() {
    let scenario = short();
    let changed = late_variants(&scenario.arms[0].model).into_iter().chain(late_variants(&scenario.arms[1].model));
    let names: Vec<String> = changed.map(|(name, _)| name).collect();
    for setting in LATE {
        assert!(names.iter().any(|name| name == setting.name), "{}: {}", setting.name, setting.because);
    }
}

/// Variants of the scenario, made as the command line makes them.
fn varied(text: &str, set: &[(&str, &str)]) -> Vec<(String, Arc<Model>)> {
    let with = |(path, values): &(&str, &str)| {
        let one = |value: &str| {
            let all = [("duration", "3m"), ("traffic.curl.arrivals.rate", "10/s"), (*path, value)];
            (format!("{path}={value}"), Arc::clone(&load(text, &all).arms[3].model))
        };
        values.split('|').map(one).collect::<Vec<_>>()
    };
    set.iter().flat_map(with).collect()
}

#[test]
fn what_matters_from_the_start_is_not_shared() {
    let text = std::fs::read_to_string(library().join("nginx-node-death.yaml")).unwrap();
    let plain = varied(&text, &[("duration", "3m")]);
    let (_, plain) = &plain[0];
    let until = |other: &Model| Agreements::new(vec![plain, other]).until(0, 1);
    let matters = [
        ("seed", "43"),
        ("topology.links.latency", "51us"),
        ("traffic.curl.timeout", "4s"),
        ("traffic.curl.arrivals.rate", "11/s"),
        ("cluster.nodeMonitorPeriod", "4s"),
        ("cluster.nodeLeaseRenewInterval", "9s"),
        ("deployment/my-nginx.concurrency", "7"),
        ("deployment/my-nginx.serviceTime.mean", "3ms"),
        ("placement.deployment/curl", "[node-1]"),
        ("duration", "2m"),
    ];
    for (path, model) in varied(&text, &matters) {
        assert_eq!(until(&model), SimTime::ZERO, "{path}");
    }
    let late = [
        ("cluster.nodeMonitorGracePeriod", "20s|40s"),
        ("cluster.kubeProxy.syncDelay", "5s"),
        ("deployment/my-nginx.startup", "9s"),
        ("faults.lost-node.at", "70s|90s"),
        ("faults.lost-node.kind", "node-hang"),
        ("faults.lost-node.for", "10s"),
    ];
    for (path, model) in varied(&text, &late) {
        assert_eq!(until(&model), SimTime::ZERO + seconds(60), "{path}");
    }
    // Warm-up ends at once otherwise, and drain is none.
    for (path, model) in varied(&text, &[("warmUp", "70s"), ("drain", "30s")]) {
        let expected = if path.starts_with("warmUp") { SimTime::ZERO } else { SimTime::ZERO + seconds(150) };
        assert_eq!(until(&model), expected, "{path}");
    }
    assert_eq!(until(plain), SimTime::MAX);
}

#[test]
fn lengths_of_a_fault_agree_until_the_earlier_end() {
    let text = std::fs::read_to_string(library().join("nginx-node-death.yaml")).unwrap();
    let models = varied(&text, &[("faults.lost-node.for", "20s|30s|80s")]);
    let agreements = Agreements::new(models.iter().map(|(_, model)| &**model).collect());
    assert_eq!(agreements.until(0, 2), SimTime::ZERO + seconds(80));
    assert_eq!(agreements.until(1, 2), SimTime::ZERO + seconds(90));
    let percent = same_as_from_the_start(&short(), &models, Level::Connection);
    assert!(percent < 70, "{percent} % of the records were made");
}

#[test]
fn a_comparison_of_fault_times_makes_a_third_of_the_records() {
    let text = std::fs::read_to_string(library().join("nginx-node-death.yaml")).unwrap();
    let times: Vec<String> = (0..20).map(|number| format!("{}s", 144 + number)).collect();
    let models = varied(&text, &[("faults.lost-node.at", &times.join("|"))]);
    let percent = same_as_from_the_start(&short(), &models, Level::Connection);
    assert!(percent < 25, "{percent} % of the records were made");
}

#[test]
fn a_world_is_not_forked_where_the_models_have_parted_or_where_something_has_happened() {
    let text = std::fs::read_to_string(library().join("nginx-node-death.yaml")).unwrap();
    let models = varied(&text, &[("faults.lost-node.at", "60s|80s"), ("cluster.nodeMonitorGracePeriod", "20s")]);
    let at = |model: usize, second: u64| {
        let mut world = World::new(Arc::clone(&models[model].1), Level::Connection);
        world.run_until(SimTime::ZERO + seconds(second), &mut Vec::new());
        world
    };
    assert!(at(0, 59).fork(&models[1].1).is_some());
    assert!(at(1, 59).fork(&models[0].1).is_some());
    assert!(at(0, 60).fork(&models[1].1).is_none(), "the fault has struck");
    assert!(at(1, 60).fork(&models[0].1).is_none(), "the fault would have struck");
    assert!(at(0, 59).fork(&models[2].1).is_some());
    assert!(at(0, 61).fork(&models[2].1).is_none(), "the grace period counts");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Faults at any times, of any lengths, in any order of the file.
    #[test]
    fn random_plans_fork_as_they_run_from_the_start(
        plans in proptest::collection::vec(
            proptest::collection::vec((1_u64..58, 0_u64..30, 0_u32..3), 0..4), 2..5),
    ) {
        let scenario = named("nginx-node-death.yaml", &[("duration", "65s"), ("traffic.curl.arrivals.rate", "5/s")]);
        for arm in [1, 3] {
            let parts: &ModelParts = &scenario.arms[arm].model;
            let variants = plans.iter().enumerate().map(|(number, plan)| {
                let faults = plan.iter().map(|(at, length, kind)| support::forks::fault(parts, *at, *length, *kind));
                (format!("plan {number}"), ModelParts { faults: faults.collect(), ..parts.clone() })
            });
            let variants: Vec<(String, ModelParts)> = variants.map(|(name, mut parts)| {
                for (index, fault) in parts.faults.iter_mut().enumerate() {
                    fault.name = format!("fault-{index}");
                }
                (name, parts)
            }).collect();
            same_as_from_the_start(&scenario, &models_of(parts, variants), Level::Connection);
        }
    }
}

#[test]
fn what_no_plan_reaches_is_shared_to_the_end() {
    let scenario = short();
    let parts: &ModelParts = &scenario.arms[3].model;
    let beyond = |seconds: u64| {
        let mut parts = parts.clone();
        parts.faults[0].at = SimDuration::from_secs(seconds);
        parts
    };
    let variants = vec![("never".to_owned(), beyond(500)), ("never, either".to_owned(), beyond(400))];
    let mut models = models_of(parts, variants);
    models.remove(0);
    assert_eq!(same_as_from_the_start(&scenario, &models, Level::Connection), 50);
}
