//! Three assertions per library scenario, computed by hand from the scenario file and the facts, not from a run.

use sim_core::kernel::time::SimTime;
use sim_core::trace::Body;
use sim_core::trace::words::Outcome;

use crate::library::{self, Run};

pub(crate) const SECOND: u64 = 1_000_000_000;

/// Address translations of each connection.
fn translations(run: &Run) -> Vec<u8> {
    let opened = run.records.iter().filter_map(|record| match record.body {
        Body::ConnectionOpened { translations, .. } => Some(translations),
        _ => None,
    });
    opened.collect()
}

/// Times of the records of one kind, in nanoseconds.
pub(crate) fn times(run: &Run, kind: &str) -> Vec<u64> {
    let of_kind = run.records.iter().filter(|record| record.body.kind() == kind);
    of_kind.map(|record| record.time.as_nanos()).collect()
}

/// Requests that ended so.
pub(crate) fn count(run: &Run, wanted: Outcome) -> usize {
    let ended = run.records.iter();
    ended.filter(|record| matches!(record.body, Body::RequestEnded { outcome, .. } if outcome == wanted)).count()
}

#[test]
fn nginx_tutorial() {
    let all = library::named("nginx-tutorial.yaml");
    // Container to another host's port: SNAT and DNAT. Pod address: none. clusterIP: one DNAT.
    for (arm, expected) in [("docker-static", 2), ("docker-registry", 2), ("pod-ip-direct", 0), ("service", 1)] {
        assert!(translations(all.arm(arm)).iter().all(|count| *count == expected), "{arm}");
    }
    // Two servers are two addresses for a client; the Service is one.
    assert_eq!(all.arm("docker-static").report.metrics.addressing.addresses_per_client, 2);
    assert_eq!(all.arm("service").report.metrics.addressing.addresses_per_client, 1);
    // Nothing breaks, so nothing fails and nobody learns anything new.
    assert!(all.runs.iter().all(|run| count(run, Outcome::Ok) == times(run, "request-ended").len()));
}

#[test]
fn nginx_node_death() {
    let all = library::named("nginx-node-death.yaml");
    let service = all.arm("service");
    // Detection in (39.6, 55.1) s; the taint is queued one pass of 5.002 s later, the toleration is 300 s.
    let not_ready = times(service, "node-not-ready")[0] - 60 * SECOND;
    assert!((39_600_000_000..55_100_000_000).contains(&not_ready), "{not_ready}");
    let evicted = times(service, "pod-deleted")[0] - times(service, "node-not-ready")[0];
    assert!((305_002_000_000..=305_102_000_000).contains(&evicted), "{evicted}");
    // Half of the connections of a fixed list fail for 9 of 10 minutes: 1 - 0.5 * 0.9 = 55 % succeed.
    let fixed = &all.arm("docker-static").report.metrics.requests;
    let share = fixed.ok as f64 / fixed.total as f64;
    assert!((share - 0.55).abs() < 0.005, "{share}");
}

#[test]
fn two_replicas_one_node() {
    let all = library::named("two-replicas-one-node.yaml");
    // The fixed host port goes to the first container; the second is refused once and never tried again.
    assert_eq!(all.arm("docker-static").report.metrics.addressing.port_conflicts, 1);
    assert_eq!(all.arm("docker-static").report.metrics.addressing.host_ports, 1);
    // With an address per pod both serve, and neither takes a port of the node.
    let served = &all.arm("service").report.metrics.balance[0].instances;
    assert!(served.len() == 2 && served.iter().all(|instance| instance.requests > 0), "{served:?}");
}

#[test]
fn two_teams_one_port() {
    let all = library::named("two-teams-one-port.yaml");
    let docker = all.arm("docker-static");
    // The blog's readers dial the planned host:8080, where the shop answers.
    assert_eq!(docker.report.metrics.addressing.port_conflicts, 1);
    // 4/s from 0 to 20 s: arrivals at 0.25, 0.5, ... 19.75 s make 79 for each team.
    assert_eq!(count(docker, Outcome::WrongService), 79);
    assert_eq!(count(all.arm("service"), Outcome::Ok), 2 * 79);
}

#[test]
fn dynamic_ports_stale_clients() {
    let all = library::named("dynamic-ports-stale-clients.yaml");
    let docker = all.arm("docker-static");
    // Each host gives out 32768 first; after the restart, 100 ms later, the next one (A8, A24).
    let published: Vec<(u64, u16)> = docker
        .records
        .iter()
        .filter_map(|record| match record.body {
            Body::PortPublished { host_port, .. } => Some((record.time.as_nanos(), host_port)),
            _ => None,
        })
        .collect();
    assert_eq!(published, [(0, 32_768), (0, 32_768), (30 * SECOND + SECOND / 10, 32_769)]);
    // The old port is refused at once, for ever.
    assert!(count(docker, Outcome::ConnectionRefused) > 600);
    // Checks every 10 s, three in a row: the registry drops the old port 20 to 30 s after the crash.
    let failed = times(all.arm("docker-registry"), "check-failed")[0];
    assert!((50 * SECOND..=60 * SECOND).contains(&failed), "{failed}");
}

