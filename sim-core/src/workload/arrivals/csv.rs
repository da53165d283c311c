//! Arrivals that somebody wrote down: a list of instants, with the payload of each request where it is known.

use std::sync::Arc;

use super::{ArrivalProcess, Gap, Pacing};
use crate::model::parameters::{Parameter, ParameterKind, Spec};
use crate::model::units::PlannedArrival;

#[derive(Clone, Debug, PartialEq)]
struct Listed {
    /// By time.
    arrivals: Arc<[PlannedArrival]>,
}

impl Listed {
    fn arrival(&self, number: u64) -> Option<&PlannedArrival> {
        self.arrivals.get(usize::try_from(number).ok()?)
    }
}

impl ArrivalProcess for Listed {
    fn pacing(&self) -> Pacing {
        Pacing::Open
    }

    fn gap(&self, number: u64, _draw: u64) -> Gap {
        self.arrival(number).map_or(Gap::Never, |arrival| Gap::SinceStart(arrival.at))
    }

    fn lists_sizes(&self) -> bool {
        true
    }

    fn request_bytes(&self, number: u64) -> Option<u64> {
        self.arrival(number)?.bytes
    }

    fn boxed_clone(&self) -> Box<dyn ArrivalProcess> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Spec<Box<dyn ArrivalProcess>> = Spec {
    name: "csv",
    summary: "open loop: arrivals from a file, perhaps with the payload of each request",
    source: "recorded or made elsewhere",
    parameters: &[Parameter {
        name: "file",
        summary: "a path from the scenario's folder",
        kind: ParameterKind::ArrivalFile,
        required: true,
    }],
    build: |arguments| Some(Box::new(Listed { arrivals: arguments.arrivals("file")? })),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::time::SimDuration;

    #[test]
    fn a_list_ends() {
        let at = SimDuration::from_millis(5);
        let listed = Listed { arrivals: Arc::from([PlannedArrival { at, bytes: Some(7) }]) };
        assert_eq!((listed.gap(0, 1), listed.request_bytes(0)), (Gap::SinceStart(at), Some(7)));
        assert_eq!((listed.gap(1, 1), listed.request_bytes(1)), (Gap::Never, None));
    }
}
