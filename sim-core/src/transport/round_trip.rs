//! The round trip of a connection as its sender has measured it, and the retransmission timeout that follows (RFC 6298
//! with Linux' least variance, `__tcp_set_rto`). Knows no packets.

use super::retransmission::{JIFFY, RTO_MIN};
use super::syn::RTO_MAX;
use crate::kernel::time::SimDuration;

/// A smoothed round trip and its deviation.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundTrip {
    smoothed: SimDuration,
    deviation: SimDuration,
    measured: bool,
}

impl RoundTrip {
    /// A packet and its acknowledgement took `sample`.
    pub fn measure(&mut self, sample: SimDuration) {
        if !self.measured {
            *self =
                Self { smoothed: sample, deviation: SimDuration::from_nanos(sample.as_nanos() / 2), measured: true };
            return;
        }
        let mixed = |old: SimDuration, new: SimDuration, weight: u64| {
            SimDuration::from_nanos((old.as_nanos() * (weight - 1) + new.as_nanos()) / weight)
        };
        let error = SimDuration::from_nanos(self.smoothed.as_nanos().abs_diff(sample.as_nanos()));
        self.deviation = mixed(self.deviation, error, 4);
        self.smoothed = mixed(self.smoothed, sample, 8);
    }

    /// The retransmission timeout: the round trip in whole jiffies and four deviations, which count as 200 ms at least.
    /// `base` before anything was measured.
    pub fn timeout(&self, base: SimDuration) -> SimDuration {
        if !self.measured {
            return base;
        }
        let jiffies = self.smoothed.as_nanos() / JIFFY.as_nanos();
        (JIFFY * jiffies + RTO_MIN.max(self.deviation * 4)).min(RTO_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_round_trip_has_the_least_timeout_and_a_jump_lengthens_it() {
        let base = SimDuration::from_millis(240);
        let mut trip = RoundTrip::default();
        assert_eq!(trip.timeout(base), base);
        for _ in 0..20 {
            trip.measure(SimDuration::from_millis(42));
        }
        assert_eq!(trip.timeout(base), SimDuration::from_millis(240));
        // smoothed 42 + (842 - 42) / 8 = 142 ms, deviation about 800 / 4 = 200 ms.
        trip.measure(SimDuration::from_millis(842));
        let timeout = trip.timeout(base).as_nanos() / 1_000_000;
        assert!((940..=945).contains(&timeout), "{timeout}");
    }
}
