//! How long a dead container waits for its next start: kubelet (D18) and Docker (A25).

use crate::kernel::time::SimDuration;
use crate::model::settings::{ClusterSettings, DockerSettings};

/// kubelet: the first restart is immediate, then 10 s, 20 s, 40 s ... up to 300 s.
pub fn kubelet_wait(settings: &ClusterSettings, restarts: u32) -> SimDuration {
    if restarts == 0 {
        return SimDuration::ZERO;
    }
    doubled(settings.crash_back_off_initial, restarts - 1, settings.crash_back_off_max)
}

/// kubelet forgets its back-off after twice the longest wait without a crash (10 min).
pub fn kubelet_resets(settings: &ClusterSettings, ran: SimDuration) -> bool {
    ran >= settings.crash_back_off_max * 2
}

/// Docker: 100 ms, doubling, at most 1 min.
pub fn docker_wait(settings: &DockerSettings, restarts: u32) -> SimDuration {
    doubled(settings.restart_back_off_initial, restarts, settings.restart_back_off_max)
}

/// Docker starts again at 100 ms when the container ran for 10 s.
pub fn docker_resets(settings: &DockerSettings, ran: SimDuration) -> bool {
    ran >= settings.restart_back_off_reset
}

fn doubled(initial: SimDuration, doublings: u32, most: SimDuration) -> SimDuration {
    let factor = 1_u64 << doublings.min(30);
    SimDuration::from_nanos(initial.as_nanos().saturating_mul(factor)).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubelet_and_docker_back_off() {
        let cluster = ClusterSettings::default();
        let waits: Vec<u64> = (0..8).map(|n| kubelet_wait(&cluster, n).as_nanos() / 1_000_000_000).collect();
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
        let docker = DockerSettings::default();
        let waits: Vec<u64> = (0..12).map(|n| docker_wait(&docker, n).as_nanos() / 1_000_000).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 60_000, 60_000]);
        assert!(!docker_resets(&docker, SimDuration::from_millis(9_999)));
        assert!(docker_resets(&docker, SimDuration::from_secs(10)));
        assert!(kubelet_resets(&cluster, SimDuration::from_secs(600)));
    }
}
