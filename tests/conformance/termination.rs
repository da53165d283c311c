//! Graceful termination: hooks, SIGTERM, requests in service, SIGKILL; and a zone that goes dark.

use sim_core::trace::words::{ExitReason, Outcome};
use sim_core::trace::{Body, Record};

use crate::lab::{count, outcomes, run_manifest, times};

/// One server of `behaviour` on node-1, one request a second until 12 s, a pod deleted at 10 s.
fn stopped(manifest: &str, arm: &str, behaviour: &str) -> Vec<Record> {
    let rest = format!(
        "
  duration: 1m
  topology: {{nodes: {{count: 2}}}}
  replicas: {{deployment/web: 1}}
  placement: {{deployment/web: [node-1], deployment/curl: [node-2]}}
  behaviour: {{deployment/web: {behaviour}}}
  traffic:
    - {{name: curl, from: deployment/curl, to: 'service/web:80', arrivals: {{kind: constant, rate: 2/s}},
       start: 9250ms, stop: 9900ms}}
  actions: [{{name: stop, at: 10s, kind: delete-pod, pod: {{of: deployment/web, index: 0}}}}]\n"
    );
    run_manifest(manifest, arm, &rest)
}

/// Times of SIGTERM and of the exit in milliseconds after the deletion, and the reason of the exit.
fn end(records: &[Record]) -> (u64, u64, ExitReason) {
    let exit = records.iter().find_map(|record| match record.body {
        Body::ContainerExited { reason, .. } => Some((record.time.as_nanos() / 1_000_000, reason)),
        _ => None,
    });
    let (exited, reason) = exit.unwrap();
    (times(records, "stop-signal")[0] - 10_000, exited - 10_000, reason)
}

/// A length that a kubelet begins 1 ms to 50 ms late.
fn about(length: u64) -> std::ops::RangeInclusive<u64> {
    length + 1..=length + 50
}

#[test]
fn an_idle_server_exits_at_sigterm() {
    let (signal, exit, reason) = end(&stopped("web.yaml", "service", "{}"));
    assert!(about(0).contains(&signal) && exit == signal, "{signal} {exit}");
    assert_eq!(reason, ExitReason::Stopped);
}

#[test]
fn a_hook_comes_before_sigterm_and_the_slices_do_not_wait_for_it() {
    let records = stopped("stopping.yaml", "service", "{}");
    let (signal, ..) = end(&records);
    assert!(about(5_000).contains(&signal), "{signal}");
    // D17: the endpoint goes after the controller's 10 ms, in parallel.
    assert_eq!(times(&records, "endpoint-terminating"), [10_010]);
    // The scenario's word counts more than the manifest's.
    let (signal, ..) = end(&stopped("stopping.yaml", "service", "{preStopSleep: 1s}"));
    assert!(about(1_000).contains(&signal), "{signal}");
}

#[test]
fn the_grace_period_bounds_hook_and_drain() {
    // A request of a minute is in service: it is cut off at 8 s, 3 s after SIGTERM.
    let slow = "{serviceTime: {kind: constant, value: 1m}}";
    let records = stopped("stopping.yaml", "service", slow);
    let (signal, exit, reason) = end(&records);
    assert!(about(5_000).contains(&signal) && about(8_000).contains(&exit), "{signal} {exit}");
    assert_eq!(reason, ExitReason::Killed);
    assert_eq!(outcomes(&records)[0].0, Outcome::EndOfFile);
    // A hook longer than the grace is left behind at its end, and SIGKILL leaves two seconds.
    let records = stopped("stopping.yaml", "service", "{serviceTime: {kind: constant, value: 1m}, preStopSleep: 20s}");
    let (signal, exit, _) = end(&records);
    assert!(about(8_000).contains(&signal) && about(10_000).contains(&exit), "{signal} {exit}");
}

#[test]
fn a_server_drains_or_does_not() {
    // The request that arrived at 9.75 s takes 3 s.
    let taking =
        |rest: &str| stopped("web.yaml", "service", &format!("{{serviceTime: {{kind: constant, value: 3s}}{rest}}}"));
    let drained = taking("");
    assert!(outcomes(&drained).iter().all(|(outcome, _)| *outcome == Outcome::Ok));
    let (_, exit, reason) = end(&drained);
    assert!((2_750..2_760).contains(&exit) && reason == ExitReason::Stopped, "{exit}");
    let hasty = taking(", shutdown: {drain: false}");
    assert!(about(0).contains(&end(&hasty).1));
    assert_eq!(outcomes(&hasty)[0].0, Outcome::EndOfFile);
    let impatient = taking(", shutdown: {timeout: 1s}");
    assert!(about(1_000).contains(&end(&impatient).1));
}

