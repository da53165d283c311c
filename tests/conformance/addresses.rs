//! Pod addresses that come back (B3, B4), and what many Services cost (linux-kernel section 8, F).

use sim_core::trace::words::{Outcome, SegmentKind};
use sim_core::trace::{Body, Record};

use crate::lab::{outcomes, run, run_manifest, seconds_of, times};

/// The outcome of one request to a pod's address, 5 s after the pod was replaced on its node.
fn after_replacement(cluster: &str, kills: &[u32]) -> (Outcome, u64) {
    let faults: Vec<String> = kills
        .iter()
        .map(|second| {
            format!("{{name: k{second}, at: {second}s, kind: pod-kill, pod: {{of: deployment/my-nginx, index: 0}}}}")
        })
        .collect();
    let rest = format!(
        "
  duration: 2m
  topology: {{nodes: {{count: 2}}}}
  replicas: {{deployment/my-nginx: 1}}
  placement: {{deployment/my-nginx: [node-1], deployment/curl: [node-2]}}
  cluster: {{{cluster}}}
  actions: [{{name: full, at: 1s, kind: cordon, node: node-2}}]
  faults: [{}]
  traffic: [{{name: t, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {{kind: constant, rate: 1/m}}, stop: 61s}}]\n",
        faults.join(", ")
    );
    outcomes(&run("pod-ip-direct", &rest))[0]
}

#[test]
fn host_local_goes_on_and_the_lowest_free_address_comes_back_at_once() {
    // The client dials 10.244.1.2, which was the pod's; the next one has .3 (host-local) or .2.
    assert_eq!(after_replacement("ipam: host-local", &[55]), (Outcome::HostUnreachable, 3_000));
    assert_eq!(after_replacement("ipam: lowest-free", &[55]).0, Outcome::Ok);
}

#[test]
fn host_local_comes_round_when_the_range_is_through() {
    // A /29 has five addresses for pods, .2 to .6: four replacements have .3 to .6, the fifth has .2 again.
    let small = "ipam: host-local, nodeCIDRMaskSize: 29";
    assert_eq!(after_replacement(small, &[10, 20, 30, 40]), (Outcome::HostUnreachable, 3_000));
    assert_eq!(after_replacement(small, &[10, 20, 30, 40, 50]).0, Outcome::Ok);
}

