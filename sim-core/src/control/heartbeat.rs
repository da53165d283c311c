//! When an orchestrator of Docker hosts counts a silent host as lost (Docker Swarm: a heartbeat every 5 s,
//! lost three periods after the last one; moby/swarmkit manager/dispatcher). Heartbeats are computed, not played.

use crate::kernel::draws::{Draws, EntityKey, Stream, below};
use crate::kernel::time::{SimDuration, SimTime};

/// The instant at which a host whose heartbeats stand at `phase + k * period` and end at `down` is counted as lost.
pub fn lost_at(period: SimDuration, grace: SimDuration, phase: SimDuration, down: SimTime) -> SimTime {
    let period = period.as_nanos();
    let phase = phase.as_nanos() % period;
    let beats = down.as_nanos().saturating_sub(phase) / period;
    SimTime::from_nanos(phase.min(down.as_nanos()) + beats * period) + grace
}

/// A host's heartbeats that are not evenly spaced: each one is answered with the time to the next, which is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrawnBeats {
    /// The least such time.
    pub least: SimDuration,
    /// It is up to so much longer.
    pub spread: SimDuration,
    /// The host is lost so many of those times after its last heartbeat...
    pub multiplier: u32,
    /// ... and this.
    pub grace: SimDuration,
}

impl DrawnBeats {
    /// The instant at which a host counts as lost whose heartbeats begin at `first` and end at `down`.
    /// One that has not beaten by then counts as having done so at the run's start.
    pub fn lost_at(&self, draws: &mut Draws, host: EntityKey, first: SimTime, down: SimTime) -> SimTime {
        let mut stream = Stream::new(host.part("heartbeat", first.as_nanos()), "heartbeat");
        let mut wait = |number: u64| {
            let draw = draws.read(&mut stream, number);
            self.least + SimDuration::from_nanos(below(draw, self.spread.as_nanos() + 1))
        };
        let (mut number, mut beat) = (0, first);
        let mut last = wait(number);
        if beat > down {
            beat = SimTime::ZERO;
        }
        while beat >= first && beat + last <= down {
            beat += last;
            number += 1;
            last = wait(number);
        }
        let allowed = SimDuration::from_nanos(last.as_nanos().saturating_mul(u64::from(self.multiplier)));
        beat + allowed + self.grace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_beats_lose_a_host_after_their_own_time() {
        let swarm = DrawnBeats {
            least: SimDuration::from_millis(4_500),
            spread: SimDuration::from_secs(1),
            multiplier: 3,
            grace: SimDuration::ZERO,
        };
        let nomad = DrawnBeats {
            least: SimDuration::from_secs(10),
            spread: SimDuration::from_secs(10),
            multiplier: 1,
            grace: SimDuration::from_secs(10),
        };
        let mut draws = Draws::new(1);
        let mut longest = [0, 0];
        for host in 0..500 {
            let key = EntityKey::of("node").part("n", host);
            let down = SimTime::from_nanos(100_000_000_000 + host * 7_000_000);
            let mut wait = |beats: &DrawnBeats| {
                beats.lost_at(&mut draws, key, SimTime::from_nanos(1_000_000_000), down).since(down).as_nanos()
                    / 1_000_000
            };
            // Three times are allowed, and less than one of them had passed: 2 * 4.5 s to 3 * 5.5 s.
            let lost = wait(&swarm);
            assert!((9_000..=16_500).contains(&lost), "{lost}");
            longest[0] = longest[0].max(lost);
            // The grace is left at least, and a time to live of 20 s before it at most.
            let lost = wait(&nomad);
            assert!((10_000..=30_000).contains(&lost), "{lost}");
            longest[1] = longest[1].max(lost);
        }
        assert!(longest[0] > 15_500 && longest[1] > 27_000, "{longest:?}");
        // Nobody has beaten yet: the run's start counts.
        let early = nomad.lost_at(&mut draws, EntityKey::of("n"), SimTime::from_nanos(9_000_000_000), SimTime::ZERO);
        assert!((20_000_000_000..=30_000_000_000).contains(&early.as_nanos()));
    }

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
