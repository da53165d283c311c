//! Draws of calls stay where they are: a knob of one call moves no arrival, size or demand of any other, arms agree on
//! them, and a run goes on from any instant as it does in one go.

use std::collections::BTreeMap;
use std::sync::Arc;

use podwire::experiment::Unit;
use reports::trace_io::TraceDigest;
use scenarios::Scenario;
use sim_core::kernel::time::SimTime;
use sim_core::model::call_graph::BASE_BITS;
use sim_core::trace::{Body, Level};
use sim_core::world::World;

use crate::engine::{load, run};
use crate::manifests::application;
use crate::steps::world_records;

/// A front asks one, then two and three at once, three asks four; KNOB stands on the call of two, EARLY before and
/// LATE behind all calls of the front.
const GRAPH: &str = "apiVersion: podwire/v1
kind: Scenario
metadata: {name: graph}
spec:
  seed: 5
  duration: 25s
  arms: [docker-static, docker-registry, docker-orchestrated, pod-ip-direct, service]
  topology: {nodes: {count: 4}, links: {loss: 1%}}
  behaviour:
    deployment/front:
      serviceTime: {kind: exponential, mean: 1ms}
      calls: [EARLY{to: 'service/one:80', probability: 70%}, [{to: 'service/two:80', repeat: 2KNOB}, 'service/three:80']LATE]
    deployment/one: {serviceTime: {kind: exponential, mean: 2ms}, concurrency: 2, errorRate: 10%}
    deployment/two: {serviceTime: {kind: exponential, mean: 4ms}, concurrency: 1, errorRate: 20%}
    deployment/three: {serviceTime: {kind: uniform, min: 1ms, max: 3ms}, worker: async, calls: ['service/four:80']}
    deployment/four: {serviceTime: {kind: exponential, mean: 1ms}}
    deployment/five: {serviceTime: {kind: exponential, mean: 1ms}}
  traffic:
    - {name: asks, from: deployment/client, to: 'service/front:80', arrivals: {kind: poisson, rate: 40/s}, timeout: 5s, stop: 20sROOT}
    - {name: users, from: deployment/client, to: 'service/three:80', timeout: 5s, stop: 20s,
       arrivals: {kind: closed-loop, users: 4, think: {kind: exponential, mean: 200ms}}}
  faults:
    - {name: dies, at: 12s, for: 3s, kind: node-crash, node: {hosting: deployment/two, index: 0}}
";

fn graph(knob: &str, early: &str, late: &str, root: &str) -> Scenario {
    let text = GRAPH.replace("KNOB", knob).replace("EARLY", early).replace("LATE", late).replace("ROOT", root);
    let names = ["front", "one", "two", "three", "four", "five", "client"];
    load(&(text + &names.map(|name| application(name, 2)).concat()), &[])
}

/// Sizes and demands by name of the path and number; arrivals of the open source beside them.
#[derive(PartialEq)]
struct Wants {
    calls: BTreeMap<(String, u64), (u64, u64, u64)>,
    arrivals: Vec<(u64, u64)>,
}

fn wants(scenario: &Scenario, arm: usize) -> Wants {
    let header = Unit { scenario, arm: &scenario.arms[arm] }.header();
    let mut wants = Wants { calls: BTreeMap::new(), arrivals: Vec::new() };
    for record in run(scenario, arm, Level::Request).records {
        if let Body::RequestArrived { source, number, request_bytes, response_bytes, demand, .. } = record.body {
            if source.0 == 0 {
                wants.arrivals.push((number, record.time.as_nanos()));
            }
            let name = header.sources[source.index()].name.clone();
            wants.calls.insert((name, number), (request_bytes, response_bytes, demand));
        }
    }
    wants
}

/// What both ask for is the same, and that is most of it.
fn agree(first: &Wants, other: &Wants, what: &str) {
    assert!(first.arrivals == other.arrivals, "{what} moved an arrival");
    let common: Vec<_> = first.calls.iter().filter(|(key, _)| other.calls.contains_key(*key)).collect();
    assert!(common.len() * 2 > first.calls.len(), "{what}: only {} of {}", common.len(), first.calls.len());
    for (key, wanted) in common {
        assert_eq!(other.calls[key], *wanted, "{what} moved {key:?}");
    }
}