#[test]
fn process_crash_loop() {
    let all = library::named("process-crash-loop.yaml");
    // Docker waits 100, 200, 400 ... ms: deaths at 30.0, 30.1, 30.3, 30.7, 31.5, 33.1 s, then 36.3 s is past the fault.
    let deaths: Vec<u64> = times(all.arm("docker-static"), "container-exited");
    let expected: Vec<u64> = [0, 100, 300, 700, 1_500, 3_100].map(|ms| 30 * SECOND + ms * 1_000_000).to_vec();
    assert_eq!(deaths, expected);
    let back = *times(all.arm("docker-static"), "container-started").last().unwrap();
    assert_eq!(back, 30 * SECOND + 6_300_000_000 + 200_000_000);
    // A kubelet finds the death at its next relist (up to 1 s), restarts at once, and then waits 10 s more.
    let back = *times(all.arm("service"), "container-started").last().unwrap() - 30 * SECOND;
    assert!((10_200_000_000..=12_200_000_000).contains(&back), "{back}");
}

#[test]
fn compose_shop() {
    let all = library::named("compose-shop.yaml");
    // From outside, a published port is one DNAT; from a container to its own host's port docker-proxy rewrites nothing.
    let docker = translations(all.arm("docker-static"));
    assert!(docker.contains(&1) && docker.iter().all(|count| *count <= 1), "{docker:?}");
    // Through a node port: DNAT and masquerade; through a clusterIP: one DNAT.
    let service = translations(all.arm("service"));
    assert!(service.contains(&2) && service.contains(&1) && !service.contains(&0), "{service:?}");
    // The same visitors come at the same instants in both arms.
    let arrivals = |run: &Run| -> Vec<SimTime> {
        let arrived = run.records.iter().filter(|record| record.body.kind() == "request-arrived");
        arrived.map(|record| record.time).collect()
    };
    let visitors = |arm: &str| arrivals(all.arm(arm)).len();
    assert_eq!(visitors("docker-static"), visitors("service"));
}

#[test]
fn outside_front() {
    let all = library::named("outside-front.yaml");
    let (docker, service) = (all.arm("docker-static"), all.arm("service"));
    // The second failed check starts 10 to 20 s after the crash at 60 s and fails after its timeout of 5 s.
    let out = [docker, service].map(|run| times(run, "target-unhealthy"));
    assert!(out.iter().all(|out| out.len() == 1 && (75 * SECOND..85 * SECOND).contains(&out[0])), "{out:?}");
    // The node is back at 240 s, its container 1 s later; three good checks take 20 to 30 s.
    let back = [(docker, 241), (service, 240)].map(|(run, from)| times(run, "target-healthy")[0] / SECOND - from);
    assert!(back.iter().all(|length| (20..30).contains(length)), "{back:?}");
    // Docker: half of 20/s fail until then, and none later. Kubernetes: all nodes but the dead one stay in, and each
    // forwards half of its requests to the dead pod until it is NotReady: 2 of 3, then 1 of 2.
    let failures = |run: &Run| run.report.metrics.requests.failed.values().sum::<u64>() as f64;
    let (length, lost) = ((out[0][0] / SECOND - 60) as f64, (times(service, "node-not-ready")[0] / SECOND) as f64);
    let expected = [length * 10.0, length * 40.0 / 3.0 + (lost - 60.0 - length).max(0.0) * 10.0];
    for (expected, failed) in expected.into_iter().zip([failures(docker), failures(service)]) {
        assert!((failed - expected).abs() < 60.0, "{failed} instead of {expected}");
    }
}

#[test]
fn node_reboot() {
    let all = library::named("node-reboot.yaml");
    let service = all.arm("service");
    // 20 s are less than the shortest detection (39.6 s): Kubernetes never counts the node as lost.
    assert_eq!(times(service, "node-not-ready"), Vec::<u64>::new());
    // The ReplicaSet replaces the removed pod after the controllers' 10 ms.
    assert_eq!(*times(service, "pod-created").last().unwrap(), 120 * SECOND + 10_000_000);
    // Heartbeats every 5 s, lost 15 s after the last one: 10 to 15 s after the crash.
    let lost = times(all.arm("docker-orchestrated"), "node-not-ready")[0] - 30 * SECOND;
    assert!((10 * SECOND..=15 * SECOND).contains(&lost), "{lost}");
}

#[test]
fn cut_link() {
    let all = library::named("cut-link.yaml");
    let service = all.arm("service");
    // The link mends at 240 s; the next monitor pass (every 5.002 s) takes the node back.
    let ready = times(service, "node-ready")[0];
    assert!((240 * SECOND..=245_002_000_000).contains(&ready), "{ready}");
    // Three minutes are less than the toleration of 300 s: nothing is deleted, no address is given anew.
    assert_eq!(times(service, "pod-deleted"), Vec::<u64>::new());
    assert_eq!(times(service, "address-assigned"), [0, 0, 0]);
    // Round robin takes turns: of the first 298 requests, ended before the cut, each pod has half.
    let served = service.records.iter().filter_map(|record| match record.body {
        Body::RequestEnded { number, pod, .. } if number < 298 => pod,
        _ => None,
    });
    let pods: Vec<_> = served.collect();
    assert_eq!(pods.iter().filter(|pod| **pod == pods[0]).count(), 149);
}
