//! Arrival processes: one file each, one registry line each. A process turns indexed draws into instants.

mod closed_loop;
mod constant;
mod csv;
mod poisson;
mod ramp;
mod sinusoid;
mod step;

use std::any::Any;

use crate::kernel::time::SimDuration;
use crate::model::parameters::Spec;
use crate::model::units::Rate;
use crate::workload::distribution::Distribution;

/// How a source decides when requests start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// Open loop: requests come whether earlier ones have ended or not.
    Open,
    /// Closed loop: each of `users` thinks, asks, waits for the end, and thinks again.
    Closed {
        /// How many users.
        users: u32,
    },
}

/// What theory calls a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// Independent exponential gaps.
    Poisson(Rate),
    /// Equal gaps.
    Constant(Rate),
    /// Users that think, ask and wait.
    Closed {
        /// How many.
        users: u32,
        /// How long each thinks.
        think: Distribution,
    },
    /// Something whose rate changes, or that was written down.
    Other,
}

/// An arrival process: plain data plus a rule that maps (number, draw) to a gap.
pub trait ArrivalProcess: Any + Comparable + std::fmt::Debug + Send + Sync {
    /// Open or closed.
    fn pacing(&self) -> Pacing;

    /// Open loop: from the source's start to arrival `number` (from 0), given the time of the one before it.
    /// Closed loop: the `number`-th think time of a user.
    fn gap(&self, number: u64, draw: u64) -> Gap;

    /// Of a process that gives [`Gap::Work`]: from the source's start to the instant at which the integrated rate
    /// reaches `work` billionths of an arrival; `None` when it never does.
    fn reaches(&self, _work: u64) -> Option<SimDuration> {
        None
    }

    /// Whether the process says how large requests are, and not the source.
    fn lists_sizes(&self) -> bool {
        false
    }

    /// Payload of request `number` in bytes, where the process says it and not the source: asked only of one that
    /// [lists sizes](Self::lists_sizes).
    fn request_bytes(&self, _number: u64) -> Option<u64> {
        None
    }

    /// What theory calls it.
    fn law(&self) -> Law {
        Law::Other
    }

    /// A copy, so that a world can be forked.
    fn boxed_clone(&self) -> Box<dyn ArrivalProcess>;
}

/// Comparison with a process that may be of another kind; every process that is `PartialEq` has it.
pub trait Comparable {
    /// Whether the other one is of the same kind and equal.
    fn equals(&self, other: &dyn ArrivalProcess) -> bool;
}

impl<T: ArrivalProcess + PartialEq> Comparable for T {
    fn equals(&self, other: &dyn ArrivalProcess) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<T>() == Some(self)
    }
}

impl PartialEq for dyn ArrivalProcess {
    fn eq(&self, other: &Self) -> bool {
        self.equals(other)
    }
}

/// Where the next arrival lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// So long after the one before it (or after the start).
    Relative(SimDuration),
    /// So long after the source's start, exactly.
    SinceStart(SimDuration),
    /// So much further in the integrated rate, in billionths of an arrival; [`ArrivalProcess::reaches`] has the time.
    Work(u64),
    /// There are no more.
    Never,
}

impl Gap {
    /// The length of a pause between two requests of a closed loop.
    pub fn pause(self) -> SimDuration {
        match self {
            Self::Relative(length) | Self::SinceStart(length) => length,
            Self::Work(_) | Self::Never => SimDuration::from_nanos(u64::MAX),
        }
    }
}

impl Clone for Box<dyn ArrivalProcess> {
    fn clone(&self) -> Self {
        self.boxed_clone()
    }
}

/// Every arrival process that scenario files can name.
pub const ARRIVALS: &[Spec<Box<dyn ArrivalProcess>>] =
    &[poisson::SPEC, constant::SPEC, ramp::SPEC, step::SPEC, sinusoid::SPEC, csv::SPEC, closed_loop::SPEC];
