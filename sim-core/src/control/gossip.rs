//! When a gossip pool declares a silent member dead, as hashicorp/memberlist does (SWIM with Lifeguard's suspicion):
//! every member probes one other per interval, in shuffled rounds; a probe without an answer makes it suspect the
//! other at the interval's end; suspicions of others shorten the wait before death is declared. Computed on demand
//! from the members' phases and turns; probes that succeed are not played. Knows no records and no addresses.

use crate::kernel::time::{SimDuration, SimTime};
use crate::model::settings::GossipSettings;

/// What one living member brings to the detection of a silent one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prober {
    /// Phase of its probe interval, below the interval.
    pub phase: SimDuration,
    /// How many of its probes go elsewhere before the silent member's turn, below the number of the others.
    pub turn: u64,
}

/// The instant at which the pool declares a member dead that fell silent at `silent`; `None` when nobody is left.
/// `members` is the size of the pool with the silent one.
pub fn dead_at(settings: &GossipSettings, members: u64, probers: &[Prober], silent: SimTime) -> Option<SimTime> {
    let mut suspicions: Vec<SimTime> = probers.iter().map(|prober| suspected_at(settings, *prober, silent)).collect();
    suspicions.sort_unstable();
    let (start, confirmations) = suspicions.split_first()?;
    let least = least_timeout(settings, members);
    let times = u64::from(settings.suspicion_max_timeout_mult);
    let most = SimDuration::from_nanos(least.as_nanos().saturating_mul(times));
    // So many confirmations bring the wait down to its least (`suspectNode` in memberlist's state.go).
    let wanted = u64::from(settings.suspicion_mult.saturating_sub(2));
    if wanted == 0 || members.saturating_sub(2) < wanted {
        return Some(start.saturating_add(least));
    }
    let mut declared = start.saturating_add(most);
    for (confirmed, at) in (1..=wanted).zip(confirmations) {
        if *at >= declared {
            break;
        }
        declared = start.saturating_add(shortened(least, most, confirmed, wanted)).max(*at);
    }
    Some(declared)
}

/// A member probes the silent one at its turn and suspects it when the interval ends without an answer.
fn suspected_at(settings: &GossipSettings, prober: Prober, silent: SimTime) -> SimTime {
    let interval = settings.probe_interval.as_nanos();
    let phase = prober.phase.as_nanos();
    let next = silent.as_nanos().saturating_sub(phase).div_ceil(interval);
    SimTime::from_nanos(phase + (next + prober.turn + 1) * interval)
}

/// `suspicionMult * max(1, log10(N)) * probeInterval`, with the logarithm cut to thousandths.
#[allow(clippy::cast_precision_loss)]
fn least_timeout(settings: &GossipSettings, members: u64) -> SimDuration {
    let scale = libm::log10(members.max(1) as f64).max(1.0);
    let thousandths = SimDuration::from_sampled_nanos(libm::floor(scale * 1_000.0)).as_nanos();
    let interval = u128::from(settings.probe_interval.as_nanos());
    let product = u128::from(settings.suspicion_mult) * u128::from(thousandths) * interval / 1_000;
    SimDuration::from_nanos(u64::try_from(product).unwrap_or(u64::MAX))
}

/// The wait after `confirmed` of `wanted` confirmations, in whole milliseconds.
#[allow(clippy::cast_precision_loss)]
fn shortened(least: SimDuration, most: SimDuration, confirmed: u64, wanted: u64) -> SimDuration {
    let share = libm::log(confirmed as f64 + 1.0) / libm::log(wanted as f64 + 1.0);
    let seconds = most.as_secs_f64() - share * (most.as_secs_f64() - least.as_secs_f64());
    let millis = SimDuration::from_sampled_nanos(libm::floor(1_000.0 * seconds)).as_nanos();
    SimDuration::from_millis(millis).max(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: SimDuration = SimDuration::from_secs(1);

    fn prober(phase_ms: u64, turn: u64) -> Prober {
        Prober { phase: SimDuration::from_millis(phase_ms), turn }
    }

    fn at(ms: u64) -> SimTime {
        SimTime::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn a_small_pool_waits_for_the_least_time() {
        // Three members: nobody but two is left, fewer than the two confirmations wanted; 4 s after the suspicion.
        let dead = dead_at(&GossipSettings::default(), 3, &[prober(250, 1), prober(500, 0)], at(60_000));
        // Member two probes at 60.5 s and suspects at 61.5 s; member one probes at 61.25 s.
        assert_eq!(dead, Some(at(65_500)));
        assert_eq!(dead_at(&GossipSettings::default(), 1, &[], at(60_000)), None);
    }

    #[test]
    fn confirmations_shorten_the_wait() {
        let settings = GossipSettings::default();
        // Suspicions at 61, 62 and 63 s in a pool of five: least 4 s, most 24 s, two confirmations wanted.
        let probers = [prober(0, 0), prober(0, 1), prober(0, 2)];
        assert_eq!(dead_at(&settings, 5, &probers, at(60_000)), Some(at(65_000)));
        // With one confirmation alone: 24 - ln 2 / ln 3 * 20 = 11.381 s.
        assert_eq!(dead_at(&settings, 5, &probers[..2], at(60_000)), Some(at(61_000 + 11_381)));
        // With none: 24 s.
        assert_eq!(dead_at(&settings, 5, &probers[..1], at(60_000)), Some(at(85_000)));
    }

    #[test]
    fn a_large_pool_scales_with_the_logarithm() {
        assert_eq!(least_timeout(&GossipSettings::default(), 1_000), SECOND * 12);
        assert_eq!(least_timeout(&GossipSettings::default(), 9), SECOND * 4);
    }
}
