//! Faults of the control plane and of the registry: what nobody hears, what does not heal, and what comes afterwards.

use sim_core::trace::words::{DeleteReason, Outcome};
use sim_core::trace::{Body, Level, Record};

use crate::faults::assert_rooted;
use crate::lab::{count, outcomes, records_of, run, said, times, world_of};

/// Two servers and a client on three nodes, ten requests a second, and these faults.
fn cluster(arm: &str, duration: &str, faults: &str) -> Vec<Record> {
    let rest = format!(
        "  duration: {duration}
  topology: {{nodes: {{count: 3}}}}
  placement: {{deployment/my-nginx: [node-1, node-2], deployment/curl: [node-3]}}
  traffic:
    - {{name: curl, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {{kind: constant, rate: 10/s}},
       connectTimeout: 1s}}
  faults: [{faults}]\n"
    );
    run(arm, &rest)
}

fn all_ok(records: &[Record]) -> bool {
    outcomes(records).iter().all(|(outcome, _)| *outcome == Outcome::Ok)
}

#[test]
fn a_node_without_control_plane_serves_on_and_counts_as_lost() {
    let faults = "{name: cut, at: 60s, for: 100s, kind: control-plane-partition, node: node-1},
                  {name: within, at: 70s, for: 10s, kind: control-plane-partition, node: node-1}";
    let records = cluster("service", "4m", faults);
    assert!(all_ok(&records));
    // D6, D7: a false NotReady takes the pod out of the slices though it serves.
    let lost = times(&records, "node-not-ready");
    assert!(lost.len() == 1 && (100_000..=115_100).contains(&lost[0]), "{lost:?}");
    assert_eq!(times(&records, "endpoint-removed"), [lost[0] + 10]);
    let back = times(&records, "node-ready")[0];
    assert!((160_000..=165_100).contains(&back), "{back}");
    assert_eq!(times(&records, "endpoint-added").last(), Some(&(back + 10)));
    assert_eq!((count(&records, "control-plane-lost"), times(&records, "control-plane-found")), (2, vec![160_000]));
    assert_eq!((count(&records, "node-down"), count(&records, "pod-deleted")), (0, 0));
    assert_rooted(&records);
}

#[test]
fn after_the_toleration_a_serving_pod_is_replaced_and_removed_when_its_node_is_back() {
    let faults = "{name: cut, at: 60s, for: 10m, kind: control-plane-partition, node: {hosting: deployment/my-nginx}}";
    let records = cluster("service", "13m", faults);
    assert!(all_ok(&records));
    let tainted = times(&records, "node-tainted")[0];
    let deleted: Vec<(u64, DeleteReason)> = records
        .iter()
        .filter_map(|record| match record.body {
            Body::PodDeleted { reason, .. } => Some((record.time.as_nanos() / 1_000_000, reason)),
            _ => None,
        })
        .collect();
    // D10, D11: 300 s after the taint; D12: the object stays until its kubelet is heard again.
    assert_eq!(deleted[0], (tainted + 300_000, DeleteReason::TaintEviction));
    let gone = times(&records, "pod-gone");
    assert!(!gone.is_empty() && gone.iter().all(|at| (660_000..=665_100).contains(at)), "{gone:?}");
}

#[test]
fn nobody_is_evicted_because_the_api_server_was_away() {
    let records = cluster("service", "20m", "{name: api, at: 60s, for: 10m, kind: api-outage}");
    assert!(all_ok(&records));
    for kind in ["node-not-ready", "node-tainted", "pod-deleted", "endpoint-removed"] {
        assert_eq!(count(&records, kind), 0, "{kind}");
    }
}

#[test]
fn nothing_heals_while_the_api_server_is_away() {
    // node-1 dies 10 s into an outage of 5 min; a second outage within ends before.
    let faults = "{name: api, at: 60s, for: 5m, kind: api-outage},
                  {name: within, at: 80s, for: 1m, kind: api-outage},
                  {name: dead, at: 70s, kind: node-crash, node: node-1},
                  {name: kill, at: 90s, kind: pod-kill, pod: {of: deployment/curl}}";
    let records = cluster("service", "10m", faults);
    // The controller manager has lost its leader lease: its clocks start at its first pass after 360 s, and the first pass
    // beyond the grace of 50 s is the eleventh after that one (D5).
    let lost = times(&records, "node-not-ready");
    assert!(lost.len() == 1 && (360_000 + 50_000..=360_000 + 60_100).contains(&lost[0]), "{lost:?}");
    assert_eq!(times(&records, "endpoint-removed"), [lost[0] + 10]);
    // The client's pod is made again when its controller reaches the API.
    let made = *times(&records, "pod-created").last().unwrap();
    assert_eq!(made, 360_000);
    let why = records.iter().find(|record| record.body.kind() == "node-not-ready").unwrap();
    assert_eq!(said(&records, why.cause).kind(), "node-down");
    assert_rooted(&records);
}

