//! Names: what a lookup costs, how long its answer is used, what a headless Service's name means (B14, B15, B16).

use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record};

use crate::lab::{ONE_SERVER, count, outcomes, run, times};

/// A Service of names only, for the same pods.
const HEADLESS: &str = "
---
apiVersion: v1
kind: Service
metadata: {name: peers}
spec:
  clusterIP: None
  selector: {run: my-nginx}
  ports: [{port: 80}]
";

/// One request per second from the first second on.
fn asking(to: &str, rest: &str) -> String {
    format!(
        "  traffic: [{{name: curl, from: deployment/curl, to: '{to}', arrivals: {{kind: constant, rate: 1/s}}}}]{rest}\n"
    )
}

/// How long each request took, in microseconds.
fn lengths(records: &[Record]) -> Vec<u64> {
    let mut arrived = std::collections::BTreeMap::new();
    let mut lengths = Vec::new();
    for record in records {
        match record.body {
            Body::RequestArrived { number, .. } => {
                arrived.insert(number, record.time);
            }
            Body::RequestEnded { number, .. } => lengths.push(record.time.since(arrived[&number]).as_nanos() / 1_000),
            _ => {}
        }
    }
    lengths
}

#[test]
fn a_name_costs_its_queries_once_in_a_ttl() {
    let spec = |to: &str| format!("  duration: 100s{ONE_SERVER}{}", asking(to, ""));
    for arm in ["service", "docker-static", "docker-registry", "pod-ip-direct"] {
        let plain = lengths(&run(arm, &spec("service/my-nginx:80")));
        let names = [("my-nginx", 1_000), ("my-nginx.default", 2_000), ("my-nginx.default.svc", 3_000)];
        for (name, cost) in names {
            let named = lengths(&run(arm, &spec(&format!("dns/{name}:80"))));
            assert_eq!((named[0] - plain[0], named[1], named[2]), (cost, plain[1], plain[2]), "{arm} {name}");
        }
    }
    // Looked up at 1 s; fresh for 30 s from 1.001 s on, so the request at 32 s is the first that asks again.
    let looked_up = times(&run("service", &spec("dns/my-nginx:80")), "name-resolved");
    assert_eq!(looked_up, [1_001, 32_001, 63_001, 94_001]);
}

#[test]
fn one_lookup_serves_all_who_wait_for_it() {
    let spec = format!(
        "  duration: 1s{ONE_SERVER}
  traffic:
    - {{name: curl, from: deployment/curl, to: 'dns/my-nginx:80', arrivals: {{kind: constant, rate: 5000/s}}, stop: 5ms}}\n"
    );
    let records = run("service", &spec);
    assert_eq!((count(&records, "name-resolved"), count(&records, "request-ended")), (1, 24));
    // Those of the first millisecond leave together when the answer is there, 1 ms after the arrival at 0.2 ms.
    let opened = records.iter().filter(|record| record.body.kind() == "connection-opened");
    let opened: Vec<u64> = opened.map(|record| record.time.as_nanos() / 1_000).collect();
    assert_eq!(opened[..7], [1_200, 1_200, 1_200, 1_200, 1_200, 1_200, 1_400]);
}

#[test]
fn a_node_that_is_cut_off_gets_no_answer() {
    let spec = |length: &str| {
        let fault =
            format!("\n  faults: [{{name: cut, at: 31500ms, for: {length}, kind: link-down, link: node-2--switch-1}}]");
        format!("  duration: 60s{ONE_SERVER}{}", asking("dns/my-nginx:80", &fault))
    };
    // The request at 32 s (the 32nd) asks at 32 s and 37 s and gives up at 42 s; those that came meanwhile end with it.
    let ended = outcomes(&run("service", &spec("1h")));
    assert_eq!(ended[31..34], [(Outcome::DnsError, 10_000), (Outcome::DnsError, 9_000), (Outcome::DnsError, 8_000)]);
    // When the link is mended at 36.5 s the second query is answered.
    let records = run("service", &spec("5s"));
    assert_eq!(times(&records, "name-resolved"), [1_001, 37_001]);
    assert!(outcomes(&records).iter().all(|(outcome, _)| *outcome == Outcome::Ok));
    let failed = run("service", &spec("1h")).into_iter().find(|record| {
        matches!(record.body, Body::RequestEnded { outcome: Outcome::DnsError, .. }) && record.because > 0
    });
    assert!(failed.is_some(), "a lookup without an answer fails because of the cut link");
}

