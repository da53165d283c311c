//! What holders of a Service's list count, and who gets nothing.

use std::collections::BTreeMap;

use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record};

use crate::lab::{outcomes, run_manifest};

/// How many connections each pod accepted from the `from`-th second on, in order of the pods' creation.
fn accepted(records: &[Record], from: u64) -> Vec<u32> {
    let mut counts = BTreeMap::new();
    for record in records {
        match record.body {
            Body::PodCreated { pod, .. } => {
                counts.insert(pod, 0);
            }
            Body::ConnectionAccepted { pod, .. } if record.time.as_nanos() >= from * 1_000_000_000 => {
                *counts.entry(pod).or_default() += 1;
            }
            _ => {}
        }
    }
    counts.into_values().collect()
}

#[test]
fn a_syn_whose_client_has_gone_is_forgotten_in_time() {
    // The SYN needs 10 ms to the node port, whose rules give it to the newest pod; its client has left after 3 ms. Two
    // minutes later nobody remembers it, and the newest has the tie again.
    let case = |later: &str| {
        let records = run_manifest(
            "web.yaml",
            "service",
            &format!(
                "  duration: 4m
  topology: {{nodes: {{count: 1}}, links: {{latency: 5ms}}}}
  placement: {{deployment/web: [node-1, node-1, node-1, node-1]}}
  services: {{web: {{algorithm: lc}}}}
  traffic:
    - {{name: hasty, from: external, to: 'service/web:80', arrivals: {{kind: constant, rate: 1/s}}, start: 9s, stop: 10500ms, connectTimeout: 3ms}}
    - {{name: patient, from: external, to: 'service/web:80', arrivals: {{kind: constant, rate: 1/s}}, {later}}}\n"
            ),
        );
        let ends: Vec<(u32, Outcome)> = records
            .iter()
            .filter_map(|record| match record.body {
                Body::RequestEnded { source, outcome, .. } => Some((source.0, outcome)),
                _ => None,
            })
            .collect();
        assert_eq!(ends, [(0, Outcome::ConnectTimeout), (1, Outcome::Ok)]);
        accepted(&records, 15)
    };
    assert_eq!(case("start: 19s, stop: 20500ms")[..4], [0, 0, 1, 0], "it is remembered");
    assert_eq!(case("start: 199s, stop: 200500ms")[..4], [0, 0, 0, 1], "it is not");
}

/// Two applications behind one Service, the second of which weighs nothing; the first one's processes die at 10 s.
fn without_the_canary(arm: &str, spec: &str, more: &str) -> Vec<Record> {
    run_manifest(
        "two-behind-one.yaml",
        arm,
        &format!(
            "{spec}  duration: 40s
  topology: {{nodes: {{count: 4}}}}
  placement: {{deployment/steady: [node-1], deployment/canary: [node-2], deployment/curl: [node-3]}}
  services: {{both: {{algorithm: round-robin, weights: {{deployment/steady: 1, deployment/canary: 0}}}}}}
  faults: [{{name: crash, at: 10s, for: 20s, kind: container-kill, pod: {{of: deployment/steady, index: 0}}}}]
  traffic: [{{name: t, from: deployment/curl, to: 'service/both:80', arrivals: {{kind: constant, rate: 5/s}}, retries: {{attempts: 3}}{more}}}]\n"
        ),
    )
}

#[test]
fn what_weighs_nothing_gets_nothing_for_anothers_failure_either() {
    for (arm, spec, more) in [
        ("pod-ip-direct", "", ", outlierEjection: {consecutiveFailures: 1, ejectionTime: 5s, maxEjected: 100%}"),
        ("{name: proxied, discovery: front-proxy}", "  frontProxy: {nodes: [node-4]}\n", ""),
    ] {
        let records = without_the_canary(arm, spec, more);
        let failed = outcomes(&records).iter().filter(|(outcome, _)| *outcome != Outcome::Ok).count();
        assert!(failed > 20, "{arm}: {failed} failed while the only one that takes something was down");
        let canary = records.iter().find_map(|record| match record.body {
            Body::PodScheduled { pod, node } if node.0 == 2 => Some(pod),
            _ => None,
        });
        let served =
            |record: &&Record| matches!(record.body, Body::ConnectionAccepted { pod, .. } if Some(pod) == canary);
        assert!(canary.is_some() && records.iter().find(served).is_none(), "{arm}: the canary was asked");
    }
}
