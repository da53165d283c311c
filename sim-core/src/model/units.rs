//! Quantities with units: rates of arrivals and of bits, planned arrivals. Knows only time.

use crate::kernel::time::SimDuration;

/// Arrivals per time, kept exact: `events` in each `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many, at least 1, but where a parameter allows 0.
    pub events: u64,
    /// In which time, at least 1 ns.
    pub per: SimDuration,
}

impl Rate {
    /// The mean gap between two arrivals in nanoseconds.
    #[allow(clippy::cast_precision_loss)]
    pub fn mean_gap_nanos(self) -> f64 {
        self.per.as_nanos() as f64 / self.events as f64
    }
}

/// An arrival that was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedArrival {
    /// After the source's start.
    pub at: SimDuration,
    /// Payload of the request in bytes; `None` leaves it to the source.
    pub bytes: Option<u64>,
}

/// Bits per second of a link, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bandwidth(pub u64);

impl Bandwidth {
    /// The time `bytes` bytes take on the wire, rounded up to whole nanoseconds.
    pub fn serialisation(self, bytes: u64) -> SimDuration {
        let nanos = (u128::from(bytes) * 8 * 1_000_000_000).div_ceil(u128::from(self.0));
        SimDuration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serialisation_rounds_up() {
        assert_eq!(Bandwidth(10_000_000_000).serialisation(1_250).as_nanos(), 1_000);
        assert_eq!(Bandwidth(3_000_000_000).serialisation(1).as_nanos(), 3);
    }

    #[test]
    fn mean_gap_is_time_over_events() {
        let rate = Rate { events: 200, per: SimDuration::from_secs(1) };
        assert!((rate.mean_gap_nanos() - 5e6).abs() < 1e-6);
    }
}
