//! A ramp: the rate goes from one value to another in a straight line, and stays there.

use super::{ArrivalProcess, Gap, Pacing};
use crate::kernel::time::SimDuration;
use crate::model::parameters::{Parameter, ParameterKind, Spec};
use crate::workload::spacing::{Spacing, work_per_nano};

#[derive(Clone, Debug, PartialEq)]
struct Ramp {
    /// Work per nanosecond at the start.
    from: f64,
    /// Work per nanosecond at the end.
    to: f64,
    /// Length of the ramp in nanoseconds, above zero.
    over: f64,
    spacing: Spacing,
}

impl ArrivalProcess for Ramp {
    fn pacing(&self) -> Pacing {
        Pacing::Open
    }

    fn gap(&self, _number: u64, draw: u64) -> Gap {
        Gap::Work(self.spacing.work(draw))
    }

    #[allow(clippy::cast_precision_loss)] // the error of 2^-53 is below a nanosecond in a run of a hundred days
    fn reaches(&self, work: u64) -> Option<SimDuration> {
        let work = work.max(1) as f64;
        let (from, to, over) = (self.from, self.to, self.over);
        let on_the_ramp = (from + to) * over / 2.0;
        if work > on_the_ramp {
            return (to > 0.0).then(|| SimDuration::from_sampled_nanos(over + (work - on_the_ramp) / to));
        }
        // The root of from * t + (to - from) / over * t^2 / 2 = work, in the form that cancels nothing.
        let square = from * from + 2.0 * work * (to - from) / over;
        let time = 2.0 * work / (from + libm::sqrt(square.max(0.0)));
        Some(SimDuration::from_sampled_nanos(time.min(over)))
    }

    fn boxed_clone(&self) -> Box<dyn ArrivalProcess> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Spec<Box<dyn ArrivalProcess>> = Spec {
    name: "ramp",
    summary: "open loop: the rate goes from one value to another in a straight line, and stays there",
    source: "non-homogeneous Poisson process, inversion of the integrated rate",
    parameters: &[
        Parameter {
            name: "from",
            summary: "rate at the start; 0/s is allowed",
            kind: ParameterKind::RateOrZero,
            required: true,
        },
        Parameter {
            name: "to",
            summary: "rate at the end; 0/s is allowed",
            kind: ParameterKind::RateOrZero,
            required: true,
        },
        Parameter { name: "over", summary: "length of the ramp", kind: ParameterKind::Duration, required: true },
        Spacing::PARAMETER,
    ],
    build: |arguments| {
        let (from, to, over) = (arguments.rate("from")?, arguments.rate("to")?, arguments.duration("over")?);
        #[allow(clippy::cast_precision_loss)] // lengths of a model are below 2^55 ns
        let over_nanos = over.as_nanos() as f64;
        let spacing = Spacing::from_name(arguments.choice("spacing"));
        let ramp = Ramp { from: work_per_nano(from), to: work_per_nano(to), over: over_nanos, spacing };
        (!over.is_zero() && from.events.max(to.events) > 0).then(|| Box::new(ramp) as Box<dyn ArrivalProcess>)
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ramp: &Ramp, arrivals: u64) -> Option<u64> {
        ramp.reaches(arrivals * 1_000_000_000).map(SimDuration::as_nanos)
    }

    #[test]
    fn arrivals_by_hand() {
        // From 0/s to 10/s in 20 s: t^2 / 4 arrivals after t seconds, 100 at the end, then ten a second.
        let up = Ramp { from: 0.0, to: 10.0, over: 20e9, spacing: Spacing::Constant };
        assert_eq!(at(&up, 1), Some(2_000_000_000));
        assert_eq!(at(&up, 25), Some(10_000_000_000));
        assert_eq!(at(&up, 100), Some(20_000_000_000));
        assert_eq!(at(&up, 103), Some(20_300_000_000));
        let down = Ramp { from: 10.0, to: 0.0, over: 20e9, spacing: Spacing::Constant };
        assert_eq!(at(&down, 75), Some(10_000_000_000));
        assert_eq!(at(&down, 100), Some(20_000_000_000));
        assert_eq!(at(&down, 101), None, "a source that has faded away");
        let flat = Ramp { from: 4.0, to: 4.0, over: 1e9, spacing: Spacing::Constant };
        assert_eq!((at(&flat, 2), at(&flat, 8)), (Some(500_000_000), Some(2_000_000_000)));
    }
}
