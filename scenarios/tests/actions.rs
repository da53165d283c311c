//! What can be wrong with actions, and what manifests say about updates and stopping.

#![allow(clippy::unwrap_used)]

mod common;

use common::{load_with, said};
use scenarios::{Loaded, Overrides};
use sim_core::kernel::time::SimDuration;
use sim_core::model::Begin;
use sim_core::model::lifecycle::{Amount, UpdateStrategy};

const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  minReadySeconds: 5
  strategy: {rollingUpdate: {maxSurge: 2, maxUnavailable: 10%}}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 45
      containers:
        - {name: web, ports: [{containerPort: 80}], lifecycle: {preStop: {sleep: {seconds: 7}}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: logs}
spec:
  updateStrategy: {type: OnDelete}
  selector: {matchLabels: {app: logs}}
  template:
    metadata: {labels: {app: logs}}
    spec:
      containers: [{name: logs}]
---
apiVersion: v1
kind: Pod
metadata: {name: once}
spec: {containers: [{name: once}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
";

const SCENARIO: &str = "\
apiVersion: podwire/v1
kind: Scenario
metadata: {name: case}
spec:
  duration: 2m
  include: [web.yaml]
  arms: [ARMS]
  topology: {nodes: {count: 2, zones: [a, b]}}
  traffic: [{name: asks, from: node/node-2, to: 'service/web:80', arrivals: {kind: constant, rate: 1/s}}]
  actions:
    - {name: first, at: 30s, kind: rollout-restart, workload: deployment/web}
    - {name: second, after: first, delay: 5s, kind: drain, node: node-1}
  expect: [{metric: outage_duration, fault: second, max: 60s}]
";

fn load(arms: &str, from: &str, to: &str) -> Loaded {
    assert!(SCENARIO.contains(from), "{from}");
    let text = SCENARIO.replace(from, to).replace("ARMS", arms);
    load_with(&text, &[("web.yaml", WEB)], &Overrides::default())
}

#[test]
fn every_mistake_has_its_code_and_place() {
    let cases = [
        ("at: 30s", "at: 3m", "E0503 scenario.yaml:11:25"),
        ("at: 30s, ", "", "E0203 scenario.yaml:11:7"),
        ("at: 30s", "at: 30s, delay: 1s", "W0204 scenario.yaml:11:37"),
        ("name: second", "name: first", "E0302 scenario.yaml:12:14"),
        ("after: first", "after: frist", "E0406 scenario.yaml:12:29"),
        ("after: first", "after: second", "E0504 scenario.yaml:12:29"),
        ("after: first", "at: 1s, after: first", "E0205 scenario.yaml:12:26"),
        ("delay: 5s", "delay: 5m", "E0503 scenario.yaml:12:43"),
        ("kind: rollout-restart", "kind: rollout-restrat", "E0206 scenario.yaml:11:36"),
        ("workload: deployment/web", "workload: deployment/wep", "E0402 scenario.yaml:11:63"),
        ("workload: deployment/web", "wrkload: deployment/web", "E0201 scenario.yaml:11:53"),
        ("workload: deployment/web", "workload: pod/once", "E0205 scenario.yaml:11:63"),
        ("workload: deployment/web", "workload: daemonset/logs", "W0204 scenario.yaml:11:63"),
        ("node: node-1", "node: node-7", "E0401 scenario.yaml:12:66"),
        ("fault: second", "fault: third", "E0406 scenario.yaml:13:45"),
        (
            "kind: drain, node: node-1",
            "kind: scale, workload: daemonset/logs, replicas: 1",
            "E0205 scenario.yaml:12:70",
        ),
        ("kind: drain, node: node-1", "kind: delete-service, service: wbe", "E0403 scenario.yaml:12:78"),
        (
            "  expect:",
            "  faults: [{name: f, at: 1s, kind: zone-crash, zone: c}]\n  expect:",
            "E0408 scenario.yaml:13:54",
        ),
    ];
    for (from, to, expected) in cases {
        let loaded = load("service", from, to);
        let text = scenarios::render(&loaded.diagnostics, &loaded.sources, false);
        assert!(said(&loaded).contains(&expected.to_owned()), "{to}: {:?}\n{text}", said(&loaded));
    }
    assert_eq!(said(&load("service", "at: 30s", "at: 30s")), Vec::<String>::new());
}

#[test]
fn two_actions_that_wait_for_each_other_never_begin() {
    let loaded = load("service", "at: 30s", "after: second");
    assert_eq!(said(&loaded), ["E0504 scenario.yaml:11:28", "E0504 scenario.yaml:12:29"]);
}

#[test]
fn what_docker_does_not_know_is_told() {
    let drain = "kind: drain, node: node-1";
    let cordon = load("docker-static, docker-orchestrated", drain, "kind: cordon, node: node-1");
    assert_eq!(said(&cordon), ["W0204 scenario.yaml:12:53"]);
    assert!(cordon.diagnostics[0].message.contains("docker-static"), "{}", cordon.diagnostics[0].message);
    let service = load("docker-static", drain, "kind: recreate-service, service: service/web");
    assert_eq!(said(&service), ["N0103 scenario.yaml:12:53"]);
}

#[test]
fn manifests_say_how_pods_are_updated_and_stopped() {
    let scenario = load("service", "at: 30s", "at: 30s").scenario.unwrap();
    let model = &scenario.arms[0].model;
    let web = &model.workloads[0];
    let seconds = SimDuration::from_secs;
    assert_eq!(
        (web.termination.grace, web.termination.pre_stop, web.updates.min_ready),
        (seconds(45), seconds(7), seconds(5))
    );
    let bounds = UpdateStrategy::RollingUpdate { max_surge: Amount::Count(2), max_unavailable: Amount::Percent(10) };
    assert_eq!(web.updates.strategy, bounds);
    assert_eq!(model.workloads[1].updates.strategy, UpdateStrategy::OnDelete);
    assert_eq!(model.actions[1].begin, Begin::After { action: 0, delay: seconds(5) });
    // The scenario's hook and shutdown count more.
    let text = "  behaviour: {deployment/web: {preStopSleep: 1s, shutdown: {drain: false}}}\n  traffic:";
    let scenario = load("service", "  traffic:", text).scenario.unwrap();
    let web = &scenario.arms[0].model.workloads[0];
    assert_eq!((web.termination.pre_stop, web.behaviour.shutdown.drain), (seconds(1), false));
}
