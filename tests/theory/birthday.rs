//! The birthday law of fixed host ports: teams that pick a port each without asking the others, all on one host.
//! Docker's daemons are podwire's own; only who picks which port is drawn here.

use std::sync::Arc;

use rayon::prelude::*;
use reports::metrics::Metrics;
use sim_core::kernel::draws::{Draws, EntityKey, below};
use sim_core::trace::{Body, Level, Record, TraceHeader, TraceSink};
use sim_core::world::World;

use crate::lab::{self, Z_999};

/// As many ports as a year has days.
const PORTS: u64 = 365;
const FIRST_PORT: u64 = 30_000;
const TEAMS: std::ops::RangeInclusive<u32> = 2..=50;

/// A compose project of so many teams, all on one host of that number of teams.
fn project(teams: u32, draws: &mut Draws) -> (String, String) {
    let key = EntityKey::of("team").part("of", u64::from(teams));
    let service = |team: u32| {
        let port = FIRST_PORT + below(draws.once(key, "port", u64::from(team)), PORTS);
        format!("  team-{teams}-{team}: {{image: i, ports: ['{port}:80']}}\n")
    };
    let services: String = (0..teams).map(service).collect();
    let placement = (0..teams).map(|team| format!("    deployment/team-{teams}-{team}: [node-{teams}]\n"));
    (placement.collect(), services)
}

/// Everybody's project: one host for each number of teams, under the ports of a seed, in one arm.
fn scenario(seed: u64, arm: &str) -> scenarios::Scenario {
    let mut draws = Draws::new(seed);
    let (placement, services): (Vec<String>, Vec<String>) = TEAMS.map(|teams| project(teams, &mut draws)).unzip();
    lab::text(&format!(
        "apiVersion: podwire/v1
kind: Scenario
metadata: {{name: birthday}}
spec:
  duration: 1s
  arms: [{arm}]
  topology: {{nodes: {{count: {}}}}}
  placement:
{}---
services:
{}",
        TEAMS.end(),
        placement.concat(),
        services.concat()
    ))
}

/// Containers that found their port taken: by host, and in podwire's own metric.
struct Conflicts {
    by_host: Vec<u64>,
    metrics: Metrics,
}

impl TraceSink for Conflicts {
    fn record(&mut self, record: &Record) {
        if let Body::PortConflict { node, .. } = record.body {
            self.by_host[node.index()] += 1;
        }
        self.metrics.record(record);
    }
}

/// How many containers did not start on the host of each number of teams, from 2 on.
fn conflicts(seed: u64, arm: &str) -> Vec<u64> {
    let scenario = scenario(seed, arm);
    let model = &scenario.arms[0].model;
    let metrics = Metrics::new(&TraceHeader::new(model, "test", "", arm));
    let mut sink = Conflicts { by_host: vec![0; model.topology.nodes().len()], metrics };
    World::new(Arc::clone(model), Level::Request).run(&mut sink);
    assert_eq!(sink.metrics.finish().addressing.port_conflicts, sink.by_host.iter().sum::<u64>());
    let host = |teams: u32| model.topology.nodes().iter().position(|node| node.name == format!("node-{teams}"));
    TEAMS.map(|teams| sink.by_host[host(teams).unwrap()]).collect()
}

/// With so many teams: how likely a conflict is, how many containers find their port taken, and that number's variance.
fn law(teams: u32) -> (f64, f64, f64) {
    let (ports, n) = (PORTS as f64, i32::try_from(teams).unwrap());
    let none: f64 = (0..teams).map(|taken| 1.0 - f64::from(taken) / ports).product();
    // The ports that nobody picks: each with probability (1 - 1/m)^n, any two with (1 - 2/m)^n.
    let (one, two) = ((1.0 - 1.0 / ports).powi(n), (1.0 - 2.0 / ports).powi(n));
    let unpicked = ports * one;
    let variance = unpicked + ports * (ports - 1.0) * two - unpicked * unpicked;
    (1.0 - none, f64::from(teams) - ports + unpicked, variance)
}

/// Both laws, for each number of teams, inside their 99.9 % intervals over these seeds.
fn check(seeds: u64) {
    let seeds: Vec<u64> = (1..=seeds).collect();
    let runs: Vec<Vec<u64>> = seeds.par_iter().map(|seed| conflicts(*seed, "docker-static")).collect();
    let count = runs.len() as f64;
    let mut outside = Vec::new();
    let (mut all, mut all_expected, mut all_variance) = (0.0, 0.0, 0.0);
    for (place, teams) in TEAMS.enumerate() {
        let (probability, expected, variance) = law(teams);
        let share = runs.iter().filter(|run| run[place] > 0).count() as f64 / count;
        let mean = runs.iter().map(|run| run[place]).sum::<u64>() as f64 / count;
        (all, all_expected, all_variance) = (all + mean, all_expected + expected, all_variance + variance);
        // Half a run more, because counts are whole.
        let of_share = Z_999 * (probability * (1.0 - probability) / count).sqrt() + 0.5 / count;
        let of_mean = Z_999 * (variance / count).sqrt() + 0.5 / count;
        let line = format!(
            "{teams} teams: share {share:.4}, theory {probability:.4} +- {of_share:.4}; \
             not started {mean:.4}, theory {expected:.4} +- {of_mean:.4}"
        );
        if [2, 10, 23, 50].contains(&teams) {
            println!("{line}");
        }
        if (share - probability).abs() > of_share || (mean - expected).abs() > of_mean {
            outside.push(line);
        }
    }
    assert!(outside.is_empty(), "{outside:#?}");
    let half_width = Z_999 * (all_variance / count).sqrt();
    println!("all hosts, {count} seeds: not started {all:.3}, theory {all_expected:.3} +- {half_width:.3}");
    assert!((all - all_expected).abs() < half_width, "all hosts: {all}, theory {all_expected}");
}

#[test]
fn fixed_host_ports_conflict_as_often_as_birthdays() {
    check(100);
}

#[test]
#[ignore = "some minutes: cargo test --release --test theory birthday -- --ignored --nocapture"]
fn fixed_host_ports_conflict_as_often_as_birthdays_to_a_percent() {
    check(4_000);
}

#[test]
fn the_law_has_the_known_values() {
    // 23 people: 50.73 %; 50: 97.04 %.
    assert!((law(23).0 - 0.507_297).abs() < 1e-6);
    assert!((law(50).0 - 0.970_374).abs() < 1e-6);
    // Two teams: one container in 365 cases, a Bernoulli number.
    let p = 1.0 / 365.0;
    assert!((law(2).1 - p).abs() < 1e-9 && (law(2).2 - p * (1.0 - p)).abs() < 1e-6);
}

#[test]
fn an_address_per_pod_has_no_conflicts() {
    assert!(conflicts(1, "service").iter().all(|count| *count == 0));
}
