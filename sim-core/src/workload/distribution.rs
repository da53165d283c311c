//! Distributions of durations: service times and think times. A sample is a function of one 64-bit draw,
//! computed with pinned maths, so that it is the same on every machine. Knows no requests.

use crate::kernel::draws::unit;
use crate::kernel::time::SimDuration;
use crate::model::parameters::{Parameter, ParameterKind, Spec};

/// A distribution of lengths of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Always the same.
    Constant(SimDuration),
    /// Exponential with this mean.
    Exponential(SimDuration),
    /// Uniform between the two, both included.
    Uniform(SimDuration, SimDuration),
}

impl Distribution {
    /// The mean length in nanoseconds.
    #[allow(clippy::cast_precision_loss)] // lengths far below 2^53 ns
    pub fn mean_nanos(self) -> f64 {
        match self {
            Self::Constant(value) | Self::Exponential(value) => value.as_nanos() as f64,
            Self::Uniform(low, high) => f64::midpoint(low.as_nanos() as f64, high.as_nanos() as f64),
        }
    }

    /// The length that belongs to a draw.
    pub fn sample(self, draw: u64) -> SimDuration {
        match self {
            Self::Constant(value) => value,
            Self::Exponential(mean) => exponential(mean.as_nanos(), draw),
            Self::Uniform(low, high) => {
                let width = high.saturating_sub(low).as_nanos().saturating_add(1);
                low + SimDuration::from_nanos(crate::kernel::draws::below(draw, width))
            }
        }
    }
}

/// An exponential sample of the given mean by inversion.
#[allow(clippy::cast_precision_loss)]
fn exponential(mean_nanos: u64, draw: u64) -> SimDuration {
    SimDuration::from_sampled_nanos(exponential_nanos(mean_nanos as f64, draw))
}

/// -mean * ln(1 - u), u in [0, 1): never infinite.
pub fn exponential_nanos(mean_nanos: f64, draw: u64) -> f64 {
    -mean_nanos * libm::log(1.0 - unit(draw))
}

/// Every distribution that scenario files can name.
pub const DISTRIBUTIONS: &[Spec<Distribution>] = &[
    Spec {
        name: "constant",
        summary: "always the same length",
        source: "degenerate distribution",
        parameters: &[Parameter {
            name: "value",
            summary: "the length",
            kind: ParameterKind::Duration,
            required: true,
        }],
        build: |arguments| arguments.duration("value").map(Distribution::Constant),
    },
    Spec {
        name: "exponential",
        summary: "memoryless, by its mean",
        source: "inversion: -mean * ln(1 - u)",
        parameters: &[Parameter {
            name: "mean",
            summary: "the mean length",
            kind: ParameterKind::Duration,
            required: true,
        }],
        build: |arguments| arguments.duration("mean").map(Distribution::Exponential),
    },
    Spec {
        name: "uniform",
        summary: "any length from min to max alike",
        source: "continuous uniform distribution in whole nanoseconds",
        parameters: &[
            Parameter { name: "min", summary: "the least length", kind: ParameterKind::Duration, required: true },
            Parameter { name: "max", summary: "the greatest length", kind: ParameterKind::Duration, required: true },
        ],
        build: |arguments| {
            let (min, max) = (arguments.duration("min")?, arguments.duration("max")?);
            (min <= max).then_some(Distribution::Uniform(min, max))
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_the_exponential() {
        let mean = SimDuration::from_secs(1);
        assert_eq!(Distribution::Exponential(mean).sample(0).as_nanos(), 0);
        // The median is ln 2 times the mean.
        assert_eq!(Distribution::Exponential(mean).sample(1 << 63).as_nanos(), 693_147_181);
    }

    #[test]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // small whole numbers
    fn means() {
        let (low, high) = (SimDuration::from_nanos(2), SimDuration::from_nanos(5));
        let means = [Distribution::Constant(low), Distribution::Exponential(high), Distribution::Uniform(low, high)];
        assert_eq!(means.map(|one| (one.mean_nanos() * 2.0) as u64), [4, 10, 7]);
    }

    #[test]
    fn uniform_reaches_both_ends() {
        let uniform = Distribution::Uniform(SimDuration::from_nanos(3), SimDuration::from_nanos(5));
        assert_eq!(uniform.sample(0).as_nanos(), 3);
        assert_eq!(uniform.sample(u64::MAX).as_nanos(), 5);
    }
}
