//! kube-proxy in ipvs mode (C.5, balancing.md section 1), against what its kernel and its proxier are known to do.

use std::collections::BTreeMap;
use std::net::IpAddr;

use sim_core::model::settings::IpvsScheduler;
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record};

use crate::lab::{outcomes, run, run_manifest, times};

/// Servers on node-1, whose pods have 10.244.1.2 and up, and a client on node-2.
fn scenario(proxy: &str, replicas: u32, traffic: &str, more: &str) -> String {
    format!(
        "
  duration: 5m
  topology: {{nodes: {{count: 2}}}}
  replicas: {{deployment/my-nginx: {replicas}}}
  placement: {{deployment/my-nginx: {:?}, deployment/curl: [node-2]}}
  cluster: {{kubeProxy: {{{proxy}}}}}
  traffic: [{{name: t, from: deployment/curl, to: 'service/my-nginx:80', {traffic}}}]\n{more}",
        vec!["node-1"; replicas as usize]
    )
}

/// The last octets of the pods that connections went to, in the order of their opening.
fn targets(records: &[Record]) -> Vec<u8> {
    let mut addresses = BTreeMap::new();
    let mut found = Vec::new();
    for record in records {
        match record.body {
            Body::AddressAssigned { pod, address: IpAddr::V4(address) } => {
                addresses.insert(pod, address.octets()[3]);
            }
            Body::ConnectionOpened { pod: Some(pod), .. } => found.push(addresses[&pod]),
            _ => {}
        }
    }
    found
}

const EACH_3S: &str = "arrivals: {kind: constant, rate: 20/m}, start: 7s, stop: 31s";

#[test]
fn rr_goes_down_the_list_from_the_newest() {
    let records = run("service", &scenario("mode: ipvs", 3, EACH_3S, ""));
    assert_eq!(targets(&records), [4, 3, 2, 4, 3, 2, 4]);
    assert!(outcomes(&records).iter().all(|(outcome, _)| *outcome == Outcome::Ok));
}

#[test]
fn lc_fills_up_the_one_with_fewest_connections() {
    // Requests of 100 s, one every 3 s: each pod has as many as the others before one has more.
    let slow = "  behaviour: {deployment/my-nginx: {serviceTime: {kind: constant, value: 100s}}}\n";
    let records = run("service", &scenario("mode: ipvs, ipvs: {scheduler: lc}", 3, EACH_3S, slow));
    let mut first = targets(&records);
    first.truncate(6);
    assert_eq!(first[0], 4, "ties go to the newest");
    first[..3].sort_unstable();
    first[3..].sort_unstable();
    assert_eq!(first, [2, 3, 4, 2, 3, 4]);
}

#[test]
fn every_scheduler_of_the_kernel_leads_connections_to_where_its_rule_says() {
    // Each connection is closed before the next one; a virtual server remembers all of them as inactive.
    let in_turn = [4, 3, 2, 4, 3, 2, 4];
    for scheduler in IpvsScheduler::names() {
        let records =
            run("service", &scenario(&format!("mode: ipvs, ipvs: {{scheduler: {scheduler}}}"), 3, EACH_3S, ""));
        assert!(outcomes(&records).iter().all(|(outcome, _)| *outcome == Outcome::Ok), "{scheduler}");
        let found = targets(&records);
        match scheduler {
            "rr" | "wrr" | "lc" | "wlc" => assert_eq!(found, in_turn, "{scheduler}"),
            // Nobody has an active connection, and the newest is the first of equals.
            "sed" | "nq" | "fo" | "ovf" | "lblc" | "lblcr" => assert_eq!(found, [4; 7], "{scheduler}"),
            // One client and one address dialled.
            "sh" | "dh" | "mh" => assert_eq!(found, [found[0]; 7], "{scheduler}"),
            _ => assert_eq!((scheduler, found.len()), ("twos", 7)),
        }
    }
}

#[test]
fn ovf_refuses_a_connection_when_all_endpoints_are_over() {
    // Weight 1 takes two established connections; the requests take 100 s.
    let slow = "  behaviour: {deployment/my-nginx: {serviceTime: {kind: constant, value: 100s}}}\n";
    let records = run("service", &scenario("mode: ipvs, ipvs: {scheduler: ovf}", 2, EACH_3S, slow));
    assert_eq!(targets(&records), [3, 3, 2, 2]);
    let refused = outcomes(&records).iter().filter(|it| **it == (Outcome::ConnectionRefused, 0)).count();
    assert_eq!(refused, 3);
}

#[test]
fn a_connection_from_a_remembered_port_follows_the_old_one_before_linux_5_9() {
    // One local port, which is free again after 1 s; virtual servers remember it for 120 s after each close.
    let port = "  transport: {ip_local_port_range: 40000-40000, timeWait: 1s}\n";
    let records = run("service", &scenario("mode: ipvs, ipvs: {conn_reuse_mode: 0}", 2, EACH_3S, port));
    assert_eq!(targets(&records), [3, 3, 3, 3, 3, 3, 3]);
    let records = run("service", &scenario("mode: ipvs", 2, EACH_3S, port));
    assert_eq!(targets(&records), [3, 2, 3, 2, 3, 2, 3]);
}

