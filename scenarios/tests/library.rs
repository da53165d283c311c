//! The library scenarios load without a word, and mean what their comments say.

#![allow(clippy::unwrap_used)]

mod common;

use common::{METRICS, library, load_file};
use scenarios::Scenario;
use sim_core::model::application::HostPort;
use sim_core::model::settings::AddressModelKind;

fn scenario(name: &str) -> Scenario {
    let loaded = load_file(&library().join(name));
    let said = scenarios::render(&loaded.diagnostics, &loaded.sources, false);
    let Some(scenario) = loaded.scenario else { panic!("{name} does not load:\n{said}") };
    scenario
}

#[test]
fn every_library_scenario_loads_with_nothing_but_ignored_keys_to_say() {
    let mut count = 0;
    for entry in std::fs::read_dir(library()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        count += 1;
        let loaded = load_file(&path);
        let other: Vec<_> = loaded.diagnostics.iter().filter(|item| item.code != "W0101").collect();
        assert!(other.is_empty(), "{}", scenarios::render(&loaded.diagnostics, &loaded.sources, false));
        let scenario = loaded.scenario.unwrap();
        assert_eq!(path.file_stem().unwrap().to_str().unwrap(), scenario.name);
        assert!(!scenario.description.is_empty());
    }
    assert!(count >= 6, "{count} scenarios");
}

#[test]
fn node_death_is_the_tutorial_on_three_workers() {
    let scenario = scenario("nginx-node-death.yaml");
    let names: Vec<&str> = scenario.arms.iter().map(|arm| arm.name.as_str()).collect();
    assert_eq!(names, ["docker-static", "docker-registry", "pod-ip-direct", "service"]);
    let model = &scenario.arms[3].model;
    assert_eq!(model.address_model, AddressModelKind::FlatPodIp);
    let nodes: Vec<(&str, String)> =
        model.topology.nodes().iter().map(|node| (node.name.as_str(), node.address.to_string())).collect();
    let expected = [
        ("control-plane", "192.168.0.10"),
        ("node-1", "192.168.0.11"),
        ("node-2", "192.168.0.12"),
        ("node-3", "192.168.0.13"),
    ];
    assert_eq!(nodes, expected.map(|(name, address)| (name, address.to_owned())));
    assert_eq!(model.seed, 42);
    assert_eq!(model.duration.to_string(), "10m0s");
    assert_eq!(model.workloads[0].placement.iter().map(|node| node.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(model.service_ports[0].backends.len(), 1);
    assert_eq!(model.sources[0].call.response_bytes, 4_096);
    assert_eq!(model.faults[0].name, "lost-node");
    assert_eq!(scenario.expectations.len(), 2);
    assert_eq!(scenario.expectations[1].min, Some(35e9));
    assert!(METRICS.iter().any(|(name, _)| *name == scenario.expectations[1].metric));
}

#[test]
fn two_teams_publish_one_port() {
    let scenario = scenario("two-teams-one-port.yaml");
    let model = &scenario.arms[0].model;
    let fixed: Vec<HostPort> = model.workloads.iter().flat_map(|w| &w.publish).map(|p| p.host_port).collect();
    assert_eq!(fixed, [HostPort::Fixed(8_080), HostPort::Fixed(8_080)]);
    assert_eq!(model.workloads[0].placement, model.workloads[1].placement);
}

#[test]
fn a_crash_loop_has_one_replica_and_an_end() {
    let scenario = scenario("process-crash-loop.yaml");
    let model = &scenario.arms[0].model;
    assert_eq!(model.workloads[0].replicas, 1);
    assert_eq!(model.faults[0].length.unwrap().to_string(), "5s");
}

#[test]
fn a_compose_project_stands_on_one_host_in_every_arm() {
    let scenario = scenario("compose-shop.yaml");
    for arm in &scenario.arms {
        let placed: Vec<u32> = arm.model.workloads.iter().flat_map(|w| &w.placement).map(|node| node.0).collect();
        assert_eq!(placed, [1, 1, 1], "{}", arm.name);
        assert_eq!(arm.model.topology.nodes().last().unwrap().address.to_string(), "203.0.113.10");
    }
}
