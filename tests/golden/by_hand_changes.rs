//! As `by_hand`, for the scenarios in which somebody changes something, or a whole zone goes.

use sim_core::model::ids::{NodeId, PodId};
use sim_core::trace::Body;
use sim_core::trace::words::Outcome;

use crate::by_hand::{SECOND, count, times};
use crate::library::{self, Run};

/// What the Deployment's controller wanted of each template from `from` to `to`, with the times in milliseconds.
fn sizes(run: &Run, from: u64, to: u64) -> Vec<(u64, u32, u32)> {
    let steps = run.records.iter().filter_map(|record| match record.body {
        Body::ReplicasWanted { revision, replicas, .. } => {
            Some((record.time.as_nanos() / 1_000_000, revision, replicas))
        }
        _ => None,
    });
    steps.filter(|(at, ..)| (from..to).contains(at)).collect()
}

/// The node of each pod made after the start, in order.
fn placed_later(run: &Run) -> Vec<NodeId> {
    let placed =
        run.records.iter().filter(|record| record.time.as_nanos() > 0).filter_map(|record| match record.body {
            Body::PodScheduled { node, .. } => Some(node),
            _ => None,
        });
    placed.collect()
}

#[test]
fn rollout_under_load() {
    let all = library::named("rollout-under-load.yaml");
    for (arm, hook) in [("hook-0s", 0), ("hook-5s", 5), ("hook-15s", 15)] {
        let run = all.arm(arm);
        // 4 replicas, one more and one fewer: the controller's passes come 10 ms after the change, and the status of
        // pods that listen after 2 s reaches it 20 ms later. No step waits for a terminating pod.
        let expected = [(20_010, 0, 3), (20_010, 1, 1), (20_020, 1, 2), (22_050, 0, 1), (22_060, 1, 4), (24_100, 0, 0)];
        assert_eq!(sizes(run, 20_000, 40_000), expected, "{arm}");
        // SIGTERM follows each deletion by the kubelet's 1 ms to 50 ms and the hook.
        let deleted: Vec<(PodId, u64)> = run
            .records
            .iter()
            .filter_map(|record| match record.body {
                Body::PodDeleted { pod, .. } => Some((pod, record.time.as_nanos())),
                _ => None,
            })
            .collect();
        for record in &run.records {
            let Body::StopSignal { pod } = record.body else { continue };
            let at = deleted.iter().find(|(other, _)| *other == pod).unwrap().1;
            let late = record.time.as_nanos() - at - hook * SECOND;
            assert!((1_000_000..=50_000_000).contains(&late), "{arm}: {late}");
        }
        // Rules follow a deletion within 10 ms, 50 ms and 1 s: longer than no hook, shorter than the others.
        assert_eq!(count(run, Outcome::Ok) == times(run, "request-ended").len(), hook > 0, "{arm}");
    }
}

#[test]
fn drain() {
    let all = library::named("drain.yaml");
    let service = all.arm("service");
    // node-1 has two of the four pods; their replacements find two siblings on node-2 and none, then one, on node-3.
    // After the uncordon the first pod, on node-2, is deleted, and node-1 has the fewest siblings.
    assert_eq!(placed_later(service), [3, 3, 1].map(NodeId));
    // The drain is done when the last pod has gone: hook of 5 s, the kubelet's 1 ms to 50 ms, a request of 10 ms.
    let done = times(service, "action-completed")[1] - 30 * SECOND;
    assert!((5_001_000_000..=5_061_000_000).contains(&done), "{done}");
    // Docker sends SIGTERM at once; the registry's third failed check of each old host port comes 20 s to 30 s later.
    let docker = all.arm("docker-orchestrated");
    assert_eq!(times(docker, "stop-signal")[..2], [30 * SECOND; 2]);
    let failed = &times(docker, "check-failed")[..2];
    assert!(failed.iter().all(|at| (50 * SECOND..=60 * SECOND).contains(at)), "{failed:?}");
}

#[test]
fn zone_loss() {
    let all = library::named("zone-loss.yaml");
    let (six, nine) = (all.arm("six"), all.arm("nine"));
    // Zone a is node-1 and node-4; a zone that is lost whole is tainted at one node per 10 s (D9).
    assert_eq!(times(six, "node-down"), [60 * SECOND; 2]);
    let tainted = times(six, "node-tainted");
    assert!(tainted.len() == 2 && tainted[1] - tainted[0] >= 10 * SECOND, "{tainted:?}");
    // Four pods serve 40 a second and 42 arrive: the queues of 2 more each second reach the clients' 5 s (50 requests in
    // each of four queues) 100 s after the rules follow, at most 57 s after the crash; from then on servers finish what
    // nobody waits for. Six of nine pods serve 60 a second.
    let failed = |run: &Run, from: u64, to: u64| {
        let ended = run.records.iter().filter(|record| (from * SECOND..to * SECOND).contains(&record.time.as_nanos()));
        let failed =
            ended.filter(|record| matches!(record.body, Body::RequestEnded { outcome, .. } if outcome != Outcome::Ok));
        failed.count()
    };
    assert_eq!(failed(nine, 120, 600), 0);
    assert!(failed(six, 240, 360) > 40 * 60, "{}", failed(six, 240, 360));
    // Until the rules follow, a third of the connections of six pods meets silence, and so does one of three of nine.
    for run in [six, nine] {
        let lost = count(run, Outcome::ConnectTimeout);
        assert!((39 * 14..=57 * 14 + 14).contains(&lost), "{lost}");
    }
}

