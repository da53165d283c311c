//! Which forms a scenario has, and what takes them away.

use std::path::Path;

use super::*;
use crate::{Loaded, Overrides, Source, load};

/// A client and a server, as a scenario with manifests beside it.
fn scenario(replicas: u32, server: &str, traffic: &str, more: &str) -> Loaded {
    let object = |name: &str, replicas: u32| {
        format!(
            "---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: main, image: none, ports: [{{containerPort: 80}}]}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{selector: {{app: {name}}}, ports: [{{port: 80}}]}}
"
        )
    };
    let text = format!(
        "apiVersion: podwire/v1
kind: Scenario
metadata: {{name: twin}}
spec:
  duration: 200s
  arms: [service]
  topology: {{nodes: {{count: 3}}, links: {{latency: 50us}}}}
  behaviour: {{deployment/server: {{{server}}}}}
  traffic:
    - {{name: load, from: deployment/client, to: 'service/server:80', {traffic}}}
{more}
{}{}",
        object("server", replicas),
        object("client", 3)
    );
    let source = Source { name: "twin.yaml".to_owned(), text };
    let nothing = |_: &Path| Err(std::io::Error::from(std::io::ErrorKind::NotFound));
    load(source, Path::new(""), &nothing, &Overrides::default(), &[])
}

const SERVER: &str = "serviceTime: {kind: exponential, mean: 10ms}, concurrency: 1";
const POISSON: &str = "arrivals: {kind: poisson, rate: 80/s}";

fn forms(replicas: u32, server: &str, traffic: &str, more: &str) -> Vec<ClosedForm> {
    let loaded = scenario(replicas, server, traffic, more);
    let scenario = loaded.scenario.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    closed_forms(&scenario.arms[0].model)
}

fn of<'a>(forms: &'a [ClosedForm], quantity: &str) -> &'a ClosedForm {
    forms.iter().find(|form| form.quantity == quantity).unwrap_or_else(|| panic!("{quantity}: {forms:?}"))
}

#[test]
fn one_pod_with_one_worker_is_mm1() {
    let forms = forms(1, SERVER, POISSON, "");
    assert!((of(&forms, "utilisation").low - 0.8).abs() < 1e-9);
    let wait = of(&forms, "mean wait for a worker");
    assert!((wait.low - 40e6).abs() < 1.0 && wait.form == "M/M/1", "{wait:?}");
    let latency = of(&forms, "mean latency");
    // Two links of 50 us each way, four ways; the same node is nearer.
    assert!((latency.low - 50e6 - 4.0 * 15e3).abs() < 1.0 && (latency.high.unwrap() - 50e6 - 4.0 * 100e3).abs() < 1.0);
}

#[test]
fn several_pods_are_each_mm1_with_random_picks_and_one_station_at_best_with_others() {
    let two = forms(2, SERVER, "arrivals: {kind: poisson, rate: 160/s}", "");
    assert!((of(&two, "mean wait for a worker").low - 40e6).abs() < 1.0, "{two:?}");
    let balanced = "  services: {server: {algorithm: round-robin}}";
    let two = forms(2, SERVER, "arrivals: {kind: poisson, rate: 160/s}", balanced);
    let wait = of(&two, "mean wait for a worker");
    // M/M/2 at 0.8: C = 2 rho^2 / (1 + rho), wait C s / (2 - 1.6).
    assert!((wait.low - 2.0 * 0.64 / 1.8 * 10e6 / 0.4).abs() < 1.0 && wait.high.is_none(), "{wait:?}");
    assert_eq!(wait.form, "M/M/2");
}

#[test]
fn users_that_think_are_a_closed_network() {
    let forms =
        forms(2, SERVER, "arrivals: {kind: closed-loop, users: 20, think: {kind: exponential, mean: 100ms}}", "");
    let ok = of(&forms, "ok requests");
    assert!(ok.low > 0.9 * 200.0 * 20.0 / 0.12 / 2.0 && ok.high.unwrap() < 200.0 * 200.0, "{ok:?}");
    assert_eq!(ok.form, "MVA");
}