#[test]
fn what_no_worker_has_accepted_is_reset_when_the_listener_closes() {
    // One worker with a request of 3 s: at 10 s one is in service, the next one waits in the queue.
    let rest = "
  duration: 1m
  topology: {nodes: {count: 2}}
  replicas: {deployment/web: 1}
  placement: {deployment/web: [node-1], deployment/curl: [node-2]}
  behaviour: {deployment/web: {serviceTime: {kind: constant, value: 3s}, concurrency: 1}}
  traffic:
    - {name: curl, from: deployment/curl, to: 'service/web:80', arrivals: {kind: constant, rate: 2/s}, start: 8750ms, stop: 9900ms}
  actions: [{name: stop, at: 10s, kind: delete-pod, pod: {of: deployment/web, index: 0}}]\n";
    let records = run_manifest("web.yaml", "service", rest);
    let ended: Vec<Outcome> = outcomes(&records).into_iter().map(|(outcome, _)| outcome).collect();
    assert_eq!(ended, [Outcome::Ok, Outcome::ConnectionReset]);
}

#[test]
fn docker_kills_ten_seconds_after_sigterm() {
    // A27; Docker knows no hooks, and nobody starts the container again.
    let records = stopped("stopping.yaml", "docker-static", "{serviceTime: {kind: constant, value: 1m}}");
    assert_eq!(end(&records), (0, 10_000, ExitReason::Killed));
    assert_eq!(count(&records, "pod-created"), 2);
}

#[test]
fn a_replacement_does_not_wait_for_the_old_pod_and_a_cut_off_kubelet_is_told_later() {
    let records = stopped("stopping.yaml", "service", "{}");
    let (made, gone) = (*times(&records, "pod-created").last().unwrap(), times(&records, "pod-gone")[0]);
    assert_eq!(made, 10_010);
    assert!(gone > 15_000, "{gone}");
    let rest = "
  duration: 1m
  topology: {nodes: {count: 2}}
  replicas: {deployment/web: 1}
  placement: {deployment/web: [node-1], deployment/curl: [node-2]}
  faults: [{name: cut, at: 5s, for: 15s, kind: link-down, link: node-1--switch-1}]
  actions: [{name: stop, at: 10s, kind: delete-pod, pod: {of: deployment/web, index: 0}}]\n";
    let records = run_manifest("web.yaml", "service", rest);
    let signal = times(&records, "stop-signal")[0];
    assert!((20_001..=20_050).contains(&signal), "{signal}");
}

#[test]
fn a_dark_zone_loses_all_its_nodes_at_once_and_its_pods_after_the_toleration() {
    let rest = "
  duration: 8m
  topology: {nodes: {count: 6, zones: [a, b, c]}}
  placement: {deployment/web: [node-1, node-2, node-3, node-4], deployment/curl: [node-5]}
  faults: [{name: dark, at: 20s, for: 7m, kind: zone-crash, zone: a}]\n";
    let records = run_manifest("web.yaml", "service", rest);
    assert_eq!(times(&records, "node-down"), [20_000, 20_000]);
    assert_eq!(times(&records, "node-up"), [440_000, 440_000]);
    // D9: a zone that is lost whole while others live keeps the rate of one node per 10 s.
    let tainted = times(&records, "node-tainted");
    assert!(tainted.len() == 2 && tainted[1] - tainted[0] >= 10_000, "{tainted:?}");
    // node-1 and node-4 hosted one pod each.
    assert_eq!(count(&records, "pod-deleted"), 2);
}

#[test]
fn a_pod_that_terminates_holds_its_host_port() {
    let rest = "
  duration: 1m
  topology: {nodes: {count: 1}}
  replicas: {deployment/web: 1}
  behaviour: {deployment/web: {preStopSleep: 10s}}
  actions: [{name: stop, at: 10s, kind: delete-pod, pod: {of: deployment/web, index: 0}}]\n";
    let records = run_manifest("hostport.yaml", "service", rest);
    let (gone, bound) = (times(&records, "pod-gone")[0], times(&records, "pod-scheduled"));
    assert!(gone > 20_000 && bound.last().unwrap() >= &gone, "{gone} {bound:?}");
}
