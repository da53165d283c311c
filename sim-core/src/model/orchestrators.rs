//! Orchestrators of Docker hosts that replace the containers of a lost host, with their own names for their clocks.

use crate::kernel::time::SimDuration;

/// Docker Swarm (moby/swarmkit manager/dispatcher, manager/orchestrator/restart, api/defaults).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwarmSettings {
    /// `docker swarm update --dispatcher-heartbeat`: time between two heartbeats of a host (5 s).
    pub dispatcher_heartbeat: SimDuration,
    /// `defaultHeartBeatEpsilon`: each of those times is drawn from so much less to so much more (500 ms).
    pub heartbeat_epsilon: SimDuration,
    /// `defaultGracePeriodMultiplier`: a host is down so many of its last such times after its last heartbeat (3).
    pub grace_period_multiplier: u32,
    /// `docker service create --restart-delay`: a task's replacement starts so much later (5 s), drained hosts apart.
    pub restart_delay: SimDuration,
}

impl Default for SwarmSettings {
    fn default() -> Self {
        Self {
            dispatcher_heartbeat: SimDuration::from_secs(5),
            heartbeat_epsilon: SimDuration::from_millis(500),
            grace_period_multiplier: 3,
            restart_delay: SimDuration::from_secs(5),
        }
    }
}

/// Nomad (hashicorp/nomad nomad/config.go `DefaultConfig`, nomad/heartbeat.go; the job's `disconnect` block).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NomadSettings {
    /// Server `min_heartbeat_ttl`: a client's time to live is at least this long, and up to twice as long (10 s).
    pub min_heartbeat_ttl: SimDuration,
    /// Server `max_heartbeats_per_second` (50): with many clients the time to live is their number divided by this.
    pub max_heartbeats_per_second: u32,
    /// Server `heartbeat_grace`: a client is down so long after its time to live (10 s).
    pub heartbeat_grace: SimDuration,
    /// Job `disconnect { lost_after }`: allocations of a client that is down are unknown for so long; `None`: not at all.
    pub lost_after: Option<SimDuration>,
    /// Job `disconnect { replace }`: unknown allocations are replaced at once (true).
    pub replace: bool,
}

impl Default for NomadSettings {
    fn default() -> Self {
        Self {
            min_heartbeat_ttl: SimDuration::from_secs(10),
            max_heartbeats_per_second: 50,
            heartbeat_grace: SimDuration::from_secs(10),
            lost_after: None,
            replace: true,
        }
    }
}

impl NomadSettings {
    /// The shortest time to live that a server hands out to one of so many clients.
    pub fn heartbeat_ttl(&self, clients: usize) -> SimDuration {
        let rate = u64::from(self.max_heartbeats_per_second.max(1));
        let scaled = (clients as u64).saturating_mul(1_000_000_000) / rate;
        self.min_heartbeat_ttl.max(SimDuration::from_nanos(scaled))
    }

    /// How long allocations of a client that is down keep their place.
    pub fn holds_for(&self) -> SimDuration {
        self.lost_after.filter(|_| !self.replace).unwrap_or(SimDuration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_live_grows_with_the_number_of_clients() {
        let settings = NomadSettings::default();
        let ttl = |clients: usize| settings.heartbeat_ttl(clients).as_nanos() / 1_000_000_000;
        assert_eq!([ttl(3), ttl(500), ttl(501 * 2)], [10, 10, 20]);
    }

    #[test]
    fn only_a_job_that_waits_holds_the_place_of_lost_allocations() {
        let minute = Some(SimDuration::from_secs(60));
        let holds = |lost_after, replace| NomadSettings { lost_after, replace, ..NomadSettings::default() }.holds_for();
        assert_eq!([holds(None, false), holds(minute, true)], [SimDuration::ZERO; 2]);
        assert_eq!(holds(minute, false), SimDuration::from_secs(60));
    }
}