#[test]
fn a_short_outage_of_the_api_server_resets_no_clock() {
    // Below the renew deadline of 10 s the controller manager stays leader: D6 from the crash on.
    let dead = "{name: dead, at: 60s, kind: node-crash, node: node-1}";
    let plain = times(&cluster("service", "3m", dead), "node-not-ready");
    let short = format!("{dead}, {{name: api, at: 80s, for: 5s, kind: api-outage}}");
    assert_eq!(times(&cluster("service", "3m", &short), "node-not-ready"), plain);
    // One that covers the pass delays it to the first pass afterwards.
    let at = plain[0] / 1_000 - 2;
    let covering = format!("{dead}, {{name: api, at: {at}s, for: 8s, kind: api-outage}}");
    let late = times(&cluster("service", "3m", &covering), "node-not-ready");
    assert!(late.len() == 1 && ((at + 8) * 1_000..=(at + 8) * 1_000 + 5_002).contains(&late[0]), "{late:?}");
}

#[test]
fn an_action_waits_for_the_api_server() {
    let rest = "  duration: 3m
  topology: {nodes: {count: 3}}
  traffic:
    - {name: curl, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {kind: constant, rate: 1/s}}
  faults: [{name: api, at: 60s, for: 30s, kind: api-outage}]
  actions: [{name: more, at: 70s, kind: scale, workload: deployment/my-nginx, replicas: 3}]\n";
    let records = run("service", rest);
    assert_eq!(times(&records, "action-started"), [90_000]);
    assert_eq!(count(&records, "action-completed"), 1);
}

#[test]
fn a_registry_that_is_away_takes_nobody_out() {
    let dead = "{name: dead, at: 60s, kind: node-crash, node: node-1}";
    let plain = times(&cluster("docker-registry", "5m", dead), "check-failed");
    assert!(plain.len() == 1 && plain[0] < 95_000, "{plain:?}");
    let faults = format!(
        "{dead}, {{name: away, at: 50s, for: 100s, kind: registry-outage}},
         {{name: within, at: 60s, for: 10s, kind: registry-outage}}"
    );
    let records = cluster("docker-registry", "5m", &faults);
    // Three failed checks of 10 s, counted from the end of the outage: the third starts 20 s to 30 s after it.
    let failed = times(&records, "check-failed");
    assert!(failed.len() == 1 && (170_000..=181_000).contains(&failed[0]), "{failed:?}");
    let wrong = outcomes(&records).iter().filter(|(outcome, _)| *outcome != Outcome::Ok).count();
    assert!((500..=650).contains(&wrong), "{wrong}");
    assert_rooted(&records);
}

#[test]
fn who_starts_while_the_registry_is_away_registers_afterwards() {
    let faults = "{name: away, at: 50s, for: 60s, kind: registry-outage},
                  {name: kill, at: 60s, kind: container-kill, pod: {of: deployment/my-nginx}}";
    let records = cluster("docker-registry", "3m", faults);
    let added: Vec<u64> = times(&records, "registry-added").into_iter().filter(|at| *at > 0).collect();
    assert_eq!(added, [110_000]);
    assert_rooted(&records);
}

#[test]
fn a_hanging_docker_host_fails_its_checks() {
    let records = cluster("docker-registry", "4m", "{name: hang, at: 60s, for: 100s, kind: node-hang, node: node-1}");
    // A30 checks: three that time out after a second.
    let failed = times(&records, "check-failed");
    assert!(failed.len() == 1 && (81_000..=91_000).contains(&failed[0]), "{failed:?}");
    let added: Vec<u64> = times(&records, "registry-added").into_iter().filter(|at| *at > 0).collect();
    assert_eq!(added, [160_000]);
    assert_rooted(&records);
}

/// Where more than a thousand nodes serve clients, none tells what its rules hold, and each is only asked when it matters.
#[test]
fn a_node_that_is_cut_off_has_heard_what_was_said_before_though_nobody_asked_it() {
    let rest = "
  duration: 75s
  topology: {nodes: {count: 1005}}
  cluster: {clusterCIDR: 10.0.0.0/11}
  placement: {deployment/my-nginx: [node-1, node-2], deployment/curl: [node-3]}
  traffic:
    - {name: asks, from: daemonset/asker, to: 'service/my-nginx:80', arrivals: {kind: constant, rate: 1000/s}, start: 70s,
       stop: 72s, connectTimeout: 1s}
  actions: [{name: new-addresses, at: 10s, kind: rollout-restart, workload: deployment/my-nginx}]
  faults: [{name: cut, at: 60s, kind: control-plane-partition, node: node-1000}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: asker}
spec:
  selector: {matchLabels: {app: asker}}
  template:
    metadata: {labels: {app: asker}}
    spec: {containers: [{name: asker}]}
";
    let records =
        records_of(&world_of(&["run-my-nginx.yaml", "nginx-svc.yaml", "curl.yaml"], "service", rest, Level::Request));
    assert_eq!((count(&records, "control-plane-lost"), outcomes(&records).len()), (1, 1_999));
    assert!(times(&records, "endpoint-removed").iter().all(|at| (10_000..50_000).contains(at)));
    assert!(all_ok(&records));
}
