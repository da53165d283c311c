//! The balancing core alone: how evenly an algorithm spreads flows, how many it moves when a backend goes, what it keeps.
//!
//! Knows a list of backends, flows and the balancing room of the core; knows no network, no clock and no command line.
//! Every figure is a function of the [`Plan`] and the [`Contender`], so that it is the same on every machine.

mod compare;
mod evenness;
mod flows;
mod measure;
pub mod picture;
mod plan;
mod play;
mod rehearsal;
#[cfg(test)]
mod tests;

pub use compare::Comparison;
pub use evenness::Evenness;
pub use measure::{Disruption, Figures, counts, measure};
pub use plan::{Contender, Plan, default_places};
pub use rehearsal::Rehearsal;

/// A count as a number to divide with; exact up to 2^53.
#[allow(clippy::cast_precision_loss)] // no plan has so many flows
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}
