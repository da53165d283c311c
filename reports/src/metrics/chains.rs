//! Which faults and actions stand in a record's causal chain (law 7); an action counts as a fault here. Only faults and
//! control-plane records are remembered, and of these only the ones behind a fault, so that millions of requests take no
//! memory.

use std::collections::BTreeMap;

use sim_core::model::ids::FaultId;
use sim_core::trace::{Body, Record, RecordId};

/// A set of faults, by its number among the sets seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FaultSet(u32);

impl FaultSet {
    /// No fault.
    pub(crate) const EMPTY: Self = Self(0);
}

/// The fault sets of records.
#[derive(Clone, Debug)]
pub(crate) struct Chains {
    /// By record, in order.
    records: Vec<(RecordId, FaultSet)>,
    sets: Vec<Vec<FaultId>>,
    numbers: BTreeMap<Vec<FaultId>, FaultSet>,
}

impl Default for Chains {
    fn default() -> Self {
        let numbers = BTreeMap::from([(Vec::new(), FaultSet::EMPTY)]);
        Self { records: Vec::new(), sets: vec![Vec::new()], numbers }
    }
}

impl Chains {
    /// The faults in the chain of a control-plane or fault record, remembered for the records that follow.
    pub(crate) fn learn(&mut self, record: &Record) -> FaultSet {
        let mut set = self.of(record);
        if let Body::FaultStarted { fault } | Body::ActionStarted { action: fault } = record.body {
            let mut faults = self.sets[set.0 as usize].clone();
            faults.push(fault);
            set = self.intern(faults);
        }
        if set != FaultSet::EMPTY {
            self.remember(record.id, set);
        }
        set
    }

    /// The faults in the chain of any record: of what decided it and of what triggered it.
    pub(crate) fn of(&mut self, record: &Record) -> FaultSet {
        let (decided, triggered) = (self.known(record.because), self.known(record.cause));
        if decided == triggered || triggered == FaultSet::EMPTY {
            return decided;
        }
        if decided == FaultSet::EMPTY {
            return triggered;
        }
        let mut faults = self.sets[decided.0 as usize].clone();
        faults.extend_from_slice(&self.sets[triggered.0 as usize]);
        self.intern(faults)
    }

    /// Records come in the order of their numbers; a damaged file may hold others.
    fn remember(&mut self, record: RecordId, set: FaultSet) {
        if self.records.last().is_none_or(|(last, _)| *last < record) {
            return self.records.push((record, set));
        }
        match self.place(record) {
            Ok(place) => self.records[place].1 = set,
            Err(place) => self.records.insert(place, (record, set)),
        }
    }

    fn known(&self, record: RecordId) -> FaultSet {
        self.place(record).map_or(FaultSet::EMPTY, |place| self.records[place].1)
    }

    fn place(&self, record: RecordId) -> Result<usize, usize> {
        self.records.binary_search_by_key(&record, |(id, _)| *id)
    }

    /// The faults of a set.
    pub(crate) fn faults(&self, set: FaultSet) -> &[FaultId] {
        self.sets.get(set.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// True if `fault` is in `set`.
    pub(crate) fn holds(&self, set: FaultSet, fault: FaultId) -> bool {
        self.faults(set).contains(&fault)
    }

    fn intern(&mut self, mut faults: Vec<FaultId>) -> FaultSet {
        faults.sort_unstable();
        faults.dedup();
        let next = FaultSet(u32::try_from(self.sets.len()).unwrap_or(u32::MAX));
        let set = *self.numbers.entry(faults.clone()).or_insert(next);
        if set == next {
            self.sets.push(faults);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Builder;
    use sim_core::model::ids::NodeId;

    #[test]
    fn chains_run_through_causes_and_decisions() {
        let mut run = Builder::default();
        let first = run.add(0, 0, Body::FaultStarted { fault: FaultId(0) });
        let second = run.add(0, 0, Body::FaultStarted { fault: FaultId(1) });
        let down = run.add(first, 0, Body::NodeDown { node: NodeId(1) });
        let both = run.add(down, second, Body::NodeNotReady { node: NodeId(1) });
        let plan = run.add(0, 0, Body::PlanApplied {});
        let mut chains = Chains::default();
        let sets: Vec<FaultSet> = run.records.iter().map(|record| chains.learn(record)).collect();
        let of = |id: u64| chains.faults(sets[usize::try_from(id).unwrap() - 1]).to_vec();
        assert_eq!(of(down), [FaultId(0)]);
        assert_eq!(of(both), [FaultId(0), FaultId(1)]);
        assert!(of(plan).is_empty());
        assert_eq!(chains.records.len(), 4);
    }
}
