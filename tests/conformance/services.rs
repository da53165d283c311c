//! Services that are deleted and made again under their clients.

use std::net::IpAddr;

use sim_core::trace::words::{Outcome, SegmentKind};
use sim_core::trace::{Body, Record};

use crate::lab::{count, outcomes, run_manifest, seconds_of, times};

fn scenario(from: &str, action: &str) -> String {
    format!(
        "
  duration: 30s
  topology: {{nodes: {{count: 3}}}}
  placement: {{deployment/curl: [node-3]}}
  behaviour: {{deployment/web: {{serviceTime: {{kind: constant, value: 2s}}}}}}
  traffic:
    - {{name: curl, from: {from}, to: 'service/web:80', arrivals: {{kind: constant, rate: 1/s}}, start: 7500ms, stop: 14s}}
  actions: [{{name: service, at: 10s, kind: {action}, service: web}}]\n"
    )
}

fn addresses(records: &[Record]) -> Vec<IpAddr> {
    let made = records.iter().filter_map(|record| match record.body {
        Body::ServiceCreated { cluster_ip, .. } => Some(cluster_ip),
        _ => None,
    });
    made.collect()
}

#[test]
fn a_deleted_services_name_means_nothing_and_its_connections_go_on() {
    let records = run_manifest("web.yaml", "service", &scenario("deployment/curl", "delete-service"));
    let ended: Vec<Outcome> = outcomes(&records).into_iter().map(|(outcome, _)| outcome).collect();
    // Requests at 8.5 s and 9.5 s are in service at 10 s and end well; those at 10.5 s to 13.5 s find no name.
    assert_eq!(ended, [vec![Outcome::Ok; 2], vec![Outcome::DnsError; 4]].concat());
    assert_eq!(count(&records, "endpoint-removed"), 4);
    // A readiness that changes later does not bring it back.
    assert_eq!(count(&records, "endpoint-added"), 4);
}

#[test]
fn a_node_port_is_closed_once_the_rules_of_its_node_follow() {
    let records = run_manifest("web.yaml", "service", &scenario("external", "delete-service"));
    let ended: Vec<Outcome> = outcomes(&records).into_iter().map(|(outcome, _)| outcome).collect();
    assert_eq!(ended, [vec![Outcome::Ok; 2], vec![Outcome::ConnectionRefused; 4]].concat());
}

#[test]
fn a_closed_node_port_resets_whoever_comes_however_many() {
    // ICMP errors have a limit of one a second, resets have none (linux-kernel section 3).
    let many = scenario("external", "delete-service").replace("rate: 1/s", "rate: 50/s");
    let records = run_manifest("web.yaml", "service", &many);
    let ended: Vec<Outcome> = outcomes(&records).into_iter().map(|(outcome, _)| outcome).collect();
    assert!(ended.len() > 150 && ended.last() == Some(&Outcome::ConnectionRefused), "{}", ended.len());
    assert!(ended.iter().all(|outcome| [Outcome::Ok, Outcome::ConnectionRefused].contains(outcome)));
}

#[test]
fn a_service_made_again_has_another_address_and_clients_that_ask_its_name_find_it() {
    let records = run_manifest("web.yaml", "service", &scenario("deployment/curl", "recreate-service"));
    let given = addresses(&records);
    assert!(given.len() == 2 && given[0] != given[1], "{given:?}");
    assert!(outcomes(&records).iter().all(|(outcome, _)| *outcome == Outcome::Ok));
    // Clients outside wrote the node port down, which is another one now.
    let records = run_manifest("web.yaml", "service", &scenario("external", "recreate-service"));
    let refused = outcomes(&records).into_iter().filter(|(outcome, _)| *outcome == Outcome::ConnectionRefused).count();
    assert_eq!(refused, 4);
}

#[test]
fn a_new_cluster_ip_without_a_rule_is_silence() {
    // kube-proxy is five seconds behind: the request at 10.5 s leaves for an address that its node does not know, and no
    // later rule helps a connection whose first packet has passed (C.3).
    let rest = scenario("deployment/curl", "recreate-service") + "  cluster: {kubeProxy: {syncDelay: 5s}}\n";
    let records = run_manifest("web.yaml", "service", &rest);
    assert_eq!(seconds_of(&records, SegmentKind::Syn, 2)[..7], [0, 1, 2, 3, 4, 5, 7]);
    let late = outcomes(&records);
    assert_eq!(late.len(), 2, "{late:?}");
    let caused = records.iter().filter(|record| record.cause == 0).map(|record| record.body.kind());
    assert!(caused.into_iter().all(|kind| ["plan-applied", "action-started", "request-arrived"].contains(&kind)));
}

#[test]
fn port_mapping_has_no_services_to_delete() {
    let records = run_manifest("web.yaml", "docker-static", &scenario("deployment/curl", "delete-service"));
    assert!(outcomes(&records).iter().all(|(outcome, _)| *outcome == Outcome::Ok));
    assert_eq!(times(&records, "action-completed"), [10_000]);
}
