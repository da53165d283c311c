//! Whether the order of simultaneous events of different entities moves a metric, and if it does, between which two events:
//! one run in the usual order, several in random ones, and a search among the events that overtook others.

use std::sync::Arc;

use rayon::prelude::*;
use reports::diff::{Moved, first_moved};
use reports::metrics::{Metrics, RunMetrics};
use sim_core::trace::Level;
use sim_core::world::{Kept, Overtaking, Shuffle, Ties, World};

use crate::experiment::Unit;

/// What the shuffles of one arm have shown.
#[derive(Clone, Debug)]
pub struct Shuffled {
    /// Over all shuffles: how often several entities could come first.
    pub choices: u64,
    /// Over all shuffles: how often one overtook another.
    pub overtakings: u64,
    /// What the first shuffle that moved a metric moved.
    pub culprit: Option<Culprit>,
}

/// Two events whose order moves a metric.
#[derive(Clone, Debug)]
pub struct Culprit {
    /// The seed of the shuffle that found them.
    pub shuffle: u64,
    /// The metric, in the usual order and in the one in which the two have changed places.
    pub moved: Moved,
    /// The two events.
    pub events: Overtaking,
}

/// Runs an arm in `shuffles` orders, of the seeds 1 to that number, and compares each with the usual one.
pub fn shuffle(unit: &Unit<'_>, shuffles: u64, kept: Kept) -> Shuffled {
    let order = |seed: u64, most: u64, wait: u64| run(unit, Shuffle { seed, most, wait, kept });
    let (usual, _) = order(0, 0, 0);
    let made: Vec<(u64, Ties, bool)> = (1..=shuffles)
        .into_par_iter()
        .map(|seed| {
            let (metrics, ties) = order(seed, u64::MAX, 0);
            (seed, ties, first_moved(&usual, &metrics).is_some())
        })
        .collect();
    let moving = made.iter().find(|(_, _, moved)| *moved);
    Shuffled {
        choices: made.iter().map(|(_, ties, _)| ties.choices).sum(),
        overtakings: made.iter().map(|(_, ties, _)| ties.overtakings).sum(),
        culprit: moving
            .and_then(|(seed, ties, _)| find(&usual, *seed, ties.overtakings, |most, wait| order(*seed, most, wait))),
    }
}

fn run(unit: &Unit<'_>, shuffle: Shuffle) -> (RunMetrics, Ties) {
    let mut metrics = Metrics::new(&unit.header());
    let world = World::new(Arc::clone(&unit.arm.model), Level::Connection);
    let (_, ties) = world.run_shuffled(shuffle, &mut metrics);
    (metrics.finish(), ties)
}

/// Finds a number of overtakings with which a metric moves, and with one less does not; then whom the last one must not
/// overtake. `overtakings` of them move it; `order` runs with the first of them, the last of which waits.
fn find(
    usual: &RunMetrics,
    shuffle: u64,
    overtakings: u64,
    order: impl Fn(u64, u64) -> (RunMetrics, Ties),
) -> Option<Culprit> {
    let moves = |most: u64, wait: u64| first_moved(usual, &order(most, wait).0).is_some();
    let most = boundary(0, overtakings, |most| !moves(most, 0));
    let overtaken = order(most, 0).1.last?.overtaken;
    // One that waits for all whom it would overtake overtakes nobody.
    let wait = boundary(0, overtaken, |wait| moves(most, wait)) - 1;
    let (metrics, ties) = order(most, wait);
    Some(Culprit { shuffle, moved: first_moved(usual, &metrics)?, events: ties.last? })
}

/// A number above `low` and at most `high` for which something does not hold, while it does for the number before: it
/// holds for `low` and not for `high`.
fn boundary(mut low: u64, mut high: u64, holds: impl Fn(u64) -> bool) -> u64 {
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_is_where_something_ceases_to_hold() {
        for last in 0..9 {
            assert_eq!(boundary(0, 9, |number| number <= last), last + 1);
        }
        // Where it holds again and again, one of the ends is found.
        let found = boundary(0, 10, |number| number % 3 == 0);
        assert!(found % 3 == 1, "{found}");
    }
}
