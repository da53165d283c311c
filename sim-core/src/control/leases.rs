//! When a kubelet renews its node's lease (D2, D6), computed on demand: renewal k + 1 follows renewal k
//! after the interval times U(1, 1 + jitter).

use crate::kernel::draws::{Draws, EntityKey, Stream, below};
use crate::kernel::time::{SimDuration, SimTime};

/// The lease of one node.
#[derive(Clone, Debug)]
pub struct Lease {
    draws: Stream,
    interval: SimDuration,
    jitter_percent: u64,
    /// Number and time of the last renewal computed.
    number: u64,
    renewed: SimTime,
}

impl Lease {
    /// A lease whose first renewal is made at `first`.
    pub fn starting(node: EntityKey, interval: SimDuration, jitter_percent: u64, first: SimTime) -> Self {
        let draws = Stream::new(node.part("lease", first.as_nanos()), "renewal");
        Self { draws, interval, jitter_percent, number: 0, renewed: first }
    }

    /// The last renewal at or before `now`; calls come in order of time.
    /// Before the first renewal it is the run's start, when every lease stands fresh.
    pub fn last_renewal(&mut self, draws: &mut Draws, now: SimTime) -> SimTime {
        if self.renewed > now {
            return SimTime::ZERO;
        }
        loop {
            let draw = draws.read(&mut self.draws, self.number);
            let spread = self.interval.as_nanos() / 100 * self.jitter_percent;
            let next = self.renewed + self.interval + SimDuration::from_nanos(below(draw, spread + 1));
            if next > now {
                return self.renewed;
            }
            self.renewed = next;
            self.number += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: SimDuration = SimDuration::from_secs(10);

    fn lease() -> Lease {
        Lease::starting(EntityKey::of("node/node-1"), INTERVAL, 4, SimTime::from_nanos(3_000_000_000))
    }

    #[test]
    fn renewals_are_an_interval_and_at_most_four_percent_apart() {
        let mut draws = Draws::new(1);
        let mut lease = lease();
        let mut seen = Vec::new();
        for second in 0..1_000 {
            let renewal = lease.last_renewal(&mut draws, SimTime::from_nanos(second * 1_000_000_000));
            if seen.last() != Some(&renewal) {
                seen.push(renewal);
            }
        }
        for pair in seen[1..].windows(2) {
            let gap = pair[1].since(pair[0]).as_nanos();
            assert!((10_000_000_000..=10_400_000_000).contains(&gap), "gap {gap}");
        }
        assert!(seen.len() > 90);
    }

    #[test]
    fn asking_rarely_gives_what_asking_often_gives() {
        let mut draws = Draws::new(2);
        let mut often = lease();
        for tenth in 0..5_000 {
            often.last_renewal(&mut draws, SimTime::from_nanos(tenth * 100_000_000));
        }
        let end = SimTime::from_nanos(500_000_000_000);
        assert_eq!(often.last_renewal(&mut draws, end), lease().last_renewal(&mut draws, end));
    }
}
