//! Networks and health checks of compose files: what is said about them, and where names mean nothing.

#![allow(clippy::unwrap_used)]

mod common;

use common::{check_text, place};

/// A compose file with `services`, and a scenario with one arm whose clients ask Docker's own DNS.
fn codes(services: &str, rest: &str) -> Vec<String> {
    let text = format!(
        "{services}
---
apiVersion: podwire/v1
kind: Scenario
metadata: {{name: names}}
spec:
  duration: 1m
  arms: [{{name: names, discovery: embedded-dns}}]
  topology: {{nodes: {{count: 2}}}}
  traffic: [{{name: t, from: deployment/web, to: 'service/db:80', arrivals: {{kind: constant, rate: 1/s}}}}]
{rest}"
    );
    let checked = check_text(&text);
    let told = checked.loaded.diagnostics.iter();
    told.map(|item| place(item, &checked.loaded).split(' ').next().unwrap().to_owned()).collect()
}

const TWO: &str = "services: {web: {image: a}, db: {image: b, expose: ['80']}}";

#[test]
fn names_need_one_host_and_a_network_of_their_own() {
    assert_eq!(codes(TWO, ""), [""; 0]);
    let apart = "  placement: {deployment/web: [node-1], deployment/db: [node-2]}\n";
    assert_eq!(codes(TWO, apart), ["E0502"]);
    let manifest = "---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web}]}}
";
    assert_eq!(codes("services: {db: {image: b, expose: ['80']}}", manifest), ["E0502"]);
}

#[test]
fn a_network_must_be_declared_and_a_health_check_is_noted() {
    let unknown = "services: {web: {image: a, networks: [back]}, db: {image: b, expose: ['80'], networks: [bakc]}}
networks: {back: {}}";
    assert_eq!(codes(unknown, ""), ["E0205"]);
    let checked = "services: {web: {image: a}, db: {image: b, expose: ['80'], healthcheck: {test: [CMD, 'false']}}}";
    assert_eq!(codes(checked, ""), ["N0109"]);
    let disabled = "services: {web: {image: a}, db: {image: b, expose: ['80'], healthcheck: {disable: true}}}";
    assert_eq!(codes(disabled, ""), [""; 0]);
}
