//! Hops that are taken ahead of time end as hops that are events of their own do: every record of every segment is the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support {
    pub(crate) mod cases;
    pub(crate) mod engine;
    pub(crate) mod library;
}

use std::sync::Arc;

use proptest::prelude::*;
use scenarios::Arm;
use sim_core::kernel::time::{SimDuration, SimTime};
use sim_core::trace::{Level, Record};
use sim_core::world::World;
use support::cases::config;
use support::engine::{load, run};
use support::library::files;

/// Everything that a world does until then, and in how many events.
fn records(mut world: World, until: SimTime) -> (Vec<Record>, u64) {
    let mut records = Vec::new();
    let summary = world.run_until(until, &mut records);
    (records, summary.events)
}

fn world(arm: &Arm) -> World {
    World::new(Arc::clone(&arm.model), Level::Segment)
}

fn assert_equal(arm: &Arm, fused: &[Record], plain: &[Record]) {
    let differs = fused.iter().zip(plain).find(|(fused, plain)| fused != plain);
    assert!(differs.is_none(), "{}: {differs:?}", arm.name);
    assert_eq!(fused.len(), plain.len(), "{}", arm.name);
}

/// The longest part of a library scenario that is compared: most faults have begun by then.
const MOST: SimDuration = SimDuration::from_secs(65);

#[test]
fn library_scenarios_are_the_same_hop_by_hop() {
    let mut saved = 0;
    for path in files() {
        let text = std::fs::read_to_string(&path).unwrap();
        for arm in &load(&text, &[]).arms {
            let until = SimTime::ZERO + arm.model.duration.min(MOST);
            let (fused, events) = records(world(arm), until);
            let (plain, most_events) = records(world(arm).hop_by_hop(), until);
            assert_equal(arm, &fused, &plain);
            assert!(events <= most_events, "{}: {events} events, {most_events} hop by hop", path.display());
            saved += usize::from(events * 10 < most_events * 8);
        }
    }
    assert!(saved > 20, "only {saved} arms save a fifth of their events");
}

/// A small network whose links fill up: packets of many connections meet in short queues of slow links.
fn network() -> impl Strategy<Value = String> {
    let links = (
        1..300_u32,
        prop_oneof![Just(None), (1..50_u32).prop_map(Some)],
        0..12_u32,
        prop_oneof![3 => Just(0_u32), 1 => 1..20_u32],
    );
    let kind = prop_oneof![Just("star"), Just("leaf-spine")];
    let sizes = (0..4_000_u32, 0..6_000_u32, prop_oneof![Just(0_u32), Just(3)]);
    let load = (1..400_u32, prop_oneof![Just("poisson"), Just("constant")], any::<u16>());
    (links, kind, sizes, load).prop_map(|(links, kind, (request, response, pool), (rate, arrivals, seed))| {
        let (latency, bandwidth, queue, loss) = links;
        let bandwidth = bandwidth.map_or(String::new(), |mbps| format!(", bandwidth: {mbps}Mbps"));
        let fabric = match kind {
            "star" => "{nodes: {count: 7}, ",
            _ => "{nodes: {count: 7}, generator: {kind: leaf-spine, leaves: 3, spines: 2}, ",
        };
        format!(
            "apiVersion: podwire/v1
kind: Scenario
metadata: {{name: crowded}}
spec:
  seed: {seed}
  duration: 1s
  include: [kubernetes/web.yaml, kubernetes/curl.yaml]
  arms: [service, docker-static]
  topology: {fabric}links: {{latency: {latency}us{bandwidth}, queue: {queue}, loss: {loss}%}}}}
  replicas: {{deployment/curl: 3}}
  placement: {{deployment/web: [node-1, node-2, node-3], deployment/curl: [node-4, node-5, node-6]}}
  behaviour: {{deployment/web: {{serviceTime: {{kind: exponential, mean: 2ms}}}}}}
  traffic:
    - name: one
      from: deployment/curl
      to: service/web:80
      arrivals: {{kind: {arrivals}, rate: {rate}/s}}
      request: {{bytes: {request}}}
      response: {{bytes: {response}}}
      connections: {{pool: {pool}}}
    - name: two
      from: deployment/curl
      to: service/web:80
      arrivals: {{kind: constant, rate: {rate}/s}}
"
        )
    })
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn crowded_networks_are_the_same_hop_by_hop(text in network()) {
        let scenario = load(&text, &[]);
        for (number, arm) in scenario.arms.iter().enumerate() {
            let fused = run(&scenario, number, Level::Segment);
            let (plain, most_events) = records(world(arm).hop_by_hop(), SimTime::ZERO + arm.model.duration);
            assert_equal(arm, &fused.records, &plain);
            assert!(fused.report.events <= most_events);
        }
    }
}
