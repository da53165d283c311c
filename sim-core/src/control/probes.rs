//! When a readiness probe first finds a started container ready (D15).

use crate::kernel::time::SimDuration;
use crate::model::application::Probe;

/// From the container's start to its being ready: the worker probes at once and then every period,
/// skips rounds before the initial delay, and needs `successThreshold` successes in a row.
/// `listening` is when the process answers, after the container's start.
pub fn ready_after(probe: Option<Probe>, listening: SimDuration) -> SimDuration {
    let Some(probe) = probe else { return listening };
    let period = probe.period.as_nanos().max(1);
    let earliest = probe.initial_delay.max(listening).as_nanos();
    let first_success = earliest.div_ceil(period);
    let rounds = first_success + u64::from(probe.success_threshold.max(1)) - 1;
    SimDuration::from_nanos(rounds * period)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(initial_delay: u64, period: u64, success_threshold: u32) -> Probe {
        Probe {
            initial_delay: SimDuration::from_secs(initial_delay),
            period: SimDuration::from_secs(period),
            timeout: SimDuration::from_secs(1),
            success_threshold,
            failure_threshold: 3,
        }
    }

    #[test]
    fn rounds_before_the_delay_and_before_listening_do_not_count() {
        let listening = SimDuration::from_secs(3);
        assert_eq!(ready_after(None, listening), listening);
        assert_eq!(ready_after(Some(probe(0, 10, 1)), listening), SimDuration::from_secs(10));
        assert_eq!(ready_after(Some(probe(15, 10, 1)), listening), SimDuration::from_secs(20));
        assert_eq!(ready_after(Some(probe(0, 2, 3)), listening), SimDuration::from_secs(8));
        assert_eq!(ready_after(Some(probe(0, 10, 1)), SimDuration::ZERO), SimDuration::ZERO);
    }
}
