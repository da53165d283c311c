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

    /// What has come to these counts since they stood at `earlier`; `unfinished` is left out.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |word: &str| earlier.failed.get(word).copied().unwrap_or(0);
        let failed = self.failed.iter().map(|(word, count)| (*word, count.saturating_sub(before(word))));
        let (total, ok) = (self.total.saturating_sub(earlier.total), self.ok.saturating_sub(earlier.ok));
        Self { total, ok, unfinished: 0, failed: failed.filter(|(_, count)| *count > 0).collect() }
    }

    /// Adds other requests.
    pub fn add(&mut self, other: &Self) {
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
    fn what_has_come_since_adds_up() {
        let mut tally = RequestTally { total: 3, ..RequestTally::default() };
        tally.end(Outcome::Ok);
        tally.end(Outcome::ConnectTimeout);
        let mut before = tally.counts();
        tally.total += 2;
        tally.end(Outcome::Ok);
        tally.end(Outcome::EndOfFile);
        let since = tally.counts().since(&before);
        assert_eq!((since.total, since.ok, since.failures()), (2, 1, 1));
        assert_eq!(since.failed.keys().copied().collect::<Vec<_>>(), ["eof"]);
        before.add(&since);
        assert_eq!(before.failed, tally.counts().failed);
    }

    #[test]
    fn codes_are_dense() {
        for (code, outcome) in Outcome::ALL.iter().enumerate() {
            assert_eq!(usize::from(outcome.code()), code);
        }
    }
}
