//! As `by_hand`, for the scenarios of discovery, reschedulers, hung containers and short grace periods.

use sim_core::model::ids::{NodeId, SourceId};
use sim_core::trace::Body;
use sim_core::trace::words::{ExitReason, Outcome};

use crate::by_hand::{SECOND, count, times};
use crate::library::{self, Run};

/// Seconds, in nanoseconds, at which a node (the control plane is number 0) was given up and taken back.
fn readiness(run: &Run, wanted: u32) -> (Vec<u64>, Vec<u64>) {
    let mut out = (Vec::new(), Vec::new());
    for record in &run.records {
        match record.body {
            Body::NodeNotReady { node } if node == NodeId(wanted) => out.0.push(record.time.as_nanos()),
            Body::NodeReady { node } if node == NodeId(wanted) => out.1.push(record.time.as_nanos()),
            _ => {}
        }
    }
    out
}

#[test]
fn two_teams_port_plan() {
    let all = library::named("two-teams-port-plan.yaml");
    let published = |run: &Run| -> Vec<u16> {
        let ports = run.records.iter().filter_map(|record| match record.body {
            Body::PortPublished { host_port, .. } => Some(host_port),
            _ => None,
        });
        ports.collect()
    };
    // The first port of each range; 4 requests a second each, for 20 s, the last at the end: 2 * 79 within the run.
    assert_eq!(published(all.arm("docker-static"))[..2], [8000, 8100]);
    assert_eq!(times(all.arm("docker-static"), "port-conflict"), Vec::<u64>::new());
    assert_eq!(count(all.arm("docker-static"), Outcome::Ok), 158);
    assert_eq!(count(all.arm("service"), Outcome::Ok), 158);
}

#[test]
fn hung_container() {
    let all = library::named("hung-container.yaml");
    let service = all.arm("service");
    // D16: of six hung pods' Services only by-http's loses one, 21 s to 31 s after the hang at 60 s.
    let out = times(service, "pod-not-ready");
    assert!((81 * SECOND..=91 * SECOND).contains(&out[0]), "{out:?}");
    // D15, D17: its liveness probe fails in the same bounds, SIGKILL follows 30 s later, and the kubelet starts it again.
    let killed: Vec<u64> = service
        .records
        .iter()
        .filter_map(|record| match record.body {
            Body::ContainerExited { reason: ExitReason::Killed, .. } => Some(record.time.as_nanos()),
            _ => None,
        })
        .collect();
    assert!(killed.len() == 1 && (111 * SECOND..=121 * SECOND).contains(&killed[0]), "{killed:?}");
    // The two others go on where they were at 300 s; the third has died.
    assert_eq!(times(service, "pod-resumed"), [300 * SECOND; 2]);
    // A28: under Docker nothing dies; a registry's third failed check comes 20 s to 30 s and 1 s after the hang.
    for arm in ["docker-static", "docker-registry"] {
        assert_eq!(times(all.arm(arm), "container-exited"), Vec::<u64>::new());
    }
    let failed = times(all.arm("docker-registry"), "check-failed");
    assert!(failed.len() == 3 && failed.iter().all(|at| (81 * SECOND..=91 * SECOND).contains(at)), "{failed:?}");
}

#[test]
fn reschedulers() {
    let all = library::named("reschedulers.yaml");
    let back = |arm: &str| -> Option<u64> {
        let started = times(all.arm(arm), "container-started");
        started.into_iter().find(|at| *at > 60 * SECOND).map(|at| at - 60 * SECOND)
    };
    let within = |arm: &str, from: u64, to: u64| {
        let at = back(arm).unwrap() / 1_000_000;
        assert!((from..=to).contains(&at), "{arm}: {at}");
    };
    // Swarm: 9 s to 16.5 s, 5 s of delay, 10 ms each to decide and to place, 1 s to start.
    within("swarm", 9_000 + 6_020, 16_500 + 6_020);
    // Nomad: 10 s to 30 s, and the same without a delay.
    within("nomad", 10_000 + 1_020, 30_000 + 1_020);
    // Kubernetes: 40 s to 55 s (D6), 305.012 s to 305.112 s (D8, D10, D11), 10 ms to place, a watch, 1 s to start.
    within("kubernetes", 39_600 + 306_022, 55_100 + 306_200);
    // The host is back at 450 s, and its own daemon starts what it had: nobody else does.
    assert_eq!(back("plain-docker"), Some(391 * SECOND));
}

#[test]
fn control_plane_partition_short_grace() {
    let all = library::named("control-plane-partition-short-grace.yaml");
    assert_eq!(readiness(all.arm("default"), 1), (vec![], vec![]));
    let short = all.arm("short-grace");
    let (lost, back) = readiness(short, 1);
    // The last renewal is up to 2.08 s old; a pass within 2.002 s sees it, and the first pass more than 8 s later is up to
    // 2.002 s late: 5.92 s to 12.004 s after 60 s. The node is heard again at 85 s, by the next pass.
    assert!(lost.len() == 1 && (65_920..=72_004).contains(&(lost[0] / 1_000_000)), "{lost:?}");
    assert!(back.len() == 1 && (85_000..=87_002).contains(&(back[0] / 1_000_000)), "{back:?}");
    // Every request failed that found the rules empty; the pod ran on.
    let failed = count(short, Outcome::ConnectionRefused) + count(short, Outcome::ConnectTimeout);
    assert!((25..=43).contains(&failed), "{failed}");
    assert_eq!(times(short, "container-exited"), Vec::<u64>::new());
}

#[test]
fn failover_in_3s() {
    let all = library::named("failover-in-3s.yaml");
    let lost = |arm: &str, node: u32, since: u64| -> Vec<u64> {
        let (lost, _) = readiness(all.arm(arm), node);
        lost.into_iter().map(|at| (at - since * SECOND) / 1_000_000).collect()
    };
    // D6 by the defaults; neither the pause of 5 s nor the blip of 10 s is noticed.
    assert!(matches!(lost("defaults", 1, 60)[..], [at] if (39_600..=55_100).contains(&at)));
    assert_eq!((lost("defaults", 2, 240), lost("defaults", 3, 300)), (vec![], vec![]));
    // 2 s of grace after a pass within 502 ms of a renewal at most 520 ms old, and up to 502 ms late: 1.48 s to 3.01 s.
    for (node, since) in [(1, 60), (2, 240), (3, 300)] {
        let at = lost("short-grace", node, since);
        assert!(matches!(at[..], [at] if (1_480..=3_010).contains(&at)), "node-{node}: {at:?}");
    }
    // A third of the requests meet the dead node, a third of those again, and again: a 27th of 20/s for 40 s to 55 s.
    let failed = count(all.arm("client-retry"), Outcome::ConnectTimeout);
    assert!((15..=60).contains(&failed), "{failed}");
    // The front proxy's clients see no failure at all: 20/s for 6 minutes, all but the last.
    let proxied = all.arm("front-proxy");
    let ok = proxied
        .records
        .iter()
        .filter(|record| matches!(record.body, Body::RequestEnded { source: SourceId(0), outcome: Outcome::Ok, .. }));
    assert_eq!(ok.count(), 7_199);
    let ejected = times(proxied, "address-ejected");
    // The first connect that fails: within 150 ms of the death somebody asks, and waits for a second.
    assert!((61 * SECOND..=61 * SECOND + 160_000_000).contains(&ejected[0]), "{}", ejected[0]);
}
