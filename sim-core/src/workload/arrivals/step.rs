//! Steps: the rate is constant and changes at once at given times.

use std::sync::Arc;

use super::{ArrivalProcess, Gap, Pacing};
use crate::kernel::time::SimDuration;
use crate::model::parameters::{Parameter, ParameterKind, Spec};
use crate::model::units::Rate;
use crate::workload::spacing::{Spacing, work_per_nano};

/// A stretch of constant rate.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stretch {
    /// Its start after the source's start.
    at: SimDuration,
    /// Work per nanosecond.
    rate: f64,
    /// Work before it.
    before: f64,
}

#[derive(Clone, Debug, PartialEq)]
struct Step {
    /// At least one, by time.
    stretches: Arc<[Stretch]>,
    spacing: Spacing,
}

impl Step {
    #[allow(clippy::cast_precision_loss)] // lengths of a model are below 2^55 ns
    fn new(steps: &[(SimDuration, Rate)], spacing: Spacing) -> Self {
        let mut stretches: Vec<Stretch> = Vec::new();
        for (at, rate) in steps {
            let before = stretches
                .last()
                .map_or(0.0, |last| last.before + last.rate * at.saturating_sub(last.at).as_nanos() as f64);
            stretches.push(Stretch { at: *at, rate: work_per_nano(*rate), before });
        }
        Self { stretches: stretches.into(), spacing }
    }
}

impl ArrivalProcess for Step {
    fn pacing(&self) -> Pacing {
        Pacing::Open
    }

    fn gap(&self, _number: u64, draw: u64) -> Gap {
        Gap::Work(self.spacing.work(draw))
    }

    #[allow(clippy::cast_precision_loss)] // the error of 2^-53 is below a nanosecond in a run of a hundred days
    fn reaches(&self, work: u64) -> Option<SimDuration> {
        let work = work.max(1) as f64;
        let next = self.stretches.partition_point(|stretch| stretch.before < work);
        let stretch = self.stretches.get(next.checked_sub(1)?)?;
        if stretch.rate <= 0.0 {
            return None;
        }
        let time = stretch.at.as_nanos() as f64 + (work - stretch.before) / stretch.rate;
        let end = self.stretches.get(next).map_or(SimDuration::from_nanos(u64::MAX), |later| later.at);
        Some(SimDuration::from_sampled_nanos(time).min(end))
    }

    fn boxed_clone(&self) -> Box<dyn ArrivalProcess> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Spec<Box<dyn ArrivalProcess>> = Spec {
    name: "step",
    summary: "open loop: from one rate to another at a time, or a list of steps",
    source: "non-homogeneous Poisson process, inversion of the integrated rate",
    parameters: &[
        Parameter {
            name: "from",
            summary: "rate before the step; 0/s is allowed",
            kind: ParameterKind::RateOrZero,
            required: false,
        },
        Parameter {
            name: "to",
            summary: "rate after it; 0/s is allowed",
            kind: ParameterKind::RateOrZero,
            required: false,
        },
        Parameter {
            name: "at",
            summary: "when, after the source's start",
            kind: ParameterKind::Duration,
            required: false,
        },
        Parameter {
            name: "steps",
            summary: "in place of the three: `{at, rate}` by time; nothing arrives before the first",
            kind: ParameterKind::Steps,
            required: false,
        },
        Spacing::PARAMETER,
    ],
    build: |arguments| {
        let spacing = Spacing::from_name(arguments.choice("spacing"));
        let one = (arguments.rate("from"), arguments.rate("to"), arguments.duration("at"));
        let steps = match (arguments.steps("steps"), one) {
            (Some(steps), (None, None, None)) => steps.to_vec(),
            (None, (Some(from), Some(to), Some(at))) if !at.is_zero() => vec![(SimDuration::ZERO, from), (at, to)],
            _ => return None,
        };
        let any = steps.iter().any(|(_, rate)| rate.events > 0);
        any.then(|| Box::new(Step::new(&steps, spacing)) as Box<dyn ArrivalProcess>)
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_by_hand() {
        let rate = |events: u64| Rate { events, per: SimDuration::from_secs(1) };
        let secs = SimDuration::from_secs;
        let steps = [(secs(5), rate(2)), (secs(10), rate(0)), (secs(20), rate(10)), (secs(21), rate(0))];
        let step = Step::new(&steps, Spacing::Constant);
        let at = |arrivals: u64| step.reaches(arrivals * 1_000_000_000).map(SimDuration::as_nanos);
        assert_eq!(at(1), Some(5_500_000_000));
        assert_eq!(at(10), Some(10_000_000_000), "the last one before the pause");
        assert_eq!(at(11), Some(20_100_000_000), "the first one after it");
        assert_eq!(at(20), Some(21_000_000_000));
        assert_eq!(at(21), None);
    }
}
