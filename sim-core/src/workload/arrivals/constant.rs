//! Constant arrivals: arrival `n` stands exactly at (n + 1) gaps after the start, with no drift.

use super::{ArrivalProcess, Gap, Law, Pacing};
use crate::kernel::time::SimDuration;
use crate::model::parameters::{Parameter, ParameterKind, Spec};
use crate::model::units::Rate;

#[derive(Clone, Debug, PartialEq)]
struct Constant {
    rate: Rate,
}

impl ArrivalProcess for Constant {
    fn pacing(&self) -> Pacing {
        Pacing::Open
    }

    fn gap(&self, number: u64, _draw: u64) -> Gap {
        let elapsed = u128::from(number + 1) * u128::from(self.rate.per.as_nanos()) / u128::from(self.rate.events);
        Gap::SinceStart(SimDuration::from_nanos(u64::try_from(elapsed).unwrap_or(u64::MAX)))
    }

    fn law(&self) -> Law {
        Law::Constant(self.rate)
    }

    fn boxed_clone(&self) -> Box<dyn ArrivalProcess> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Spec<Box<dyn ArrivalProcess>> = Spec {
    name: "constant",
    summary: "open loop: equal gaps",
    source: "deterministic arrivals",
    parameters: &[Parameter { name: "rate", summary: "arrivals per time", kind: ParameterKind::Rate, required: true }],
    build: |arguments| Some(Box::new(Constant { rate: arguments.rate("rate")? })),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_does_not_divide_a_second_keeps_its_place() {
        let rate = Rate { events: 3, per: SimDuration::from_secs(1) };
        let process = Constant { rate };
        assert_eq!(process.gap(0, 0), Gap::SinceStart(SimDuration::from_nanos(333_333_333)));
        assert_eq!(process.gap(2, 0), Gap::SinceStart(SimDuration::from_secs(1)));
    }
}
