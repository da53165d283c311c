//! Requests by outcome, per source or edge.

use std::collections::BTreeMap;

use serde::Serialize;
use sim_core::trace::words::Outcome;

/// Requests of a run or of one source, by how they ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RequestCounts {
    /// How many arrived in the observation window.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub total: u64,
    /// How many ended well.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub ok: u64,
    /// How many had not ended when the trace did; rates leave them out.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub unfinished: u64,
    /// How many ended in each other way.
    pub failed: BTreeMap<&'static str, u64>,
}

impl RequestCounts {
    /// Requests that ended in any way but well.
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    /// Requests that ended.
    pub fn ended(&self) -> u64 {
        self.ok + self.failures()
    }

    /// Adds another source's requests.
    pub(crate) fn add(&mut self, other: &Self) {
        self.total += other.total;
        self.ok += other.ok;
        self.unfinished += other.unfinished;
        for (word, count) in &other.failed {
            *self.failed.entry(word).or_default() += count;
        }
    }
}

/// Counts while a run goes on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RequestTally {
    /// Arrivals.
    pub(crate) total: u64,
    outcomes: [u64; Outcome::ALL.len()],
}

impl RequestTally {
    /// A request ends.
    pub(crate) fn end(&mut self, outcome: Outcome) {
        // Outcome codes count from 0 without gaps (see `codes_are_dense`).
        if let Some(count) = self.outcomes.get_mut(usize::from(outcome.code())) {
            *count += 1;
        }
    }

    /// What was counted.
    pub(crate) fn counts(&self) -> RequestCounts {
        let of = |outcome: &Outcome| self.outcomes[usize::from(outcome.code())];
        let failed = Outcome::ALL.iter().filter(|outcome| **outcome != Outcome::Ok && of(outcome) > 0);
        let failed: BTreeMap<_, _> = failed.map(|outcome| (outcome.word(), of(outcome))).collect();
        let ok = of(&Outcome::Ok);
        let ended = ok + failed.values().sum::<u64>();
        RequestCounts { total: self.total, ok, unfinished: self.total.saturating_sub(ended), failed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_dense() {
        for (code, outcome) in Outcome::ALL.iter().enumerate() {
            assert_eq!(usize::from(outcome.code()), code);
        }
    }
}
