//! The rate-limited queue that taints unreachable nodes, one per zone (D8), and zone disruption (D9).

use crate::kernel::time::{SimDuration, SimTime};
use crate::model::settings::ClusterSettings;

/// How much of a zone is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneState {
    /// Few nodes are lost.
    Normal,
    /// More than two, and the threshold's share or more.
    PartialDisruption,
    /// All.
    FullDisruption,
}

/// The state of a zone with so many nodes ready and not ready (`ComputeZoneState`).
pub fn zone_state(settings: &ClusterSettings, ready: u32, not_ready: u32) -> ZoneState {
    let share = u64::from(not_ready) * 100;
    if ready == 0 && not_ready > 0 {
        ZoneState::FullDisruption
    } else if not_ready > 2 && share >= settings.unhealthy_zone_threshold_percent * u64::from(ready + not_ready) {
        ZoneState::PartialDisruption
    } else {
        ZoneState::Normal
    }
}

/// Time between two taints in a zone; `None` stops them (`ReducedQPSFunc`, `handleDisruption`).
pub fn taint_interval(
    settings: &ClusterSettings,
    state: ZoneState,
    nodes: u32,
    all_zones_lost: bool,
) -> Option<SimDuration> {
    if all_zones_lost {
        return None;
    }
    match state {
        ZoneState::Normal | ZoneState::FullDisruption => Some(settings.node_eviction_interval),
        ZoneState::PartialDisruption => {
            (nodes > settings.large_cluster_size_threshold).then_some(settings.secondary_node_eviction_interval)
        }
    }
}

/// The token bucket of one zone: burst 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TokenBucket {
    /// When the last token was taken.
    taken: Option<SimTime>,
}

impl TokenBucket {
    /// When the next token is there, at `now` or later, for one token per `interval`.
    pub fn ready_at(&self, now: SimTime, interval: SimDuration) -> SimTime {
        self.taken.map_or(now, |taken| (taken + interval).max(now))
    }

    /// Takes the token.
    pub fn take(&mut self, at: SimTime) {
        self.taken = Some(at);
    }
}

/// The next look at the queue at or after `time`: loops stand at `phase + k * interval`.
pub fn next_loop(settings: &ClusterSettings, phase: SimDuration, time: SimTime) -> SimTime {
    let interval = settings.taint_queue_interval.as_nanos();
    let phase = phase.as_nanos() % interval;
    let loops = time.as_nanos().saturating_sub(phase).div_ceil(interval);
    SimTime::from_nanos(phase + loops * interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_states_of_d9() {
        let settings = ClusterSettings::default();
        assert_eq!(zone_state(&settings, 0, 1), ZoneState::FullDisruption);
        assert_eq!(zone_state(&settings, 1, 2), ZoneState::Normal);
        assert_eq!(zone_state(&settings, 2, 3), ZoneState::PartialDisruption);
        assert_eq!(zone_state(&settings, 3, 3), ZoneState::Normal);
        assert_eq!(zone_state(&settings, 5, 0), ZoneState::Normal);
    }

    #[test]
    fn taint_rates_of_d9() {
        let settings = ClusterSettings::default();
        let interval = |state, nodes, all| taint_interval(&settings, state, nodes, all);
        assert_eq!(interval(ZoneState::FullDisruption, 1, false), Some(SimDuration::from_secs(10)));
        assert_eq!(interval(ZoneState::PartialDisruption, 50, false), None);
        assert_eq!(interval(ZoneState::PartialDisruption, 51, false), Some(SimDuration::from_secs(100)));
        assert_eq!(interval(ZoneState::FullDisruption, 3, true), None);
    }

    #[test]
    fn one_token_per_interval() {
        let mut bucket = TokenBucket::default();
        let interval = SimDuration::from_secs(10);
        let now = SimTime::from_nanos(5);
        assert_eq!(bucket.ready_at(now, interval), now);
        bucket.take(now);
        assert_eq!(bucket.ready_at(now, interval), now + interval);
    }

    #[test]
    fn loops_stand_on_their_phase() {
        let settings = ClusterSettings::default();
        let phase = SimDuration::from_millis(30);
        let at = |ms: u64| next_loop(&settings, phase, SimTime::from_nanos(ms * 1_000_000)).as_nanos() / 1_000_000;
        assert_eq!((at(0), at(30), at(31), at(130)), (30, 30, 130, 130));
    }
}
