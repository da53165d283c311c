//! Where arrivals lie in the integrated rate of a source whose rate changes: work is counted in billionths of an
//! expected arrival, in whole numbers, so that nothing drifts over a run. Knows no rates.

use crate::kernel::time::SimDuration;
use crate::model::parameters::{Parameter, ParameterKind};
use crate::model::units::Rate;
use crate::workload::distribution::exponential_nanos;

/// Work of one expected arrival.
pub const WORK_PER_ARRIVAL: u64 = 1_000_000_000;

/// How much work lies between two arrivals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// Unit exponentials: a Poisson process by change of time.
    Poisson,
    /// One arrival's worth exactly.
    Constant,
}

impl Spacing {
    /// The parameter that names it.
    pub const PARAMETER: Parameter = Parameter {
        name: "spacing",
        summary: "poisson (default), or constant: arrivals as even as the rate allows",
        kind: ParameterKind::Choice { names: &["poisson", "constant"] },
        required: false,
    };

    /// The spacing of this name; Poisson when absent.
    pub fn from_name(name: Option<&str>) -> Self {
        if name == Some("constant") { Self::Constant } else { Self::Poisson }
    }

    /// The work before an arrival, given its draw.
    #[allow(clippy::cast_precision_loss)] // a billion is far below 2^53
    pub fn work(self, draw: u64) -> u64 {
        match self {
            Self::Poisson => {
                SimDuration::from_sampled_nanos(exponential_nanos(WORK_PER_ARRIVAL as f64, draw)).as_nanos()
            }
            Self::Constant => WORK_PER_ARRIVAL,
        }
    }
}

/// Work per nanosecond of a rate.
#[allow(clippy::cast_precision_loss)] // rates of people are far below 2^53
pub fn work_per_nano(rate: Rate) -> f64 {
    rate.events as f64 * WORK_PER_ARRIVAL as f64 / rate.per.as_nanos() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_a_unit_exponential_or_one() {
        assert_eq!(Spacing::Constant.work(7), 1_000_000_000);
        // The median of the unit exponential is ln 2.
        assert_eq!(Spacing::Poisson.work(1 << 63), 693_147_181);
        assert_eq!(Spacing::from_name(None), Spacing::Poisson);
        let rate = Rate { events: 100, per: SimDuration::from_secs(1) };
        assert!((work_per_nano(rate) - 100.0).abs() < f64::EPSILON);
    }
}