const KNOBS: [(&str, &str, &str, &str); 12] = [
    (", retries: {attempts: 4, retryOn: [5xx, connect, reset, timeout], backoff: 2ms}", "", "", ""),
    (", hedgeAfter: 3ms", "", "", ""),
    (", timeout: 30ms", "", "", ""),
    (", deadline: 60ms", "", "", ""),
    (", connections: {pool: 1, maxRequests: 9, streams: 2}", "", "", ""),
    (", outlierEjection: {consecutiveFailures: 1, ejectionTime: 1s, maxEjected: 100%}", "", "", ""),
    (", onFailure: ignore", "", "", ""),
    (", tcpKeepalive: {time: 1s}, connections: {pool: 4, idleTimeout: 50ms}", "", "", ""),
    ("", "'service/five:80', ", "", ""),
    ("", "", ", 'service/five:80'", ""),
    ("", "", "", ", retries: {attempts: 3, retryOn: [5xx], backoff: 1ms}, hedgeAfter: 10ms"),
    ("", "", "", ", connections: {pool: 3}"),
];

#[test]
fn a_knob_of_one_call_moves_no_arrival_size_or_demand() {
    let plain = graph("", "", "", "");
    let first: Vec<Wants> = (0..plain.arms.len()).map(|arm| wants(&plain, arm)).collect();
    assert!(first[0].arrivals.len() > 700 && first[0].calls.len() > 3_000, "{}", first[0].calls.len());
    for (knob, early, late, root) in KNOBS {
        let turned = graph(knob, early, late, root);
        for (arm, first) in first.iter().enumerate() {
            agree(first, &wants(&turned, arm), &format!("{knob}{early}{late}{root} under {}", plain.arms[arm].name));
        }
    }
}

#[test]
fn all_arms_ask_for_the_same() {
    let retries = ", retries: {attempts: 3, retryOn: [5xx, connect, timeout], backoff: 1ms}, hedgeAfter: 10ms";
    let scenario = graph(KNOBS[0].0, "", "", retries);
    let first = wants(&scenario, 0);
    for arm in 1..scenario.arms.len() {
        agree(&first, &wants(&scenario, arm), &scenario.arms[arm].name);
    }
}

#[test]
fn copies_of_calls_made_by_retries_further_up_are_requests_of_their_own() {
    let retries = ", retries: {attempts: 3, retryOn: [5xx], backoff: 1ms}";
    let scenario = graph("", "", "", retries);
    let wants = wants(&scenario, 4);
    let copies = wants.calls.iter().filter(|((_, number), _)| number >> BASE_BITS > 0);
    let mut moved = 0;
    let mut count = 0;
    for ((name, number), copy) in copies {
        // The first attempt may not have come to its calls.
        let Some(base) = wants.calls.get(&(name.clone(), number & ((1 << BASE_BITS) - 1))) else { continue };
        count += 1;
        moved += u32::from(base.2 != copy.2);
    }
    assert!(count > 200 && moved == count, "{moved} of {count} copies have a demand of their own");
}

/// Everything at once, so that a fork has pools, retries and open frames to carry over.
fn busy() -> Scenario {
    let knob = ", retries: {attempts: 4, retryOn: [5xx, connect, reset, timeout], budget: 30%}, hedgeAfter: 6ms, \
                timeout: 300ms, connections: {pool: 2, streams: 2, maxRequests: 50, idleTimeout: 40ms}, \
                outlierEjection: {consecutiveFailures: 2, ejectionTime: 2s, maxEjected: 60%}, \
                tcpKeepalive: {time: 1s, interval: 1s, probes: 2}";
    graph(knob, "", "", ", connections: {pool: 3}, deadline: 2s, retries: {attempts: 2, retryOn: [timeout, 5xx]}")
}

#[test]
fn a_run_has_the_same_digest_twice() {
    let digests = || -> Vec<Option<TraceDigest>> {
        let scenario = busy();
        (0..scenario.arms.len()).map(|arm| run(&scenario, arm, Level::Connection).report.trace_digest).collect()
    };
    assert_eq!(digests(), digests());
}

#[test]
fn a_run_in_steps_makes_the_records_of_a_run_in_one_go() {
    let scenario = busy();
    for arm in 0..scenario.arms.len() {
        let whole = |steps| world_records(&scenario, arm, Level::Segment, steps);
        assert!(whole(1) == whole(333), "{}", scenario.arms[arm].name);
    }
}

#[test]
fn a_world_forked_while_calls_are_open_goes_on_as_the_whole_one_does() {
    let scenario = busy();
    for arm in 0..scenario.arms.len() {
        let whole = world_records(&scenario, arm, Level::Segment, 1);
        // Before the crash, right after it, and after the machine has booted again.
        for milliseconds in [5_003, 12_001, 15_700] {
            let mut world = World::new(Arc::clone(&scenario.arms[arm].model), Level::Segment);
            let mut before = Vec::new();
            world.run_until(SimTime::from_nanos(milliseconds * 1_000_000), &mut before);
            let mut fork = world.clone();
            let (mut own, mut forked) = (before.clone(), before);
            fork.run(&mut forked);
            world.run(&mut own);
            assert!(own == forked && own == whole, "{} at {milliseconds} ms", scenario.arms[arm].name);
        }
    }
}
