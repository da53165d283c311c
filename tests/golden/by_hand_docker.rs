//! The same as `by_hand`, of scenarios about Docker's daemons.

use sim_core::trace::Body;
use sim_core::trace::words::Outcome;

use crate::by_hand::{SECOND, count, times};
use crate::library;

#[test]
fn docker_restart_ports() {
    let all = library::named("docker-restart-ports.yaml");
    let fixed = all.arm("docker-static");
    // The range begins again: both hand out 32768 and 32769 at 0 s and at 31 s, the second time to the other container.
    let holders: Vec<(u64, u32, u16)> = fixed
        .records
        .iter()
        .filter_map(|record| match record.body {
            Body::PortPublished { pod, host_port, .. } => Some((record.time.as_nanos() / SECOND, pod.0, host_port)),
            _ => None,
        })
        .collect();
    assert_eq!(holders, [(0, 0, 32_768), (0, 1, 32_769), (31, 1, 32_768), (31, 0, 32_769)]);
    // 10/s per team from 0.1 s to 89.9 s. Refused from 30.0 to 31.9 s: 20. Before: 299. After, until 89.9 s: 580, all wrong.
    let counts = [Outcome::Ok, Outcome::ConnectionRefused, Outcome::WrongService].map(|outcome| count(fixed, outcome));
    assert_eq!(counts, [2 * 299, 2 * 20, 2 * 580]);
    // Checks every 10 s, three in a row: both old addresses are dropped 20 to 30 s after the restart, and every client
    // has heard of it 1 s later.
    let registry = all.arm("docker-registry");
    let failed = times(registry, "check-failed");
    assert!(failed.len() == 2 && failed.iter().all(|at| (50 * SECOND..=60 * SECOND).contains(at)), "{failed:?}");
    let wrong = registry
        .records
        .iter()
        .rev()
        .find(|record| matches!(record.body, Body::RequestEnded { outcome: Outcome::WrongService, .. }));
    assert!(wrong.is_some_and(|record| record.time.as_nanos() < 62 * SECOND), "{wrong:?}");
    // With live-restore every one of the 2 * 899 requests is answered by whom it was meant for.
    assert_eq!(count(all.arm("live-restore"), Outcome::Ok), 2 * 899);
}
