//! When an orchestrator of Docker hosts counts a silent host as lost (Docker Swarm: a heartbeat every 5 s,
//! lost three periods after the last one; moby/swarmkit manager/dispatcher). Heartbeats are computed, not played.

use crate::kernel::time::{SimDuration, SimTime};

/// The instant at which a host whose heartbeats stand at `phase + k * period` and end at `down` is counted as lost.
pub fn lost_at(period: SimDuration, grace: SimDuration, phase: SimDuration, down: SimTime) -> SimTime {
    let period = period.as_nanos();
    let phase = phase.as_nanos() % period;
    let beats = down.as_nanos().saturating_sub(phase) / period;
    SimTime::from_nanos(phase.min(down.as_nanos()) + beats * period) + grace
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grace_runs_from_the_last_heartbeat() {
        let lost = |phase: u64, down: u64| {
            lost_at(
                SimDuration::from_secs(5),
                SimDuration::from_secs(15),
                SimDuration::from_secs(phase),
                SimTime::from_nanos(down * 1_000_000_000),
            )
        };
        assert_eq!(lost(2, 61).as_nanos(), 72_000_000_000);
        assert_eq!(lost(2, 62).as_nanos(), 77_000_000_000);
        assert_eq!(lost(4, 1).as_nanos(), 16_000_000_000);
    }
}
