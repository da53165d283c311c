//! When a registry's checker counts a dead address as failed: checks stand at `phase + k * interval`
//! (assumption: from start to start), `failures` in a row take the address out. Checks that succeed are not played.

use crate::kernel::time::{SimDuration, SimTime};
use crate::model::settings::RegistrySettings;

/// The instant of the check that takes out an address that stopped answering at `down`.
/// `silent`: no answer comes at all, so the last check fails only after its timeout; otherwise it is refused at once.
pub fn failed_at(settings: &RegistrySettings, phase: SimDuration, down: SimTime, silent: bool) -> SimTime {
    let interval = settings.interval.as_nanos();
    let phase = phase.as_nanos() % interval;
    let first = down.as_nanos().saturating_sub(phase).div_ceil(interval);
    let last = first + u64::from(settings.failures) - 1;
    let start = SimTime::from_nanos(phase + last * interval);
    if silent { start + settings.timeout } else { start }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_failure_counts() {
        let settings = RegistrySettings::default();
        let phase = SimDuration::from_secs(4);
        let down = SimTime::from_nanos(60_000_000_000);
        // Checks at 64, 74, 84 s.
        assert_eq!(failed_at(&settings, phase, down, false).as_nanos(), 84_000_000_000);
        assert_eq!(failed_at(&settings, phase, down, true).as_nanos(), 85_000_000_000);
        // A check at the very instant of death already fails.
        assert_eq!(failed_at(&settings, SimDuration::ZERO, down, false).as_nanos(), 80_000_000_000);
    }

    #[test]
    fn on_demand_equals_ticking() {
        let settings = RegistrySettings::default();
        for step in 0..200_u64 {
            let phase = step * 97_000_003 % settings.interval.as_nanos();
            let down = step * 1_234_567_891;
            let mut check = phase;
            let mut failures = 0;
            let ticked = loop {
                failures = if check >= down { failures + 1 } else { 0 };
                if failures == settings.failures {
                    break check;
                }
                check += settings.interval.as_nanos();
            };
            let computed = failed_at(&settings, SimDuration::from_nanos(phase), SimTime::from_nanos(down), false);
            assert_eq!(computed.as_nanos(), ticked);
        }
    }
}
