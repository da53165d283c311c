//! Orchestrators of Docker hosts: when Swarm and Nomad give a dead host up, and when its containers start elsewhere.

use sim_core::trace::Record;

use crate::faults::assert_rooted;
use crate::lab::{count, run, times};

/// Two servers and a client on three hosts; an arm with this rescheduler, and `rest`.
fn orchestrated(rescheduler: &str, rest: &str) -> Vec<Record> {
    let arm = format!("{{name: orchestrated, discovery: registry, rescheduler: {rescheduler}}}");
    let rest = format!(
        "  duration: 6m
  topology: {{nodes: {{count: 3}}}}
  placement: {{deployment/my-nginx: [node-1, node-2], deployment/curl: [node-3]}}
  traffic:
    - {{name: curl, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {{kind: constant, rate: 1/s}}}}
{rest}\n"
    );
    run(&arm, &rest)
}

const CRASH: &str = "  faults: [{name: crash, at: 100s, kind: node-crash, node: node-1}]";

/// When the host was lost and when its container's replacement was made, after the crash at 100 s.
fn lost_and_replaced(records: &[Record]) -> (u64, u64) {
    assert_rooted(records);
    let made = *times(records, "pod-created").last().unwrap();
    (times(records, "node-not-ready")[0] - 100_000, made - 100_000)
}

#[test]
fn swarm_waits_for_three_heartbeats_and_the_restart_delay() {
    let (lost, replaced) = lost_and_replaced(&orchestrated("swarm", CRASH));
    // Three drawn periods of 4.5 s to 5.5 s, of which less than one had passed; then --restart-delay and the decision.
    assert!((9_000..=16_500).contains(&lost), "{lost}");
    assert_eq!(replaced, lost + 5_000 + 10);
    // Without a draw every period is 4 s: two of them remain at least, three at most.
    let quick = format!("{CRASH}\n  swarm: {{dispatcherHeartbeat: 4s, heartbeatEpsilon: 0s, restartDelay: 0s}}");
    let (lost, replaced) = lost_and_replaced(&orchestrated("swarm", &quick));
    assert!((8_000..=12_000).contains(&lost), "{lost}");
    assert_eq!(replaced, lost + 10);
}

#[test]
fn swarm_does_not_delay_what_a_drain_moves() {
    let records = orchestrated("swarm", "  actions: [{name: drain, at: 100s, kind: drain, node: node-1}]");
    let gone = *times(&records, "pod-gone").last().unwrap();
    assert_eq!(*times(&records, "pod-created").last().unwrap(), gone + 10);
}

#[test]
fn nomad_waits_for_a_time_to_live_and_the_grace() {
    let (lost, replaced) = lost_and_replaced(&orchestrated("nomad", CRASH));
    // A time to live of 10 s to 20 s, some of which had passed, and heartbeat_grace.
    assert!((10_000..=30_000).contains(&lost), "{lost}");
    // Lost allocations are replaced at once: no reschedule delay.
    assert_eq!(replaced, lost + 10);
    // Three clients and one heartbeat per second do not stretch 30 s: at most twice that and the grace.
    let slow =
        format!("{CRASH}\n  nomad: {{max_heartbeats_per_second: 1, min_heartbeat_ttl: 30s, heartbeat_grace: 1s}}");
    let (slow, _) = lost_and_replaced(&orchestrated("nomad", &slow));
    assert!((1_000..=61_000).contains(&slow), "{slow}");
}

#[test]
fn nomad_holds_the_place_of_a_client_that_may_come_back() {
    let hold = "\n  nomad: {lost_after: 60s, replace: false}";
    let (lost, replaced) = lost_and_replaced(&orchestrated("nomad", &format!("{CRASH}{hold}")));
    assert_eq!(replaced, lost + 60_000 + 10);
    // Parted from its servers for 60 s, it is down after 30 s at most and back before lost_after has passed.
    let parted = "  faults: [{name: cut, at: 100s, for: 60s, kind: control-plane-partition, node: node-1}]";
    let back = orchestrated("nomad", &format!("{parted}{hold}"));
    assert_eq!((count(&back, "node-not-ready"), count(&back, "pod-created")), (1, 3));
    // By default it is replaced at once, and what ran on is stopped when it is back.
    let doubled = orchestrated("nomad", &format!("{parted}\n  nomad: {{lost_after: 60s}}"));
    assert_eq!((count(&doubled, "pod-created"), times(&doubled, "pod-gone").len()), (4, 1));
    assert_eq!(times(&doubled, "pod-gone"), [160_000]);
}