#[test]
fn new_connections_go_on_to_a_dead_pod_by_their_port() {
    // The pod of the first connection is gone at 20 s; the slices and rules follow within 60 ms. In mode 0 the node that
    // remembers the port leads the next connections to it all the same: nobody has the address, 3 s.
    let killed = "  transport: {ip_local_port_range: 40000-40000, timeWait: 1s}
  faults: [{name: kill, at: 20s, kind: pod-kill, pod: {of: deployment/my-nginx, index: 1}}]\n";
    let ends = |mode: &str| -> Vec<Outcome> {
        let records =
            run("service", &scenario(&format!("mode: ipvs, ipvs: {{conn_reuse_mode: {mode}}}"), 2, EACH_3S, killed));
        outcomes(&records).into_iter().map(|(outcome, _)| outcome).collect()
    };
    // Arrivals at 10, 13, 16, 19 s and at 22, 25, 28 s. At 25 s the port is taken: the connect of 22 s ends at 25 s.
    let old = ends("0");
    assert_eq!(old[..4], [Outcome::Ok; 4]);
    assert_eq!(old[4], Outcome::HostUnreachable);
    assert!(!old[5..].contains(&Outcome::Ok), "{old:?}");
    assert!(ends("1").iter().all(|outcome| *outcome == Outcome::Ok));
}

#[test]
fn a_kept_connection_is_forgotten_after_its_silence() {
    // A request a minute on one connection; virtual servers forget it after 30 s without a packet, iptables does not.
    let kept = "arrivals: {kind: constant, rate: 1/m}, start: 0s, stop: 181s, connections: {pool: 1}";
    let ends = |proxy: &str| -> Vec<(Outcome, u64)> { outcomes(&run("service", &scenario(proxy, 1, kept, ""))) };
    // The first connection is reset by the client's own node, which has the address; so is every other request.
    let forgotten = ends("mode: ipvs, ipvs: {tcpTimeout: 30s}");
    let words: Vec<Outcome> = forgotten.iter().map(|(outcome, _)| *outcome).collect();
    assert_eq!(words, [Outcome::Ok, Outcome::ConnectionReset, Outcome::Ok]);
    assert_eq!(forgotten[1].1, 0, "at once");
    for remembers in ["mode: ipvs", "mode: iptables"] {
        assert!(ends(remembers).iter().all(|(outcome, _)| *outcome == Outcome::Ok), "{remembers}");
    }
}

#[test]
fn a_policy_without_a_local_endpoint_refuses_where_iptables_drops() {
    let near = "---\napiVersion: v1\nkind: Service\nmetadata: {name: near}\n\
                spec: {selector: {app: web}, ports: [{port: 80}], internalTrafficPolicy: Local}\n";
    let rest = |mode: &str| {
        format!(
            "
  duration: 5m
  topology: {{nodes: {{count: 2}}}}
  replicas: {{deployment/web: 1}}
  placement: {{deployment/web: [node-1], deployment/curl: [node-2]}}
  cluster: {{kubeProxy: {{mode: {mode}}}}}
  traffic:
    - {{name: t, from: deployment/curl, to: 'service/near:80', arrivals: {{kind: constant, rate: 1/s}}, start: 9s, stop: 11s}}
{near}"
        )
    };
    assert_eq!(outcomes(&run_manifest("web.yaml", "service", &rest("ipvs"))), [(Outcome::ConnectionRefused, 0)]);
    assert_eq!(outcomes(&run_manifest("web.yaml", "service", &rest("iptables"))), [(Outcome::TimedOut, 131_000)]);
}

#[test]
fn no_endpoint_at_all_is_refused() {
    let records = run(
        "service",
        &scenario(
            "mode: ipvs",
            1,
            EACH_3S,
            "  faults: [{name: kill, at: 1s, kind: container-kill, for: 60s, pod: {of: deployment/my-nginx}}]\n",
        ),
    );
    assert!(outcomes(&records).iter().all(|it| *it == (Outcome::ConnectionRefused, 0)));
}

#[test]
fn syncs_have_no_least_distance() {
    // Two pods go 100 ms apart. With minSyncPeriod 1 s the second change stands in the rules 1 s after the first.
    let faults = "  faults:
    - {name: one, at: 60s, kind: pod-kill, pod: {of: deployment/my-nginx, index: 0}}
    - {name: two, at: 60100ms, kind: pod-kill, pod: {of: deployment/my-nginx, index: 1}}\n";
    let synced = |proxy: &str| -> Vec<u64> {
        let all = times(&run("service", &scenario(proxy, 3, EACH_3S, faults)), "proxy-synced");
        all.into_iter().filter(|at| *at > 60_000).collect()
    };
    let (ipvs, iptables) = (synced("mode: ipvs"), synced("mode: iptables"));
    // 10 ms of the controller and 1 ms to 50 ms of the watch.
    assert!((60_011..=60_060).contains(&ipvs[0]) && (60_111..=60_160).contains(&ipvs[1]), "{ipvs:?}");
    assert_eq!(iptables[1], iptables[0] + 1_000);
}