#[test]
fn a_broken_assumption_takes_the_form_away() {
    let fault = "  faults: [{name: lost, at: 50s, kind: node-crash, node: node-1}]";
    let cases = [
        ("constant service", "serviceTime: {kind: constant, value: 10ms}, concurrency: 1", POISSON, ""),
        ("no limit of workers", "serviceTime: {kind: exponential, mean: 10ms}", POISSON, ""),
        ("constant arrivals", SERVER, "arrivals: {kind: constant, rate: 80/s}", ""),
        ("kept connections", SERVER, "arrivals: {kind: poisson, rate: 80/s}, connections: {pool: 4}", ""),
        ("little patience", SERVER, "arrivals: {kind: poisson, rate: 80/s}, timeout: 200ms", ""),
        ("retries", SERVER, "arrivals: {kind: poisson, rate: 80/s}, retries: {attempts: 2}", ""),
        ("a small backlog", "serviceTime: {kind: exponential, mean: 10ms}, concurrency: 1, backlog: 8", POISSON, ""),
        ("late traffic", SERVER, "arrivals: {kind: poisson, rate: 80/s}, start: 20s", ""),
        ("too much", SERVER, "arrivals: {kind: poisson, rate: 120/s}", ""),
        ("a fault", SERVER, POISSON, fault),
    ];
    for (what, server, traffic, more) in cases {
        let found = forms(1, server, traffic, more);
        assert!(found.iter().all(|form| !form.form.starts_with("M/M")), "{what}: {found:?}");
    }
}

#[test]
fn a_death_has_its_bounds_when_it_lasts_and_the_control_plane_is_well() {
    let detection = |faults: &str| forms(1, SERVER, POISSON, &format!("  faults: [{faults}]"));
    let found = detection("{name: lost, at: 50s, kind: node-crash, node: node-1}");
    assert_eq!((of(&found, "time to NotReady").about.clone(), found.len()), (About::Fault("lost".to_owned()), 1));
    for faults in [
        "{name: lost, at: 50s, for: 30s, kind: node-crash, node: node-1}",
        "{name: lost, at: 190s, kind: node-crash, node: node-1}",
        "{name: lost, at: 50s, kind: node-crash, node: node-1}, {name: away, at: 40s, kind: api-outage}",
    ] {
        assert_eq!(detection(faults), [], "{faults}");
    }
}

#[test]
fn ports_are_told_when_they_matter() {
    let server = "serviceTime: {kind: constant, value: 1ms}";
    let asked = |rate: u32| forms(1, server, &format!("arrivals: {{kind: constant, rate: {rate}/s}}"), "");
    assert_eq!(asked(600), [], "200/s from each are far from it");
    // Three clients: 500/s each, of 28 232 ports in 60 s.
    let found = asked(1_500);
    assert!(
        (found[0].low - 28_232.0 / 60.0).abs() < 1e-9 && found[0].assumes.contains("run out after 56 s"),
        "{found:?}"
    );
}

#[test]
fn overload_is_a_warning_at_the_rate() {
    let loaded = scenario(2, SERVER, "arrivals: {kind: poisson, rate: 220/s}", "");
    let found: Vec<_> = loaded.diagnostics.iter().filter(|item| item.code == "W0207").collect();
    let [warning] = found.as_slice() else { panic!("{:?}", loaded.diagnostics) };
    assert!(warning.message.contains("utilisation 1.10"), "{warning:?}");
    assert_eq!(
        loaded.sources[0].text.lines().nth(warning.line - 1).unwrap().trim_start().find("- {name: load"),
        Some(0)
    );
    let calm = scenario(2, SERVER, "arrivals: {kind: poisson, rate: 190/s}", "");
    assert!(calm.diagnostics.iter().all(|item| item.code != "W0207"), "{:?}", calm.diagnostics);
}
