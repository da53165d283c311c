//! User-defined networks of one Docker host and their names (A1, A18, A28, A29).

use std::net::IpAddr;

use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record};

use crate::lab::{outcomes, run_manifest, times};

const ARM: &str = "{name: names, preset: docker-static, discovery: embedded-dns}";

/// From `front` to `to` every ten seconds; all on one host but what `more` says.
fn asked(arm: &str, to: &str, more: &str) -> Vec<Record> {
    let spec = format!(
        "  duration: 20m
  topology: {{nodes: {{count: 2}}}}
  placement: {{deployment/curl: [node-1]}}
  traffic: [{{name: t, from: deployment/front, to: '{to}', arrivals: {{kind: constant, rate: 1/10s}}}}]
{more}\n"
    );
    run_manifest("networks.compose.yaml", arm, &spec)
}

fn dialled(records: &[Record]) -> Vec<(IpAddr, u16)> {
    let opened = records.iter().filter_map(|record| match record.body {
        Body::ConnectionOpened { address, port, .. } => Some((address, port)),
        _ => None,
    });
    opened.collect()
}

#[test]
fn networks_take_dockers_pools_in_order_and_containers_an_address_in_each() {
    let records = asked(ARM, "service/api:80", "");
    let addresses = records.iter().filter_map(|record| match record.body {
        Body::AddressAssigned { address, .. } => Some(address.to_string()),
        _ => None,
    });
    // back is the first network that is needed, then outer and secret; curl is no compose service and stays on docker0.
    let expected = ["172.18.0.2", "172.19.0.2", "172.18.0.3", "172.20.0.2", "172.17.0.2"];
    assert_eq!(addresses.collect::<Vec<_>>(), expected);
}

#[test]
fn names_lead_to_the_containers_own_address_for_ten_minutes() {
    // Asked at 10 s, answered 1 ms later, kept for 600 s (A29): the request at 620 s is the first that asks again.
    let api: (IpAddr, u16) = (IpAddr::from([172, 18, 0, 2]), 80);
    for to in ["service/api:80", "dns/api:80", "dns/backend:80"] {
        let records = asked(ARM, to, "");
        assert_eq!(times(&records, "name-resolved"), [10_001, 620_001], "{to}");
        // 119 requests before 1200 s; its failing HEALTHCHECK keeps none of them away (A28).
        assert_eq!(dialled(&records), [api; 119], "{to}");
        assert!(outcomes(&records).iter().all(|(outcome, _)| *outcome == Outcome::Ok), "{to}");
    }
}

#[test]
fn other_networks_have_no_names_for_each_other() {
    let records = asked(ARM, "service/vault:80", "");
    assert_eq!(dialled(&records), []);
    assert!(outcomes(&records).iter().all(|(outcome, _)| *outcome == Outcome::DnsError));
}

#[test]
fn a_killed_daemon_answers_no_name() {
    // The answer of 10 s is used until 610 s. From 300 s on nobody answers: the request at 620 s asks twice, 5 s each.
    let fault = "  faults: [{name: killed, at: 300s, kind: docker-daemon-kill, node: node-1}]";
    let ended = outcomes(&asked(ARM, "service/api:80", fault));
    assert!(ended[..61].iter().all(|(outcome, _)| *outcome == Outcome::Ok));
    assert_eq!(ended[61..63], [(Outcome::DnsError, 10_000); 2]);
}

#[test]
fn without_names_clients_dial_what_is_published() {
    let records = asked("docker-static", "service/api:80", "");
    assert_eq!(dialled(&records)[0], (IpAddr::from([192, 168, 0, 11]), 32_768));
    assert!(outcomes(&records).iter().all(|(outcome, _)| *outcome == Outcome::Ok));
}