#[test]
fn zone_outage_55() {
    let all = library::named("zone-outage-55.yaml");
    let (disruption, eviction) = (all.arm("disruption"), all.arm("eviction"));
    // 3 of 5 is more than 55 % of a small zone: no taint, no eviction. Below the threshold, one node per 10 s (D9).
    assert!(times(disruption, "node-tainted").is_empty() && placed_later(disruption).is_empty());
    let tainted = times(eviction, "node-tainted");
    assert!(tainted.windows(2).all(|pair| pair[1] - pair[0] >= 10 * SECOND), "{tainted:?}");
    assert_eq!((tainted.len(), placed_later(eviction).len()), (3, 3));
    // Two pods serve 20 of 22 requests a second: each queue grows by one a second, to the 50 that take the clients' 5 s,
    // 50 s after the last NotReady (at most 55.1 s and the rules' second after the crash); nobody is served in time then.
    // With the fifth pod back, 433 s at most after the start, five pods serve 50 a second.
    let served = |run: &Run, from: u64, to: u64| {
        let ended = run.records.iter().filter(|record| (from * SECOND..to * SECOND).contains(&record.time.as_nanos()));
        ended.filter(|it| matches!(it.body, Body::RequestEnded { outcome: Outcome::Ok, .. })).count()
    };
    assert_eq!(served(disruption, 170, 720), 0);
    assert_eq!(served(eviction, 600, 700), 22 * 100);
}

#[test]
fn statefulset_dead_node() {
    let all = library::named("statefulset-dead-node.yaml");
    let run = all.arm("service");
    // Deleted together when the toleration of 300 s has run out, since the taint one pass after NotReady (D8, D10, D11).
    let (tainted, deleted) = (times(run, "node-tainted"), times(run, "pod-deleted"));
    assert_eq!(deleted, [tainted[0] + 300 * SECOND; 2]);
    // The Deployment's controller takes 10 ms; the StatefulSet's waits for the object's end (D12), then as long.
    let created: Vec<u64> = times(run, "pod-created").into_iter().filter(|at| *at > 0).collect();
    let force = 720 * SECOND;
    assert_eq!(created, [deleted[0] + 10_000_000, force + 10_000_000]);
    // Scheduled 10 ms later, started in 5 s, in the slices 10 ms later, in the rules within 50 ms and a second.
    let synced = times(run, "proxy-synced").into_iter().rfind(|at| *at > force).unwrap() - force - 5_030_000_000;
    assert!((1_000_000..=1_060_000_000).contains(&synced), "{synced}");
}

#[test]
fn headless_dns_ttl() {
    let all = library::named("headless-dns-ttl.yaml");
    for (arm, ttl) in [("ttl-5s", 5), ("ttl-30s", 30)] {
        let run = all.arm(arm);
        let resolved = times(run, "name-resolved");
        // The first request after the answer's TTL asks again: at most a ninth of a second later, and 1 ms per query.
        for pair in resolved.windows(2) {
            assert!((ttl * SECOND..=ttl * SECOND + 113_000_000).contains(&(pair[1] - pair[0])), "{arm}: {pair:?}");
        }
        // The first answer without the dead pod comes a TTL after its removal at most; nobody dials it after that, and
        // who dialled it before gives up within the connect timeout of 1 s.
        let removed = times(run, "endpoint-removed")[0];
        let followed = *resolved.iter().find(|at| **at > removed).unwrap();
        let last = run.records.iter().rev().find_map(|record| match record.body {
            Body::RequestEnded { outcome: Outcome::ConnectTimeout, .. } => Some(record.time.as_nanos()),
            _ => None,
        });
        assert!((followed..followed + SECOND).contains(&last.unwrap()), "{arm}: {followed} {last:?}");
    }
    // The clusterIP is one address: no look-up, one in three connections fails from the crash to the rules' following.
    let direct = all.arm("cluster-ip");
    assert!(times(direct, "name-resolved").is_empty());
    let lost = count(direct, Outcome::ConnectTimeout);
    assert!((39 * 3..=57 * 3).contains(&lost), "{lost}");
}

#[test]
fn service_recreated() {
    let all = library::named("service-recreated.yaml");
    let service = all.arm("service");
    // The dynamic band has a million addresses: another draw, another address.
    let addresses: Vec<_> = service
        .records
        .iter()
        .filter_map(|record| match record.body {
            Body::ServiceCreated { cluster_ip, .. } => Some(cluster_ip),
            _ => None,
        })
        .collect();
    assert!(addresses.len() == 2 && addresses[0] != addresses[1], "{addresses:?}");
    // Arrivals at 20.0, 20.1, ... 29.9 s find no name: the deletion comes first in its instant.
    assert_eq!(count(service, Outcome::DnsError), 100);
    // Who wrote pod addresses down asks no name and no rule.
    let direct = all.arm("pod-ip-direct");
    assert_eq!(count(direct, Outcome::Ok), times(direct, "request-ended").len());
}
