//! Poisson arrivals: independent exponential gaps of a given mean rate.

use super::{ArrivalProcess, Gap, Law, Pacing};
use crate::kernel::time::SimDuration;
use crate::model::parameters::{Parameter, ParameterKind, Spec};
use crate::model::units::Rate;
use crate::workload::distribution::exponential_nanos;

#[derive(Clone, Debug, PartialEq)]
struct Poisson {
    rate: Rate,
}

impl ArrivalProcess for Poisson {
    fn pacing(&self) -> Pacing {
        Pacing::Open
    }

    fn gap(&self, _number: u64, draw: u64) -> Gap {
        Gap::Relative(SimDuration::from_sampled_nanos(exponential_nanos(self.rate.mean_gap_nanos(), draw)))
    }

    fn law(&self) -> Law {
        Law::Poisson(self.rate)
    }

    fn boxed_clone(&self) -> Box<dyn ArrivalProcess> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Spec<Box<dyn ArrivalProcess>> = Spec {
    name: "poisson",
    summary: "open loop: independent exponential gaps",
    source: "Poisson process",
    parameters: &[Parameter {
        name: "rate",
        summary: "mean arrivals per time",
        kind: ParameterKind::Rate,
        required: true,
    }],
    build: |arguments| Some(Box::new(Poisson { rate: arguments.rate("rate")? })),
};
