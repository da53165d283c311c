//! What can be wrong with faults, and what they mean.

#![allow(clippy::unwrap_used)]

mod common;

use common::{load_with, said};
use scenarios::{Loaded, Overrides};
use sim_core::faults::{Effect, Impairment, Way};
use sim_core::kernel::time::SimDuration;
use sim_core::model::ids::NodeId;
use sim_core::model::parameters::Side;

const WEB: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: web, ports: [{containerPort: 80}]}]}
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
  arms: [ARM]
  topology: {nodes: {count: 2, zones: [a, b]}}
  traffic: [{name: asks, from: node/node-2, to: 'service/web:80', arrivals: {kind: constant, rate: 1/s}}]
  faults: [FAULT]
";

fn case(arm: &str, fault: &str) -> Loaded {
    let text = SCENARIO.replace("ARM", arm).replace("FAULT", fault);
    load_with(&text, &[("web.yaml", WEB)], &Overrides::default())
}

fn impairment(fault: &str) -> Impairment {
    let loaded = case("service", fault);
    assert_eq!(said(&loaded), Vec::<String>::new(), "{fault}");
    let fault = loaded.scenario.unwrap().arms[0].model.faults[0].clone();
    let Effect::Impair(impairment) = fault.kind.begin else { panic!("{:?}", fault.kind) };
    impairment
}

#[test]
fn every_mistake_has_its_code() {
    let cases = [
        ("{name: f, at: 1s, kind: slow-node, node: node-1}", "E0203"),
        ("{name: f, at: 1s, kind: slow-node, node: node-1, factor: 0}", "E0205"),
        ("{name: f, at: 1s, kind: slow-node, node: node-1, factor: 1.0005}", "E0205"),
        ("{name: f, at: 1s, kind: node-hang, node: control-plane}", "E0205"),
        ("{name: f, at: 1s, kind: packet-loss, link: node-1--switch-1, loss: 101%}", "E0205"),
        ("{name: f, at: 1s, kind: packet-loss, link: node-1--switch-1, loss: 1%, direction: up}", "E0205"),
        ("{name: f, at: 1s, kind: link-flap, link: node-1--switch-1, down: 0s, up: 1s}", "E0205"),
        ("{name: f, at: 1s, kind: zone-partition, a: a, b: a}", "E0205"),
        ("{name: f, at: 1s, kind: zone-partition, a: c}", "E0408"),
        ("{name: f, at: 1s, kind: partition, a: [node-1], b: [node-2, node-1]}", "E0205"),
        ("{name: f, at: 1s, kind: partition, a: [node-7]}", "E0401"),
        ("{name: f, at: 1s, kind: partition, a: []}", "E0205"),
        ("{name: f, kind: api-outage}", "E0203"),
        ("{name: f, mtbf: 1m, kind: api-outage}", "E0203"),
        ("{name: f, mtbf: 0s, mttr: 1s, kind: api-outage}", "E0205"),
        ("{name: f, at: 1s, mtbf: 1m, mttr: 1s, kind: api-outage}", "E0205"),
        ("{name: f, mtbf: 1m, mttr: 1s, kind: pod-kill, pod: {of: pod/web}}", "W0204"),
    ];
    for (fault, code) in cases {
        let loaded = case("service", fault);
        let text = scenarios::render(&loaded.diagnostics, &loaded.sources, false);
        assert!(said(&loaded).iter().any(|said| said.starts_with(code)), "{fault}: {:?}\n{text}", said(&loaded));
    }
}

#[test]
fn what_an_arm_lacks_is_noted() {
    let noted = |arm: &str, kind: &str| {
        let loaded = case(arm, &format!("{{name: f, at: 1s, kind: {kind}}}"));
        said(&loaded).iter().any(|said| said.starts_with("N0103"))
    };
    assert!(noted("docker-static", "api-outage") && !noted("service", "api-outage"));
    assert!(noted("docker-registry", "kube-proxy-stall, node: node-1"));
    assert!(noted("service", "registry-outage") && noted("docker-static", "registry-outage"));
    assert!(!noted("docker-registry", "registry-outage"));
}

#[test]
fn values_arrive_in_whole_numbers() {
    let slow = impairment("{name: f, at: 1s, kind: slow-node, node: node-1, factor: 2.5}");
    assert!(matches!(slow, Impairment::SlowNode { permille: 2_500, .. }), "{slow:?}");
    let lossy =
        impairment("{name: f, at: 1s, kind: packet-loss, link: node-1--switch-1, loss: 0.5%, direction: b-to-a}");
    assert!(matches!(lossy, Impairment::PacketLoss { ppm: 5_000, way: Way::BToA, .. }), "{lossy:?}");
    let parted = impairment("{name: f, at: 1s, kind: partition, a: [node-1, control-plane]}");
    let expected = Side::Nodes([NodeId(1), NodeId(0)].into());
    assert_eq!(parted, Impairment::Partition { a: expected, b: Side::Rest, way: Way::Both });
}

#[test]
fn a_fault_at_random_has_means_in_place_of_times() {
    let loaded = case("service", "{name: f, mtbf: 30m, mttr: 2m, kind: node-crash, node: {hosting: pod/web}}");
    assert_eq!(said(&loaded), Vec::<String>::new());
    let renewal = loaded.scenario.unwrap().arms[0].model.faults[0].renewal.unwrap();
    assert_eq!((renewal.mtbf, renewal.mttr), (SimDuration::from_secs(1_800), SimDuration::from_secs(120)));
}
