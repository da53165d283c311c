//! Control loops: scheduling, zone disruption, silence, overlapping faults, restarts.

use sim_core::model::ids::NodeId;
use sim_core::trace::Body;
use sim_core::trace::words::Outcome;

use crate::lab::{ONE_SERVER, count, outcomes, run, times};

const TRAFFIC: &str = "
  traffic:
    - {name: curl, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {kind: constant, rate: 10/s},
       connectTimeout: 1s, timeout: 2s}
";
const THREE_NODES: &str = "
  topology: {nodes: {count: 3}}
  placement: {deployment/my-nginx: [node-1, node-2], deployment/curl: [node-3]}
";

#[test]
fn nothing_starts_on_a_dead_machine() {
    // node-3 is dead but still Ready to the scheduler when a replacement is bound to it.
    let rest = format!(
        "  duration: 3m
  topology: {{nodes: {{count: 3}}}}
  placement: {{deployment/my-nginx: [node-1, node-2], deployment/curl: [node-1]}}{TRAFFIC}
  faults:
    - {{name: dead, at: 60s, kind: node-crash, node: node-3}}
    - {{name: kill, at: 65s, kind: pod-kill, pod: {{of: deployment/my-nginx, index: 0}}}}\n"
    );
    let records = run("service", &rest);
    let bound = records.iter().rfind(|record| record.body.kind() == "pod-scheduled").unwrap();
    let Body::PodScheduled { pod, node } = bound.body else { unreachable!() };
    assert_eq!(node, NodeId(3));
    let started = |record: &sim_core::trace::Record| matches!(record.body, Body::ContainerStarted { pod: other, .. } if other == pod);
    assert!(!records.iter().any(started));
}

#[test]
fn a_small_zone_in_partial_disruption_evicts_nothing() {
    // Three of five nodes lost is 60 %, above 55 %, in a zone of fewer than 50: the eviction rate is 0 (D9).
    let rest = format!(
        "  duration: 10m
  topology: {{nodes: {{count: 5}}}}
  placement: {{deployment/my-nginx: [node-1, node-2], deployment/curl: [node-5]}}{TRAFFIC}
  faults:
    - {{name: one, at: 60s, kind: node-crash, node: node-1}}
    - {{name: two, at: 60s, kind: node-crash, node: node-2}}
    - {{name: three, at: 60s, kind: node-crash, node: node-3}}\n"
    );
    let records = run("service", &rest);
    assert_eq!(count(&records, "node-not-ready"), 3);
    assert_eq!(count(&records, "pod-deleted"), 0);
}

#[test]
fn two_lost_nodes_of_a_zone_are_tainted_ten_seconds_apart() {
    let rest = format!(
        "  duration: 3m
  topology: {{nodes: {{count: 6}}}}
  placement: {{deployment/my-nginx: [node-1, node-2], deployment/curl: [node-5]}}{TRAFFIC}
  faults:
    - {{name: one, at: 60s, kind: node-crash, node: node-1}}
    - {{name: two, at: 60s, kind: node-crash, node: node-2}}\n"
    );
    let tainted = times(&run("service", &rest), "node-tainted");
    assert_eq!(tainted.len(), 2);
    // The token bucket of D8: one node per 10 s, looked at every 100 ms; detection itself may lie further apart.
    assert!(tainted[1] - tainted[0] >= 10_000, "{tainted:?}");
}

#[test]
fn a_fault_that_ends_does_not_undo_another_one() {
    let rest = format!(
        "  duration: 4m{THREE_NODES}{TRAFFIC}
  faults:
    - {{name: short, at: 60s, for: 30s, kind: node-crash, node: node-1}}
    - {{name: forever, at: 70s, kind: node-crash, node: node-1}}\n"
    );
    let records = run("service", &rest);
    assert_eq!((count(&records, "node-down"), count(&records, "node-up")), (1, 0));
}

#[test]
fn a_node_that_returns_before_the_grace_period_is_never_not_ready() {
    let rest = format!(
        "  duration: 3m{THREE_NODES}{TRAFFIC}
  faults: [{{name: blink, at: 60s, for: 20s, kind: node-crash, node: node-2}}]\n"
    );
    let records = run("service", &rest);
    assert_eq!(count(&records, "node-not-ready"), 0);
    // Its pod starts again under another address: the old endpoint goes, a new one comes.
    assert_eq!((count(&records, "endpoint-removed"), count(&records, "endpoint-added")), (1, 3));
    let late = outcomes(&records).split_off(1_200);
    assert!(late.iter().all(|(outcome, _)| *outcome == Outcome::Ok));
}

#[test]
fn a_cut_off_node_tells_nothing_and_is_taken_back() {
    // While node-2 is cut off its container dies and starts again: the API must not hear of it before the link mends.
    let rest = format!(
        "  duration: 6m{THREE_NODES}{TRAFFIC}
  faults:
    - {{name: cut, at: 60s, for: 200s, kind: link-down, link: node-2--switch-1}}
    - {{name: kill, at: 150s, kind: container-kill, pod: {{of: deployment/my-nginx, index: 1}}}}\n"
    );
    let records = run("service", &rest);
    let ready = times(&records, "node-ready")[0];
    assert!((260_000..=265_100).contains(&ready), "{ready}");
    let added: Vec<u64> = times(&records, "endpoint-added").into_iter().filter(|at| *at > 0).collect();
    assert!(added.len() == 1 && added[0] >= ready, "{added:?}");
    let causes = records.iter().filter(|record| record.cause == 0).map(|record| record.body.kind());
    let roots = ["plan-applied", "fault-started", "request-arrived"];
    assert!(causes.into_iter().all(|kind| roots.contains(&kind)));
}

#[test]
fn a_docker_restart_keeps_its_host_and_changes_its_port() {
    let rest = format!(
        "  duration: 2m{ONE_SERVER}{TRAFFIC}
  faults: [{{name: reboot, at: 30s, for: 20s, kind: node-restart, node: node-1}}]\n"
    );
    let records = run("docker-static", &rest);
    let ports: Vec<u16> = records
        .iter()
        .filter_map(|record| match record.body {
            Body::PortPublished { host_port, .. } => Some(host_port),
            _ => None,
        })
        .collect();
    // The allocator lives in the daemon's memory: after a boot it begins again (A9), so here the old list is right again.
    assert_eq!(ports, [32_768, 32_768]);
    assert!(outcomes(&records).last().unwrap().0 == Outcome::Ok);
}
