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

/// Connections are freed when their client closes, not three ways later, so fewer are there at once.
#[test]
fn closes_of_a_calm_network_are_foregone() {
    let text =
        std::fs::read_to_string(files().into_iter().find(|path| path.ends_with("bench-w2.yaml")).unwrap()).unwrap();
    let scenario = load(&text, &[]);
    let most = |mut world: World| {
        world.run_until(SimTime::ZERO + SimDuration::from_secs(1), &mut Vec::new());
        world.footprint().connections.entries
    };
    let (fused, plain) = (most(world(&scenario.arms[0])), most(world(&scenario.arms[0]).hop_by_hop()));
    assert!(fused < plain, "{fused} connections at once, {plain} hop by hop");
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

/// A planned change of what serves.
const RESTART: &str = "\n  actions:\n    - {name: anew, at: 300ms, kind: rollout-restart, workload: deployment/web}";

/// A small network of free links, where what the ends say to each other may be foregone, and everything that may come between:
/// clients that give up within a round trip, second attempts, idle connections that are closed or probed, and faults and
/// actions at any time.
fn interrupted() -> impl Strategy<Value = String> {
    let times = (1..2_000_u32, prop_oneof![Just(None), (1..8_u32).prop_map(Some)], 0..3_000_u32, 1..400_u32);
    let kept = (prop_oneof![Just(0_u32), Just(1), Just(3)], prop_oneof![Just(1_u32), Just(4)], 0..3_u32);
    let hedge = prop_oneof![2 => Just(None), 1 => (1..6_u32).prop_map(Some)];
    let fault = (0..1_400_000_u32, 0..5_usize, 1..400_000_u32);
    let load = (1..300_u32, prop_oneof![Just("poisson"), Just("constant")], any::<u16>());
    let plan = (proptest::collection::vec(fault, 0..4), any::<bool>());
    (times, kept, hedge, load, plan).prop_map(|(times, kept, hedge, (rate, arrivals, seed), (faults, restarts))| {
        let (latency, patience, service, patience_of_server) = times;
        let (pool, streams, style) = kept;
        let traffic = |name: &str, source: &str| {
            let timeout = patience.map_or(String::new(), |trips| format!("\n      timeout: {}us", trips * latency));
            let hedge = hedge.map_or(String::new(), |trips| format!("\n      hedgeAfter: {}us", trips * latency));
            let more = match style {
                0 => "",
                1 if pool > 0 => "\n      tcpKeepalive: {time: 1s, interval: 1s, probes: 1}",
                _ => "\n      retries: {attempts: 3, retryOn: [connect, reset, timeout], backoff: 1ms}",
            };
            let kept = match (pool, style) {
                (0, _) => String::new(),
                (_, 1) => format!("\n      connections: {{pool: {pool}, streams: {streams}}}"),
                _ => format!("\n      connections: {{pool: {pool}, streams: {streams}, idleTimeout: {latency}us}}"),
            };
            format!(
                "
    - name: {name}
      from: {source}
      to: service/web:80
      arrivals: {{kind: {arrivals}, rate: {rate}/s}}{timeout}{hedge}{more}{kept}"
            )
        };
        let kinds = [
            "kind: node-crash, node: node-1",
            "kind: node-crash, node: node-4",
            "kind: pod-kill, pod: {of: deployment/web, index: 0}",
            "kind: pod-kill, pod: {of: deployment/curl, index: 0}",
            "kind: partition, a: [node-2], b: [node-5]",
        ];
        let fault = |(number, (at, kind, length)): (usize, &(u32, usize, u32))| {
            let length = if kinds[*kind].contains("pod-kill") { String::new() } else { format!("for: {length}us, ") };
            format!("\n    - {{name: f{number}, at: {at}us, {length}{}}}", kinds[*kind])
        };
        let faults: String = faults.iter().enumerate().map(fault).collect();
        let faults = if faults.is_empty() { faults } else { format!("\n  faults:{faults}") };
        // Probes are sent where nobody else closes before.
        let patience_of_server = if style == 1 { 5_000 } else { patience_of_server };
        let actions = if restarts { RESTART } else { "" };
        format!(
            "apiVersion: podwire/v1
kind: Scenario
metadata: {{name: interrupted}}
spec:
  seed: {seed}
  duration: 2500ms
  include: [kubernetes/web.yaml, kubernetes/curl.yaml]
  arms: [service, pod-ip-direct, docker-static]
  topology: {{nodes: {{count: 7}}, links: {{latency: {latency}us}}}}
  replicas: {{deployment/curl: 3}}
  placement: {{deployment/web: [node-1, node-2, node-3], deployment/curl: [node-4, node-5, node-3]}}
  behaviour:
    deployment/web:
      serviceTime: {{kind: exponential, mean: {service}us}}
      keepAliveTimeout: {patience_of_server}ms
      concurrency: 2
  traffic:{}{}{faults}{actions}
",
            traffic("one", "deployment/curl"),
            traffic("two", "deployment/curl"),
        )
    })
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn what_is_foregone_is_the_same_hop_by_hop(text in interrupted()) {
        let scenario = load(&text, &[]);
        for (number, arm) in scenario.arms.iter().enumerate() {
            let until = SimTime::ZERO + arm.model.duration;
            let (plain, most_events) = records(world(arm).hop_by_hop(), until);
            let fused = run(&scenario, number, Level::Segment);
            assert_equal(arm, &fused.records, &plain);
            let untold = run(&scenario, number, Level::Connection);
            let told: Vec<Record> = plain.into_iter().filter(|it| it.body.level() <= Level::Connection).collect();
            assert_equal(arm, &untold.records, &told);
            assert!(fused.report.events == untold.report.events && fused.report.events <= most_events);
        }
    }

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
