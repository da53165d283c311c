//! Groups of Deployments and Services without manifests: what they become, who may name them, and what is told of mistakes.

#![allow(clippy::unwrap_used)]

mod common;

use common::{load_with, said};
use scenarios::{Loaded, Overrides};
use sim_core::kernel::time::SimDuration;
use sim_core::model::application::{Origin, Target, WorkloadKind};
use sim_core::model::ids::{ServicePortId, WorkloadId};

const MESH: &str = "apiVersion: podwire/v1
kind: Scenario
spec:
  duration: 10s
  arms: [service]
  synthetic:
    - {name: shop, services: 30, replicas: 4, port: 8080}
    - {name: edge}
  behaviour:
    deployment/shop-3: {backlog: 7}
    synthetic/shop: {backlog: 9}
  traffic:
    - {name: mesh, from: synthetic/shop, to: synthetic/shop, arrivals: {kind: poisson, rate: 10/s}}
    - {name: one, from: synthetic/edge, to: 'synthetic/edge:80', arrivals: {kind: poisson, rate: 10/s}}
";

fn load(text: &str, set: &[(&str, &str)]) -> Loaded {
    let set = set.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    load_with(text, &[], &Overrides { set, ..Overrides::default() })
}

/// What is said of the scenario with a part in place of another.
fn changed(part: &str, other: &str) -> Vec<String> {
    assert!(MESH.contains(part));
    said(&load(&MESH.replace(part, other), &[]))
}

#[test]
fn a_group_is_as_many_deployments_and_services() {
    let scenario = load(MESH, &[]).scenario.unwrap();
    let model = &scenario.arms[0].model;
    assert_eq!((model.workloads.len(), model.services.len()), (31, 31));
    let third = &model.workloads[2];
    assert_eq!(
        (third.reference().as_str(), third.replicas, third.kind),
        ("deployment/shop-3", 4, WorkloadKind::Deployment)
    );
    assert_eq!(third.unreachable_toleration, Some(SimDuration::from_secs(300)));
    assert_eq!(model.service_ports[2].backends, [(WorkloadId(2), 8_080)]);
    assert_eq!((model.service_ports[2].port, model.service_ports[30].port), (8_080, 80));
    let backlogs: Vec<u32> = model.workloads[1..4].iter().map(|workload| workload.behaviour.backlog).collect();
    assert_eq!(backlogs, [9, 7, 9], "what is said of one comes before what is said of all");
}

#[test]
fn traffic_starts_and_ends_anywhere_in_a_group() {
    let scenario = load(MESH, &[]).scenario.unwrap();
    let sources = &scenario.arms[0].model.sources;
    assert_eq!(sources[0].from, Origin::Workloads { first: WorkloadId(0), count: 30 });
    assert_eq!(sources[0].call.to, Target::Services { first: ServicePortId(0), count: 30 });
    assert_eq!(sources[1].from, Origin::Workload(WorkloadId(30)), "a group of one is that one");
    assert_eq!(sources[1].call.to, Target::Service(ServicePortId(30)));
}

#[test]
fn the_command_line_sets_the_size_of_a_group() {
    let loaded = load(MESH, &[("synthetic.shop.services", "3"), ("synthetic.edge.replicas", "2")]);
    let scenario = loaded.scenario.unwrap();
    let replicas: Vec<u32> = scenario.arms[0].model.workloads.iter().map(|workload| workload.replicas).collect();
    assert_eq!(replicas, [4, 4, 4, 2]);
}

#[test]
fn every_mistake_in_a_group_is_told_at_its_place() {
    assert_eq!(changed("name: shop, services: 30", "name: Shop, services: 30")[0], "E0205 scenario.yaml:7:14");
    assert_eq!(
        changed("name: edge", "name: shop"),
        ["E0302 scenario.yaml:8:14", "E0402 scenario.yaml:14:25", "E0402 scenario.yaml:14:45"]
    );
    assert_eq!(changed("services: 30", "services: 0")[0], "E0205 scenario.yaml:7:30");
    assert_eq!(changed("services: 30", "service: 30")[0], "E0201 scenario.yaml:7:20");
    assert_eq!(changed("port: 8080", "port: 0")[0], "E0301 scenario.yaml:7:53");
    assert_eq!(changed("replicas: 4", "replicas: 40000")[0], "E0205 scenario.yaml:7:7");
    assert_eq!(changed("to: synthetic/shop", "to: synthetic/shap"), ["E0402 scenario.yaml:13:46"]);
    assert_eq!(changed("to: synthetic/shop", "to: 'synthetic/shop:81'"), ["E0404 scenario.yaml:13:46"]);
    assert_eq!(changed("{backlog: 9}", "{calls: [service/edge-1]}"), ["E0501 scenario.yaml:11:22"]);
}

#[test]
fn a_group_of_nothing_is_told_once() {
    let text = "apiVersion: podwire/v1
kind: Scenario
metadata: {name: nothing}
spec:
  duration: 10s
  arms: [service]
  synthetic: [{name: shop, services: 0}]
  traffic: [{name: t, from: synthetic/shop, to: synthetic/shop, arrivals: {kind: poisson, rate: 1/s}}]
";
    assert_eq!(said(&load(text, &[])), ["E0205 scenario.yaml:7:38"]);
}

#[test]
fn clients_that_hold_lists_ask_one_service() {
    let told = changed("arms: [service]", "arms: [pod-ip-direct]");
    assert_eq!(told, ["E0501 scenario.yaml:13:46"]);
    assert!(changed("arms: [service]", "arms: [{preset: service, set: {synthetic: []}}]")[0].starts_with("E0204"));
}
