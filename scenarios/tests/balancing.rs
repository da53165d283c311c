//! What a scenario says of who takes connections to a Service.

#![allow(clippy::unwrap_used)]

mod common;

use common::{WEB, good, load_with, said};
use scenarios::{Loaded, Overrides};
use sim_core::model::balancing_choice::BalancingChoice;
use sim_core::model::ids::WorkloadId;
use sim_core::model::parameters::Argument;

/// Another Deployment behind the same Service, and one that is not.
const CANARY: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: canary}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, ports: [{name: http, containerPort: 80}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: other}
spec:
  selector: {matchLabels: {app: other}}
  template:
    metadata: {labels: {app: other}}
    spec: {containers: [{name: other}]}
";

fn scenario(web: &str) -> String {
    format!(
        "apiVersion: podwire/v1\nkind: Scenario\nmetadata: {{name: test}}\nspec:\n  duration: 1m\n  include: [web.yaml, \
         canary.yaml]\n  arms: [service, {{name: proxy, discovery: front-proxy}}]\n  frontProxy: {{nodes: [node-3]}}\n  \
         traffic:\n    - {{name: t, from: node/node-1, to: 'service/web:80', arrivals: {{kind: constant, rate: 1/s}}}}\n  \
         services:\n    web: {web}\n"
    )
}

const FILES: [(&str, &str); 2] = [("web.yaml", WEB), ("canary.yaml", CANARY)];

fn load(web: &str) -> Loaded {
    load_with(&scenario(web), &FILES, &Overrides::default())
}

fn choice(web: &str) -> BalancingChoice {
    good(&scenario(web), &FILES).arms[0].model.services[0].balancing.clone()
}

#[test]
fn an_algorithm_is_a_name_or_a_kind_with_parameters() {
    assert_eq!(choice("{algorithm: round-robin}"), choice("{algorithm: {kind: round-robin}}"));
    let chosen = choice("{algorithm: {kind: least-request, choices: 3}}");
    assert_eq!(
        (chosen.algorithm.as_str(), chosen.arguments.get("choices")),
        ("least-request", Some(Argument::Count(3)))
    );
    assert!(choice("{}").is_left_open());
}

#[test]
fn weights_are_those_of_pods_of_a_workload() {
    let chosen = choice("{algorithm: wrr, weights: {deployment/web: 3, deployment/canary: 0}}");
    assert_eq!([WorkloadId(0), WorkloadId(1), WorkloadId(2)].map(|workload| chosen.weight_of(workload)), [3, 0, 1]);
}

#[test]
fn every_mistake_has_its_code_and_place() {
    let cases = [
        ("{algorithm: round-robbin}", "E0206 scenario.yaml:12:22"),
        ("{algorithm: {kind: least-requests}}", "E0206 scenario.yaml:12:29"),
        ("{algorithm: {choices: 3}}", "E0203 scenario.yaml:12:11"),
        ("{algorithm: {kind: least-request, choice: 3}}", "E0201 scenario.yaml:12:44"),
        ("{algorithm: {kind: least-request, choices: 0}}", "E0205 scenario.yaml:12:53"),
        ("{algorithm: wrr, weights: {deployment/web: 65536}}", "E0205 scenario.yaml:12:53"),
        ("{algorithm: wrr, weights: {deployment/wep: 1}}", "E0402 scenario.yaml:12:37"),
        ("{algorithm: wrr, weights: {deployment/other: 1}}", "E0205 scenario.yaml:12:37"),
        ("{algorithm: wrr, weights: {deployment/web: 0, deployment/canary: 0}}", "E0205 scenario.yaml:12:27"),
        ("{algorithm: round-robin, weights: {deployment/web: 2}}", "W0204 scenario.yaml:12:35"),
        ("{weights: {deployment/web: 2}}", "W0204 scenario.yaml:12:11"),
        ("{algorithm: p2c-peak-ewma}", "W0204 scenario.yaml:12:22"),
    ];
    for (web, expected) in cases {
        let loaded = load(web);
        let text = scenarios::render(&loaded.diagnostics, &loaded.sources, false);
        assert!(said(&loaded).contains(&expected.to_owned()), "{web}: {:?}\n{text}", said(&loaded));
    }
    let fine = load("{algorithm: wrr, weights: {deployment/web: 0}}");
    assert_eq!(said(&fine), Vec::<String>::new());
}

#[test]
fn settings_tell_who_holds_the_list() {
    let told = |web: &str| {
        let scenario = good(&scenario(web), &FILES);
        [0, 1].map(|arm: usize| scenario.arms[arm].settings.get("services.web.algorithm").cloned())
    };
    let expected = ["in the rules of each node", "in each front proxy"]
        .map(|holder| Some(format!("least-request (choices 3) {holder}")));
    assert_eq!(told("{algorithm: {kind: least-request, choices: 3}}"), expected);
    assert_eq!(told("{}"), [None, None]);
}