#[test]
fn a_syn_to_a_reused_address_reaches_whoever_has_it() {
    // my-nginx leaves 10.244.1.2 for node-2, and `web`, which has no pod before, gets it. The client dials the address.
    let rest = |port: u16| {
        format!(
            "
  duration: 2m
  topology: {{nodes: {{count: 2}}}}
  replicas: {{deployment/my-nginx: 1, deployment/web: 0}}
  placement: {{deployment/my-nginx: [node-1], deployment/curl: [node-2]}}
  cluster: {{ipam: lowest-free}}
  actions:
    - {{name: closed, at: 1s, kind: cordon, node: node-1}}
    - {{name: open, at: 20s, kind: uncordon, node: node-1}}
    - {{name: full, at: 20s, kind: cordon, node: node-2}}
    - {{name: web, at: 30s, kind: scale, workload: deployment/web, replicas: 1}}
  faults: [{{name: kill, at: 10s, kind: pod-kill, pod: {{of: deployment/my-nginx, index: 0}}}}]
  traffic: [{{name: t, from: deployment/curl, to: 'service/my-nginx:{port}', arrivals: {{kind: constant, rate: 1/m}}, stop: 61s}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: my-nginx}}
spec:
  selector: {{matchLabels: {{app: nginx}}}}
  template: {{metadata: {{labels: {{app: nginx}}}}, spec: {{containers: [{{name: c, ports: [{{containerPort: 80}}, {{containerPort: 81}}]}}]}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: my-nginx}}
spec: {{selector: {{app: nginx}}, ports: [{{name: a, port: 80}}, {{name: b, port: 81}}]}}
"
        )
    };
    let ends = |port| outcomes(&run_manifest("web.yaml", "pod-ip-direct", &rest(port)))[0];
    assert_eq!(ends(80).0, Outcome::WrongService);
    // `web` does not listen on 81.
    assert_eq!(ends(81), (Outcome::ConnectionRefused, 0));
}

#[test]
fn a_pod_chosen_for_itself_hears_nothing_without_hairpin() {
    let rest = |mode: &str| {
        format!(
            "
  duration: 5m
  topology: {{nodes: {{count: 1}}}}
  replicas: {{deployment/my-nginx: 1}}
  cluster: {{hairpinMode: {mode}}}
  traffic: [{{name: t, from: deployment/my-nginx, to: 'service/my-nginx:80', arrivals: {{kind: constant, rate: 1/s}}, stop: 2s}}]\n"
        )
    };
    for mode in ["promiscuous-bridge", "hairpin-veth"] {
        assert_eq!(outcomes(&run("service", &rest(mode)))[0].0, Outcome::Ok, "{mode}");
    }
    let records = run("service", &rest("none"));
    assert_eq!(outcomes(&records), [(Outcome::TimedOut, 131_000)]);
    assert_eq!(seconds_of(&records, SegmentKind::Syn, 0), [0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67]);
}

/// How long each request took, in nanoseconds: one client on node-2, one server on `node`, 20 000 Service ports in all.
fn lengths(arm: &str, node: &str, proxy: &str, more: &str) -> Vec<u64> {
    let rest = format!(
        "
  duration: 1m
  topology: {{nodes: {{count: 2}}}}
  replicas: {{deployment/my-nginx: 1}}
  placement: {{deployment/my-nginx: [{node}], deployment/curl: [node-2]}}
  cluster: {{kubeProxy: {{otherServices: 19999, {proxy}}}}}
  traffic: [{{name: t, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {{kind: constant, rate: 1/s}}, stop: 5s{more}}}]\n"
    );
    let records = run(arm, &rest);
    let mut arrived = std::collections::BTreeMap::new();
    let mut lengths = Vec::new();
    for Record { time, body, .. } in &records {
        match body {
            Body::RequestArrived { number, .. } => {
                arrived.insert(*number, *time);
            }
            Body::RequestEnded { number, outcome: Outcome::Ok, .. } => {
                lengths.push(time.since(arrived[number]).as_nanos());
            }
            _ => {}
        }
    }
    lengths
}

/// The same, as what `proxy` costs beyond rules that take no time.
fn costs(arm: &str, node: &str, proxy: &str, more: &str) -> Vec<u64> {
    let plain = lengths(arm, node, "mode: iptables", more);
    let felt = lengths(arm, node, proxy, more);
    assert_eq!(felt.len(), plain.len());
    felt.iter().zip(&plain).map(|(felt, plain)| felt - plain).collect()
}

#[test]
fn a_first_packet_walks_past_every_service_on_every_node() {
    // 20 000 rules of 19 ns are 380 us on each of two nodes, of 4.5 ns 90 us.
    let nft = "mode: iptables, firstPacketCost: measured";
    assert_eq!(costs("pod-ip-direct", "node-1", nft, ""), [760_000; 4]);
    assert_eq!(costs("pod-ip-direct", "node-2", nft, ""), [380_000; 4]);
    let legacy = "mode: iptables, firstPacketCost: measured, iptablesBackend: legacy";
    assert_eq!(costs("pod-ip-direct", "node-1", legacy, ""), [180_000; 4]);
    for mode in ["nftables", "ipvs"] {
        let proxy = format!("mode: {mode}, firstPacketCost: measured");
        assert_eq!(costs("service", "node-1", &proxy, ""), [0; 4], "{mode}");
    }
}

#[test]
fn a_services_own_rule_stands_anywhere_in_the_list_and_is_found_there_each_time() {
    let costs = costs("service", "node-1", "mode: iptables, firstPacketCost: measured", "");
    assert!((380_000..=760_000).contains(&costs[0]), "{costs:?}");
    assert!(costs.iter().all(|cost| *cost == costs[0]), "{costs:?}");
}

#[test]
fn only_the_first_packet_pays() {
    let kept = ", connections: {pool: 1}";
    let costs = costs("pod-ip-direct", "node-1", "mode: iptables, firstPacketCost: measured", kept);
    assert_eq!(costs, [760_000, 0, 0, 0]);
}

#[test]
fn a_sync_takes_what_was_published_for_so_many_services() {
    let synced = |mode: &str, services: u32| -> u64 {
        let rest = format!(
            "
  duration: 2m
  topology: {{nodes: {{count: 2}}}}
  replicas: {{deployment/my-nginx: 2}}
  placement: {{deployment/my-nginx: [node-1, node-1], deployment/curl: [node-2]}}
  cluster: {{kubeProxy: {{mode: {mode}, syncDuration: measured, otherServices: {}}}}}
  faults: [{{name: kill, at: 60s, kind: pod-kill, pod: {{of: deployment/my-nginx, index: 0}}}}]
  traffic: [{{name: t, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {{kind: constant, rate: 1/s}}}}]\n",
            services - 1
        );
        times(&run("service", &rest), "proxy-synced").into_iter().find(|at| *at > 60_000).unwrap()
    };
    // The controller takes 10 ms, the watch 1 ms to 50 ms; then 9.491 s and 0.97 ms for 10 000 Services.
    let iptables = synced("iptables", 10_000);
    assert!((69_502..=69_551).contains(&iptables), "{iptables}");
    let ipvs = synced("ipvs", 10_000);
    assert!((60_011..=60_061).contains(&ipvs), "{ipvs}");
}
