//! A closed loop: a fixed number of users, each thinking between the end of a request and the next one.

use super::{ArrivalProcess, Gap, Law, Pacing};
use crate::kernel::time::SimDuration;
use crate::model::parameters::{Parameter, ParameterKind, Spec};
use crate::workload::distribution::Distribution;

#[derive(Clone, Debug, PartialEq)]
struct ClosedLoop {
    users: u32,
    think: Distribution,
}

impl ArrivalProcess for ClosedLoop {
    fn pacing(&self) -> Pacing {
        Pacing::Closed { users: self.users }
    }

    fn gap(&self, _number: u64, draw: u64) -> Gap {
        Gap::Relative(self.think.sample(draw))
    }

    fn law(&self) -> Law {
        Law::Closed { users: self.users, think: self.think }
    }

    fn boxed_clone(&self) -> Box<dyn ArrivalProcess> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Spec<Box<dyn ArrivalProcess>> = Spec {
    name: "closed-loop",
    summary: "closed loop: users that think, ask and wait",
    source: "interactive closed queueing network",
    parameters: &[
        Parameter { name: "users", summary: "number of users", kind: ParameterKind::Count { min: 1 }, required: true },
        Parameter {
            name: "think",
            summary: "think time between two requests of a user (default 1s, exponential)",
            kind: ParameterKind::Distribution,
            required: false,
        },
    ],
    build: |arguments| {
        let think = arguments.distribution("think").unwrap_or(Distribution::Exponential(SimDuration::from_secs(1)));
        let users = u32::try_from(arguments.count("users")?).ok()?;
        Some(Box::new(ClosedLoop { users, think }))
    },
};