#[test]
fn a_headless_name_means_the_ready_pods_until_the_ttl_is_over() {
    let fault = "\n  faults: [{name: dead, at: 45s, kind: node-crash, node: node-1}]";
    let spec = format!(
        "  duration: 4m
  topology: {{nodes: {{count: 3}}}}
  placement: {{deployment/my-nginx: [node-1, node-2], deployment/curl: [node-3]}}
{}{HEADLESS}",
        asking("dns/peers:80", fault).replace("1/s}", "1/s}, connectTimeout: 500ms")
    );
    let records = run("service", &spec);
    let configured: Vec<(u64, u32, bool)> = records
        .iter()
        .filter_map(|record| match record.body {
            Body::ClientConfigured { addresses, .. } => {
                Some((record.time.as_nanos() / 1_000_000, addresses, record.because > 0))
            }
            _ => None,
        })
        .collect();
    // One name; then the two addresses behind it; then the one that is left, at the first lookup that sees it.
    assert_eq!(configured[..2], [(0, 1, false), (1_001, 2, true)]);
    let &[_, _, (learned, 1, true)] = configured.as_slice() else { panic!("{configured:?}") };
    let looked_up = times(&records, "name-resolved");
    let removed = *times(&records, "endpoint-removed").iter().find(|time| **time > 45_000).unwrap();
    let next = *looked_up.iter().find(|time| **time >= removed).unwrap();
    assert_eq!(learned, next);
    // Round robin: every other request goes to the dead pod until then, and none afterwards.
    let ended = outcomes(&records);
    let between = |from: u64, to: u64| {
        let place = |ms: u64| usize::try_from(ms.div_ceil(1_000) - 1).unwrap();
        ended[place(from)..place(to)].iter().map(|(outcome, _)| *outcome == Outcome::Ok).collect::<Vec<_>>()
    };
    assert!(between(45_000, learned - 1_000).windows(2).all(|pair| pair[0] != pair[1]));
    assert!(between(learned - 1_000, 235_000).iter().all(|ok| *ok));
    // With publishNotReadyAddresses the name means the dead pod, too, until it is deleted.
    let published = spec.replace("  clusterIP: None", "  clusterIP: None\n  publishNotReadyAddresses: true");
    assert_eq!(count(&run("service", &published), "client-configured"), 2);
}

#[test]
fn an_empty_answer_is_a_failed_lookup() {
    let fault = "\n  dns: {ttl: 100ms}\n  faults: [{name: kill, at: 30500ms, kind: pod-kill, pod: {of: deployment/my-nginx, index: 0}}]";
    let spec = format!("  duration: 40s{ONE_SERVER}{}{HEADLESS}", asking("dns/peers:80", fault));
    // The replacement is Ready a little over a second after the kill, so at 31 s nobody stands behind the name.
    let ended = outcomes(&run("service", &spec));
    assert_eq!((ended[29].0, ended[30], ended[32].0), (Outcome::Ok, (Outcome::DnsError, 1), Outcome::Ok));
}

#[test]
fn a_registry_asked_by_name_is_as_stale_as_its_answer() {
    let fault = "\n  faults: [{name: kill, at: 5s, kind: container-kill, pod: {of: deployment/my-nginx, index: 0}}]";
    let spec = format!("  duration: 2m{ONE_SERVER}{}", asking("dns/my-nginx:80", fault));
    let records = run("docker-registry", &spec);
    // The container comes back on another port at once; the client dials the old one until the lookup at 32 s.
    let ended = outcomes(&records);
    assert!(ended[6..31].iter().all(|(outcome, _)| *outcome == Outcome::ConnectionRefused), "{ended:?}");
    assert!(ended[62..].iter().all(|(outcome, _)| *outcome == Outcome::Ok), "{ended:?}");
}

#[test]
fn resolvers_answer_without_the_api() {
    let rest = "\n  dns: {ttl: 1s}\n  faults:\n    - {name: out, at: 10s, for: 30s, kind: api-outage}\n    \
                - {name: alone, at: 50s, for: 30s, kind: control-plane-partition, node: node-2}";
    let records = run("service", &format!("  duration: 100s{ONE_SERVER}{}", asking("dns/my-nginx:80", rest)));
    assert!(times(&records, "name-resolved").len() > 40);
    assert!(outcomes(&records).iter().all(|(outcome, _)| *outcome == Outcome::Ok));
}
