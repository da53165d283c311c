//! A day in small: the rate swings around a mean as a sine does.

use std::f64::consts::TAU;

use super::{ArrivalProcess, Gap, Pacing};
use crate::kernel::time::SimDuration;
use crate::model::parameters::{Parameter, ParameterKind, Spec};
use crate::workload::spacing::{Spacing, work_per_nano};

#[derive(Clone, Debug, PartialEq)]
struct Sinusoid {
    /// Work per nanosecond, above zero.
    mean: f64,
    /// Work per nanosecond, at most the mean.
    amplitude: f64,
    /// Nanoseconds, above zero.
    period: u64,
    /// Turns before the source's start.
    phase: f64,
    spacing: Spacing,
}

impl Sinusoid {
    /// Work of the first `nanos` nanoseconds of a period.
    #[allow(clippy::cast_precision_loss)] // periods are below 2^55 ns
    fn work_after(&self, nanos: u64) -> f64 {
        let turns = nanos as f64 / self.period as f64;
        let swing = libm::cos(TAU * self.phase) - libm::cos(TAU * (turns + self.phase));
        self.mean * nanos as f64 + self.amplitude * self.period as f64 / TAU * swing
    }
}

impl ArrivalProcess for Sinusoid {
    fn pacing(&self) -> Pacing {
        Pacing::Open
    }

    fn gap(&self, _number: u64, draw: u64) -> Gap {
        Gap::Work(self.spacing.work(draw))
    }

    #[allow(clippy::cast_precision_loss)] // the error of 2^-53 is below a nanosecond in a run of a hundred days
    fn reaches(&self, work: u64) -> Option<SimDuration> {
        let work = work.max(1) as f64;
        let of_a_period = self.mean * self.period as f64;
        let periods = libm::floor(work / of_a_period);
        let rest = work - periods * of_a_period;
        // The integral grows, so halving finds the first nanosecond that has it all.
        let (mut low, mut high) = (0, self.period);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.work_after(middle) < rest {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let before = SimDuration::from_sampled_nanos(periods).as_nanos().saturating_mul(self.period);
        Some(SimDuration::from_nanos(before.saturating_add(low)))
    }

    fn boxed_clone(&self) -> Box<dyn ArrivalProcess> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Spec<Box<dyn ArrivalProcess>> = Spec {
    name: "sinusoid",
    summary: "open loop: the rate swings around a mean by at most that mean, as a sine does",
    source: "non-homogeneous Poisson process, inversion of the integrated rate",
    parameters: &[
        Parameter { name: "mean", summary: "mean rate", kind: ParameterKind::Rate, required: true },
        Parameter {
            name: "amplitude",
            summary: "greatest distance from the mean, at most the mean",
            kind: ParameterKind::RateOrZero,
            required: true,
        },
        Parameter { name: "period", summary: "length of one swing", kind: ParameterKind::Duration, required: true },
        Parameter {
            name: "phase",
            summary: "how far into a swing the source starts (default 0s: at the mean, rising)",
            kind: ParameterKind::Duration,
            required: false,
        },
        Spacing::PARAMETER,
    ],
    build: |arguments| {
        let (mean, amplitude) = (arguments.rate("mean")?, arguments.rate("amplitude")?);
        let period = arguments.duration("period")?.as_nanos();
        let phase = arguments.duration("phase").unwrap_or(SimDuration::ZERO).as_nanos().checked_rem(period)?;
        let (mean, amplitude) = (work_per_nano(mean), work_per_nano(amplitude));
        #[allow(clippy::cast_precision_loss)] // periods are below 2^55 ns
        let phase = phase as f64 / period as f64;
        let spacing = Spacing::from_name(arguments.choice("spacing"));
        let swings = Sinusoid { mean, amplitude, period, phase, spacing };
        (amplitude <= mean).then(|| Box::new(swings) as Box<dyn ArrivalProcess>)
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_by_hand() {
        // 10/s on average over a period of 4 s; in the rising half 20 + 10 * 4 / pi of the 40 arrive.
        let day =
            Sinusoid { mean: 10.0, amplitude: 10.0, period: 4_000_000_000, phase: 0.0, spacing: Spacing::Constant };
        let at = |work: f64| day.reaches(SimDuration::from_sampled_nanos(work * 1e9).as_nanos()).unwrap().as_nanos();
        let half = 20.0 + 40.0 / std::f64::consts::PI;
        assert!(at(half).abs_diff(2_000_000_000) < 100, "the rate is zero at 3 s, not at 2 s");
        assert_eq!(at(40.0), 4_000_000_000);
        assert!(at(40.0 * 1000.0 + half).abs_diff(4_002_000_000_000) < 100);
        let later = Sinusoid { phase: 0.5, ..day.clone() };
        // Falling first: what is left of the 40 arrives in the second half.
        let at = later.reaches(SimDuration::from_sampled_nanos((40.0 - half) * 1e9).as_nanos()).unwrap();
        assert!(at.as_nanos().abs_diff(2_000_000_000) < 100);
    }

    #[test]
    fn arrivals_never_go_back() {
        let day = Sinusoid { mean: 3.0, amplitude: 3.0, period: 1_000_000, phase: 0.3, spacing: Spacing::Constant };
        let times: Vec<u64> = (0..20_000).map(|step| day.reaches(step * 170_003).unwrap().as_nanos()).collect();
        assert!(times.windows(2).all(|pair| pair[0] <= pair[1]));
    }
}
