//! Retransmission of data on an established connection (E1, E6) and of an orphan's FIN.

use super::syn::{RTO_MAX, doubled};
use crate::kernel::time::SimDuration;

/// Least retransmission timeout (E1: `TCP_RTO_MIN`).
pub(super) const RTO_MIN: SimDuration = SimDuration::from_millis(200);
/// The kernel's timer resolution at HZ = 250, in which it keeps a smoothed round-trip time here.
/// (Timers that depend on sizes are rounded up to it, so that few distinct delays arise.)
pub const JIFFY: SimDuration = SimDuration::from_millis(4);
/// Retransmissions of a socket nobody holds any more (`tcp_orphan_retries` 0 means 8).
pub const ORPHAN_RETRIES: u32 = 8;

/// A round trip in whole jiffies, as the kernel keeps it.
pub fn whole_jiffies(round_trip: SimDuration) -> u32 {
    u32::try_from(round_trip.as_nanos() / JIFFY.as_nanos()).unwrap_or(u32::MAX)
}

/// The first timeout of a connection whose handshake took so many jiffies:
/// srtt + max(4 rttvar, 200 ms), with srtt in whole jiffies (`__tcp_set_rto`, include/net/tcp.h).
pub fn base_timeout(round_trip: u32) -> SimDuration {
    RTO_MIN + JIFFY * u64::from(round_trip)
}

/// The wait after the `attempt`-th transmission (from 0) of the same data.
pub fn timeout(base: SimDuration, attempt: u32) -> SimDuration {
    doubled(base, attempt)
}

/// A wait in whole jiffies, of which there are few.
pub fn in_jiffies(wait: SimDuration) -> SimDuration {
    JIFFY * wait.as_nanos().div_ceil(JIFFY.as_nanos())
}

/// The kernel reports ETIMEDOUT at the first timer at least this long after the first transmission (E6: 924.6 s).
pub fn give_up_after(retries: u32) -> SimDuration {
    (0..=retries).fold(SimDuration::ZERO, |sum, doublings| sum + doubled(RTO_MIN, doublings).min(RTO_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_of_e6() {
        let base = base_timeout(whole_jiffies(SimDuration::from_micros(400)));
        let mut elapsed = SimDuration::ZERO;
        let mut at = Vec::new();
        for attempt in 0..12 {
            elapsed = elapsed + timeout(base, attempt);
            at.push(elapsed.as_nanos() / 100_000_000);
        }
        assert_eq!(at, [2, 6, 14, 30, 62, 126, 254, 510, 1_022, 2_046, 3_246, 4_446]);
    }

    #[test]
    fn give_up_times() {
        assert_eq!(give_up_after(15), SimDuration::from_millis(924_600));
        assert_eq!(give_up_after(8), SimDuration::from_millis(102_200));
    }

    #[test]
    fn a_long_round_trip_lengthens_the_base() {
        let base = |milliseconds| base_timeout(whole_jiffies(SimDuration::from_millis(milliseconds)));
        assert_eq!([3, 301].map(base), [200, 500].map(SimDuration::from_millis));
    }
}
