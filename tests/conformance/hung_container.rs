//! Pods whose processes stand still: who notices under Kubernetes (D15, D16), and that nobody does under Docker (A28).

use sim_core::kernel::draws::{Draws, EntityKey, below};
use sim_core::trace::words::{ExitReason, Outcome, ProbeKind, SegmentKind};
use sim_core::trace::{Body, Level, Record};

use crate::faults::assert_rooted;
use crate::lab::{ONE_SERVER, count, outcomes, records_of, run, seconds_of, times, web_with, world_of};

/// One server on node-1, a request each second but at 0 s, and these faults; records of every level.
fn served(arm: &str, behaviour: &str, faults: &str, rest: &str) -> Vec<Record> {
    let rest = format!(
        "{ONE_SERVER}
  behaviour: {{deployment/my-nginx: {behaviour}}}
  traffic:
    - {{name: curl, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {{kind: constant, rate: 1/s}}}}
  faults: [{faults}]{rest}\n"
    );
    run(arm, &rest)
}

/// Like `served`, of a Deployment `web` with these probes that hangs from 60 s to 180 s.
fn probed(probes: &str) -> Vec<Record> {
    let rest = format!(
        "  duration: 4m
  topology: {{nodes: {{count: 2}}}}
  placement: {{deployment/web: [node-1], deployment/curl: [node-2]}}
  traffic:
    - {{name: curl, from: deployment/curl, to: 'service/web:80', arrivals: {{kind: constant, rate: 2/s}}}}
  faults: [{{name: hang, at: 60s, for: 120s, kind: container-hang, pod: {{of: deployment/web, index: 0}}}}]
{}",
        web_with(probes)
    );
    records_of(&world_of(&["curl.yaml"], "service", &rest, Level::Request))
}

/// The end of the third round in a row of ten seconds that fails by its timeout of 1 s, after 60 s.
fn third_failure(kind: ProbeKind) -> u64 {
    let key = EntityKey::of("deployment/default/web").part("pod", 0);
    let phase = below(Draws::new(1).once(key, "probe-phase", u64::from(kind.code())), 10_000_000_000);
    (phase + (60_000_000_000 - phase).div_ceil(10_000_000_000) * 10_000_000_000 + 21_000_000_000) / 1_000_000
}

#[test]
fn processes_stand_still_and_go_on_where_they_were() {
    let hang = "{name: hang, at: 10250ms, for: 5s, kind: container-hang, pod: {of: deployment/my-nginx}},
         {name: within, at: 11s, for: 1s, kind: container-hang, pod: {of: deployment/my-nginx}}";
    for arm in ["service", "docker-static"] {
        let records = served(arm, "{serviceTime: {kind: constant, value: 500ms}}", hang, "\n  duration: 30s");
        // A quarter of a second was left of the request of 10 s; that of 11 s begins at 15.25 s.
        let lengths = [9, 10, 11, 15, 16].map(|second: usize| outcomes(&records)[second - 1].1 / 10);
        assert_eq!(lengths, [50, 550, 475, 75, 50]);
        // The kernel took the handshake and acknowledged the request.
        assert_eq!(seconds_of(&records, SegmentKind::Syn, 10), [0]);
        assert_eq!((count(&records, "pod-hung"), count(&records, "pod-resumed")), (1, 1));
        assert_rooted(&records);
    }
}

#[test]
fn the_kernel_takes_connections_until_the_backlog_is_full() {
    // linux-kernel 9: a backlog of 1 takes two connections. SYNs of the request of 13 s go at 13, 14, 15 and 16 s (E3).
    let hang = "{name: hang, at: 10500ms, for: 5s, kind: container-hang, pod: {of: deployment/my-nginx}}";
    let records =
        served("service", "{serviceTime: {kind: constant, value: 100ms}, backlog: 1}", hang, "\n  duration: 30s");
    assert_eq!(seconds_of(&records, SegmentKind::Syn, 12), [0, 1, 2, 3]);
    assert_eq!(outcomes(&records)[12].1 / 100, 31);
}

#[test]
fn readiness_takes_a_hung_pod_out_after_three_silent_rounds() {
    let records = probed("readinessProbe: {httpGet: {path: /, port: http}}");
    let out = third_failure(ProbeKind::Readiness);
    // D16: 20 s to 30 s and the timeout.
    assert!((81_000..=91_000).contains(&out), "{out}");
    assert_eq!(times(&records, "probe-failed"), [out]);
    assert_eq!(times(&records, "pod-not-ready"), [out]);
    // It is ready again at the first round after the end that succeeds, which stands where it always did.
    assert_eq!(*times(&records, "pod-ready").last().unwrap(), out - 21_000 + 120_000);
    assert_eq!(count(&records, "container-exited"), 0);
    assert_rooted(&records);
}

#[test]
fn liveness_kills_a_hung_container_when_the_grace_is_over() {
    let records = probed("livenessProbe: {httpGet: {path: /, port: http}}");
    let found = third_failure(ProbeKind::Liveness);
    assert_eq!(times(&records, "stop-signal"), [found]);
    // D17: SIGTERM waits for processes that stand still, SIGKILL does not.
    let exits: Vec<(u64, ExitReason)> = records
        .iter()
        .filter_map(|record| match record.body {
            Body::ContainerExited { reason, .. } => Some((record.time.as_nanos() / 1_000_000, reason)),
            _ => None,
        })
        .collect();
    assert_eq!(exits, [(found + 30_000, ExitReason::Killed)]);
    // The processes that follow do not hang: nothing is left that could go on at the fault's end.
    assert_eq!(count(&records, "pod-resumed"), 0);
    let late = outcomes(&records).into_iter().skip(300).map(|(outcome, _)| outcome);
    assert!(late.clone().count() > 100 && late.into_iter().all(|outcome| outcome == Outcome::Ok));
    assert_rooted(&records);
}

#[test]
fn a_probe_that_only_connects_does_not_see_it() {
    let probes = "readinessProbe: {tcpSocket: {port: http}}, livenessProbe: {tcpSocket: {port: http}}";
    let records = probed(probes);
    assert_eq!((count(&records, "probe-failed"), count(&records, "pod-not-ready")), (0, 0));
    // Whoever asked while it hung is answered when it goes on.
    assert_eq!(times(&records, "pod-resumed"), [180_000]);
    assert!(outcomes(&records).iter().all(|(outcome, _)| *outcome == Outcome::Ok));
}

#[test]
fn under_docker_only_a_registrys_check_sees_it() {
    let hang = "{name: hang, at: 60s, kind: container-hang, pod: {of: deployment/my-nginx}}";
    let left = served("docker-static", "{}", hang, "\n  duration: 180s");
    assert_eq!((count(&left, "check-failed"), count(&left, "container-exited")), (0, 0));
    // Its host is alive, so gossip leaves it to the host's own checks: the third failure, at most 30 s and 1 s later.
    for health in ["checks", "gossip"] {
        let rest = format!("\n  duration: 180s\n  registry: {{health: {health}}}");
        let records = served("docker-registry", "{}", hang, &rest);
        let out = times(&records, "check-failed");
        assert!(out.len() == 1 && (81_000..=91_000).contains(&out[0]), "{out:?}");
        assert_eq!(count(&records, "container-exited"), 0);
        assert_rooted(&records);
    }
}
