//! How the requests of traffic sources ended, by the time at which they were to arrive.

use sim_core::trace::words::Outcome;

use super::bins::{Mergeable, Steps, halve, step_mut};

/// So many steps at most.
const STEPS: usize = 600;

/// Requests over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutcomeSeries {
    /// Width of a step, ns.
    pub width: u64,
    /// Each way to end that occurred, `ok` first, `unfinished` last: the word, and how many requests arrived in each step
    /// that ended so. All have the same number of steps.
    pub outcomes: Vec<(&'static str, Vec<u32>)>,
}

impl OutcomeSeries {
    /// The word for requests that had not ended when the trace did.
    pub const UNFINISHED: &'static str = "unfinished";

    /// All requests of each step.
    pub fn totals(&self) -> Vec<u32> {
        let steps = self.outcomes.iter().map(|(_, counts)| counts.len()).max().unwrap_or(0);
        let total = |step: usize| self.outcomes.iter().filter_map(|(_, counts)| counts.get(step)).sum();
        (0..steps).map(total).collect()
    }
}

/// The same while a run goes on.
#[derive(Clone, Debug)]
pub(crate) struct OutcomeTally {
    steps: Steps,
    arrived: Vec<u32>,
    ended: [Vec<u32>; Outcome::ALL.len()],
}

impl Default for OutcomeTally {
    fn default() -> Self {
        Self { steps: Steps::at_most(STEPS), arrived: Vec::new(), ended: [const { Vec::new() }; Outcome::ALL.len()] }
    }
}

impl OutcomeTally {
    /// A request arrives.
    pub(crate) fn arrived(&mut self, time: u64) {
        let (place, halvings) = self.steps.place(time);
        if halvings > 0 {
            halve(&mut self.arrived, halvings);
            self.ended.iter_mut().for_each(|counts| halve(counts, halvings));
        }
        step_mut(&mut self.arrived, place).merge(1);
    }

    /// A request that arrived at `arrival` ends.
    pub(crate) fn ended(&mut self, arrival: u64, outcome: Outcome) {
        // It has arrived, so its step is there.
        let (place, _) = self.steps.place(arrival);
        if let Some(counts) = self.ended.get_mut(usize::from(outcome.code())) {
            step_mut(counts, place).merge(1);
        }
    }

    /// What was counted.
    pub(crate) fn finish(&self) -> OutcomeSeries {
        let steps = self.arrived.len();
        let mut unfinished = self.arrived.clone();
        let mut outcomes = Vec::new();
        for outcome in Outcome::ALL {
            let mut counts = self.ended[usize::from(outcome.code())].clone();
            if counts.is_empty() && *outcome != Outcome::Ok {
                continue;
            }
            counts.resize(steps, 0);
            unfinished.iter_mut().zip(&counts).for_each(|(left, ended)| *left = left.saturating_sub(*ended));
            outcomes.push((outcome.word(), counts));
        }
        if unfinished.iter().any(|left| *left > 0) {
            outcomes.push((OutcomeSeries::UNFINISHED, unfinished));
        }
        OutcomeSeries { width: self.steps.width, outcomes }
    }
}
