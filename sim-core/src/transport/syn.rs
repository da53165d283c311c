//! The SYN schedule of Linux (E2, E3, linux-kernel section 3).

use crate::kernel::time::SimDuration;

/// Initial retransmission timeout (E1: `TCP_TIMEOUT_INIT`).
const INITIAL_RTO: SimDuration = SimDuration::from_secs(1);
/// Longest retransmission timeout (E1: `TCP_RTO_MAX`).
pub(super) const RTO_MAX: SimDuration = SimDuration::from_secs(120);

/// When the `attempt`-th SYN (from 0) is followed by the next timer:
/// the first `linear + 1` waits are 1 s, then each is twice the one before, at most 120 s.
pub fn syn_timeout(attempt: u32, linear: u32) -> SimDuration {
    doubled(INITIAL_RTO, attempt.saturating_sub(linear))
}

/// The kernel gives up at the first timer that fires at least this long after the first SYN:
/// time-based, 2^(retries + 1) - 1 s, with the cap on each wait (linux-kernel section 3).
pub fn syn_give_up_after(retries: u32) -> SimDuration {
    (0..=retries).fold(SimDuration::ZERO, |sum, doublings| sum + doubled(INITIAL_RTO, doublings))
}

/// The wait after the `attempt`-th SYN-ACK (E4: 1, 2, 4, ... s).
pub fn syn_ack_timeout(attempt: u32) -> SimDuration {
    doubled(INITIAL_RTO, attempt)
}

/// `base` doubled so many times, at most 120 s.
pub(super) fn doubled(base: SimDuration, doublings: u32) -> SimDuration {
    let factor = 1_u64 << doublings.min(20);
    SimDuration::from_nanos(base.as_nanos().saturating_mul(factor)).min(RTO_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds at which SYNs leave, and the second at which the kernel gives up.
    fn schedule(retries: u32, linear: u32) -> (Vec<u64>, u64) {
        let give_up = syn_give_up_after(retries);
        let mut elapsed = SimDuration::ZERO;
        let mut sent = vec![0];
        for attempt in 0.. {
            elapsed = elapsed + syn_timeout(attempt, linear);
            let seconds = elapsed.as_nanos() / 1_000_000_000;
            if elapsed >= give_up {
                return (sent, seconds);
            }
            sent.push(seconds);
        }
        unreachable!("the loop ends by giving up")
    }

    #[test]
    fn the_schedules_of_current_and_older_kernels() {
        assert_eq!(schedule(6, 4), (vec![0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67], 131));
        assert_eq!(schedule(6, 0), (vec![0, 1, 3, 7, 15, 31, 63], 127));
    }

    #[test]
    fn few_retries_with_linear_timeouts_are_time_based() {
        // Measured: 3.06 / 7.1 / 19.4 / 35.7 s with 3 / 6 / 8 / 9 SYNs.
        for (retries, syns, give_up) in [(1, 3, 3), (2, 6, 7), (3, 8, 19), (4, 9, 35)] {
            let (sent, second) = schedule(retries, 4);
            assert_eq!((sent.len(), second), (syns, give_up), "tcp_syn_retries {retries}");
        }
    }

    #[test]
    fn the_cap_enters_wait_and_threshold_alike() {
        assert_eq!(syn_give_up_after(7), SimDuration::from_secs(127 + 120));
    }
}
