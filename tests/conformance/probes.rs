//! Startup, liveness and readiness probes: when a pod is Ready, when it no longer is, when its container is restarted.

use sim_core::kernel::draws::{Draws, EntityKey, below};
use sim_core::trace::words::{ExitReason, Outcome, ProbeKind};
use sim_core::trace::{Body, Level, Record};

use crate::lab::{count, outcomes, records_of, times, web_with, world_of};

const KILL: &str = "{name: kill, at: 10s, kind: container-kill, pod: {of: deployment/web, index: 0}}";

/// One server with these probes and this behaviour on node-1, and two requests a second.
fn probed(probes: &str, behaviour: &str, faults: &str) -> Vec<Record> {
    let rest = format!(
        "  duration: 5m
  topology: {{nodes: {{count: 2}}}}
  placement: {{deployment/web: [node-1], deployment/curl: [node-2]}}
  behaviour: {{deployment/web: {behaviour}}}
  traffic:
    - {{name: curl, from: deployment/curl, to: 'service/web:80', arrivals: {{kind: constant, rate: 2/s}}}}
  faults: [{faults}]
{}",
        web_with(probes)
    );
    records_of(&world_of(&["curl.yaml"], "service", &rest, Level::Request))
}

/// When a killed container is started again, in milliseconds: at the relist, which tells that it is not ready.
fn restarted(records: &[Record]) -> u64 {
    times(records, "pod-not-ready")[0]
}

/// Kind and time in milliseconds of every probe that failed.
fn failures(records: &[Record]) -> Vec<(ProbeKind, u64)> {
    let failed = records.iter().filter_map(|record| match record.body {
        Body::ProbeFailed { probe, .. } => Some((probe, record.time.as_nanos() / 1_000_000)),
        _ => None,
    });
    failed.collect()
}

/// When the first round of an initial pod's probe stands, in milliseconds.
fn phase(container: u64, kind: ProbeKind, period: u64) -> u64 {
    let key = EntityKey::of("deployment/default/web").part("pod", 0);
    let draw = Draws::new(1).once(key, "probe-phase", container * 3 + u64::from(kind.code()));
    below(draw, period * 1_000_000_000) / 1_000_000
}

#[test]
fn a_pod_is_ready_after_its_successes_in_a_row() {
    // Rounds at 0, 2, 4, 6 s: those before the initial delay of 3 s do not count, the second success is that of 6 s.
    let probes = "readinessProbe: {httpGet: {path: /, port: http}, initialDelaySeconds: 3, periodSeconds: 2, \
                  successThreshold: 2}";
    let records = probed(probes, "{}", KILL);
    assert_eq!(*times(&records, "pod-ready").last().unwrap(), restarted(&records) + 6_000);
    assert_eq!(failures(&records), []);
}

#[test]
fn a_probe_of_a_port_without_a_listener_never_makes_a_pod_ready() {
    let records = probed("readinessProbe: {tcpSocket: {port: 81}}", "{}", "");
    // The client's pod alone.
    assert_eq!(count(&records, "pod-ready"), 1);
    // The rules reject, and say so as often as the limit of ICMP errors allows (E13).
    let ended = outcomes(&records);
    assert!(ended[..6].iter().all(|(outcome, _)| *outcome == Outcome::ConnectionRefused), "{ended:?}");
    assert!(ended.iter().all(|(outcome, _)| *outcome != Outcome::Ok), "{ended:?}");
    let answered = probed("readinessProbe: {tcpSocket: {port: 80}}", "{}", "");
    assert!(outcomes(&answered).iter().all(|(outcome, _)| *outcome == Outcome::Ok));
}

#[test]
fn a_liveness_probe_without_patience_never_lets_a_slow_server_start() {
    // The server needs a minute; rounds at 10, 20, 30 s after each start fail. Back-off (D18): none after the kill, then
    // 10 s, 20 s, 40 s.
    let probes = "livenessProbe: {tcpSocket: {port: http}, initialDelaySeconds: 5}";
    let records = probed(probes, "{startup: 1m}", KILL);
    let start = restarted(&records);
    let expected = [30, 70, 120, 190].map(|seconds| (ProbeKind::Liveness, start + seconds * 1_000));
    assert_eq!(failures(&records)[..4], expected);
    // It has not listened again.
    assert_eq!(count(&records, "container-started"), 2);
}

#[test]
fn a_startup_probe_holds_the_others_back_until_it_succeeds() {
    let probes = "startupProbe: {tcpSocket: {port: 80}, failureThreshold: 10}, livenessProbe: {tcpSocket: {port: 80}}, \
                  readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 7}";
    let records = probed(probes, "{startup: 55s}", KILL);
    assert_eq!(failures(&records), []);
    // The round of 60 s succeeds, and the kubelet tries the readiness probe at once.
    assert_eq!(*times(&records, "pod-ready").last().unwrap(), restarted(&records) + 60_000);
    // Three failures in a row are too many for a server that needs 55 s: it is killed at 20 s.
    let hasty = probed(&probes.replace("failureThreshold: 10", "failureThreshold: 3"), "{startup: 55s}", KILL);
    assert_eq!(failures(&hasty)[0], (ProbeKind::Startup, restarted(&hasty) + 20_000));
}

#[test]
fn an_unhealthy_container_is_stopped_with_its_grace_and_started_again() {
    // Nobody answers the liveness probe; requests of a minute keep the server from leaving at SIGTERM.
    let probes = "livenessProbe: {tcpSocket: {port: 81}, terminationGracePeriodSeconds: 20}, \
                  readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 2, failureThreshold: 2}";
    let records = probed(probes, "{serviceTime: {kind: constant, value: 1m}}", "");
    let failed = phase(0, ProbeKind::Liveness, 10) + 20_000;
    assert_eq!(failures(&records)[0], (ProbeKind::Liveness, failed));
    assert_eq!(times(&records, "stop-signal")[0], failed);
    // It listens no more, so the second of its readiness rounds from then on takes it out of the Service.
    let round = phase(0, ProbeKind::Readiness, 2);
    let unready = round + (failed - round).div_ceil(2_000) * 2_000 + 2_000;
    assert_eq!(failures(&records)[1], (ProbeKind::Readiness, unready));
    assert_eq!(times(&records, "pod-not-ready")[0], unready);
    assert_eq!(times(&records, "endpoint-removed")[0], unready + 10);
    // SIGKILL after the probe's own grace, and the first restart without a wait: it listens a second later, and its
    // readiness round of 2 s succeeds.
    let killed = records.iter().find_map(|record| match record.body {
        Body::ContainerExited { reason: ExitReason::Killed, .. } => Some(record.time.as_nanos() / 1_000_000),
        _ => None,
    });
    assert_eq!(killed, Some(failed + 20_000));
    assert_eq!(times(&records, "container-started")[2], failed + 21_000);
    assert_eq!(times(&records, "pod-ready")[2], failed + 22_000);
}
