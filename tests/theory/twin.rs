//! The analytic twin against the engine: what `closed_forms` says of a scenario is what its runs measure.

use reports::metrics::Metrics;
use reports::metrics::spec::{Selector, metric};
use scenarios::twin::{ClosedForm, closed_forms};
use sim_core::trace::TraceHeader;

use crate::lab;
use crate::manifests::application;

/// Two servers behind one Service, three clients, some arrivals for 400 s.
fn scenario(concurrency: u32, arrivals: &str) -> scenarios::Scenario {
    lab::text(&format!(
        "apiVersion: podwire/v1
kind: Scenario
metadata: {{name: twin}}
spec:
  duration: 400s
  warmUp: 20s
  arms: [service]
  topology: {{nodes: {{count: 5}}, links: {{latency: 50us}}}}
  placement: {{deployment/server: [node-1, node-2], deployment/client: [node-3, node-4, node-5]}}
  behaviour: {{deployment/server: {{serviceTime: {{kind: exponential, mean: 20ms}}, concurrency: {concurrency}}}}}
  traffic:
    - {{name: load, from: deployment/client, to: 'service/server:80', arrivals: {arrivals}}}
{}{}",
        application("server", 2),
        application("client", 3)
    ))
}

/// A form with a metric lies inside the 99.9 % interval of twelve runs; the nodes here are all as far as can be.
fn check(scenario: &scenarios::Scenario, quantity: &str) {
    let forms = closed_forms(&scenario.arms[0].model);
    let found = forms.iter().find(|form| form.quantity == quantity).unwrap_or_else(|| panic!("{quantity}: {forms:?}"));
    let ClosedForm { form, metric: Some(name), low, high, unit, .. } = found else { panic!("{found:?}") };
    let header = TraceHeader::new(&scenario.arms[0].model, "twin", "", "service");
    let values = lab::over_seeds(
        scenario,
        "service",
        1..=12,
        || Metrics::new(&header),
        |metrics| {
            let selector = Selector { traffic: Some("load"), ..Selector::default() };
            metric(name).unwrap().value(&metrics.finish(), selector).unwrap()
        },
    );
    // Users that are far away ask less often, and wait less.
    let far = if *unit == "count" { *low } else { high.unwrap_or(*low) };
    lab::check_mean(&format!("{form}: {quantity}"), unit, &values, far);
}

#[test]
fn random_picks_make_a_station_of_every_pod() {
    check(&scenario(1, "{kind: poisson, rate: 70/s}"), "mean latency");
    check(&scenario(3, "{kind: poisson, rate: 200/s}"), "mean latency");
}

#[test]
fn users_that_think_follow_mean_value_analysis() {
    for concurrency in [1, 2] {
        let scenario = scenario(concurrency, "{kind: closed-loop, users: 24, think: {kind: exponential, mean: 200ms}}");
        check(&scenario, "mean latency");
        check(&scenario, "ok requests");
    }
}
