//! The order of simultaneous events of different entities, which law 3 leaves open, moves no metric; the order of those of
//! one entity, which it states, does.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support {
    #[allow(dead_code, reason = "shared with tests that use all of it")]
    pub(crate) mod engine;
    #[allow(dead_code, reason = "shared with tests that use all of it")]
    pub(crate) mod process;
}

use podwire::experiment::Unit;
use podwire::ties::{Shuffled, shuffle};
use scenarios::Scenario;
use sim_core::world::Kept;
use support::engine::{library, load};
use support::process::podwire;

fn shuffled(scenario: &Scenario, arm: usize, shuffles: u64, kept: Kept) -> Shuffled {
    shuffle(&Unit { scenario, arm: &scenario.arms[arm] }, shuffles, kept)
}

/// Clients on two nodes ask in step, over links that take their time, for a server with one worker.
const IN_STEP: &str = "
apiVersion: podwire/v1
kind: Scenario
metadata: {name: in-step}
spec:
  duration: 2s
  include: [kubernetes/web.yaml, kubernetes/curl.yaml]
  arms: [service, docker-static]
  topology: {nodes: {count: 4}, links: {latency: 50us, bandwidth: 100Mbps}}
  replicas: {deployment/web: 2, deployment/curl: 2}
  placement: {deployment/web: [node-1, node-2], deployment/curl: [node-3, node-4]}
  behaviour: {deployment/web: {serviceTime: {kind: exponential, mean: 2ms}, concurrency: 1}}
  traffic:
    - {name: odd, from: deployment/curl, to: service/web:80, arrivals: {kind: constant, rate: 100/s}}
    - {name: even, from: deployment/curl, to: service/web:80, arrivals: {kind: constant, rate: 100/s}}
    - {name: steady, from: deployment/curl, to: service/web:80, arrivals: {kind: constant, rate: 50/s}}
";

#[test]
fn the_order_that_is_left_open_moves_no_metric() {
    let scenario = load(IN_STEP, &[]);
    for arm in 0..scenario.arms.len() {
        let shuffled = shuffled(&scenario, arm, 4, Kept::Entities);
        assert!(shuffled.culprit.is_none(), "{shuffled:?}");
        assert!(shuffled.choices > 100 && shuffled.overtakings * 4 > shuffled.choices, "{shuffled:?}");
    }
}

#[test]
fn the_order_that_is_stated_does_and_the_two_events_are_found() {
    let scenario = load(IN_STEP, &[]);
    let culprit =
        shuffled(&scenario, 0, 4, Kept::Nothing).culprit.expect("requests that meet at a server are served in turn");
    let (first, second) = (&culprit.events.first, &culprit.events.second);
    assert!(first.entity.is_some() && first.entity == second.entity, "{culprit:?}");
    assert_ne!(first.what, second.what, "{culprit:?}");
    assert_ne!(culprit.moved.values[0], culprit.moved.values[1]);
}

/// Scenarios of the library with many ties that are short to play.
const WITH_TIES: [&str; 5] = ["every-balancer", "failover-in-3s", "local-policy", "rr-herding", "zone-loss"];

#[test]
fn library_scenarios_hold_in_every_order() {
    for name in WITH_TIES {
        let text = std::fs::read_to_string(library().join(format!("{name}.yaml"))).unwrap();
        let scenario = load(&text, &[]);
        let mut overtakings = 0;
        for (number, arm) in scenario.arms.iter().enumerate() {
            let shuffled = shuffled(&scenario, number, 2, Kept::Entities);
            assert!(shuffled.culprit.is_none(), "{name}, {}: {shuffled:?}", arm.name);
            overtakings += shuffled.overtakings;
        }
        assert!(overtakings > 100, "{name}: {overtakings} overtakings");
    }
}

#[test]
fn verify_shuffles_ties_and_says_how_many_there_were() {
    let file = "scenarios/library/every-balancer.yaml";
    let out = podwire(&["verify", "--quiet", "--shuffle-ties", "3", "--set", "duration=2s", file]).ok();
    let lines: Vec<&str> = out.lines().collect();
    assert!(!lines.is_empty() && lines.len().is_multiple_of(2), "{out}");
    for (arm, shuffled) in lines.chunks(2).map(|pair| (pair[0], pair[1])) {
        assert!(arm.ends_with("  reproducible"), "{arm}");
        let said = shuffled.strip_prefix("  3 shuffles moved no metric: ").unwrap_or_else(|| panic!("{shuffled}"));
        let (choices, rest) = said.split_once(" choices between entities, ").unwrap();
        let overtakings = rest.strip_suffix(" overtakings").unwrap();
        let [choices, overtakings] = [choices, overtakings].map(|number| number.parse::<u64>().unwrap());
        assert!(0 < overtakings && overtakings < choices, "{shuffled}");
    }
    assert_eq!(podwire(&["verify", "--shuffle-ties", "0", file]).code, 2);
}
