//! Local ports in TIME_WAIT (E8), of tables that have given out more than one. All wait equally long, so they come back in
//! the order in which they went; nobody notices before the next port is asked for, so no event wakes them. Sixteen bytes
//! each. Knows tables of ports by number only.

use std::collections::VecDeque;

use crate::kernel::time::SimTime;

/// Ports that are kept together, so that memory grows by little and is given back.
const CHUNK: usize = 512;

/// A port that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    /// When it is free again.
    pub(super) until: SimTime,
    /// The table that it belongs to.
    pub(super) table: u32,
    /// Which port.
    pub(super) port: u16,
}

/// All ports in TIME_WAIT.
#[derive(Clone, Debug, Default)]
pub(super) struct TimeWaits {
    chunks: VecDeque<Vec<Waiting>>,
    /// Ports of the first chunk that are free again.
    taken: usize,
    /// An empty chunk for the next one.
    spare: Option<Vec<Waiting>>,
}

impl TimeWaits {
    /// Adds a port, mostly one that waits at least as long as all others.
    pub(super) fn push(&mut self, waiting: Waiting) {
        if self.last().is_some_and(|last| last > waiting.until) {
            return self.insert(waiting);
        }
        if self.chunks.back().is_none_or(|chunk| chunk.len() >= CHUNK) {
            self.begin_chunk();
        }
        self.chunks.back_mut().expect("there is one").push(waiting);
    }

    #[cold]
    fn begin_chunk(&mut self) {
        let chunk = self.spare.take().unwrap_or_else(|| Vec::with_capacity(CHUNK));
        self.chunks.push_back(chunk);
    }

    /// Adds a port behind all that do not wait longer: near the end, for what is known ahead is not known long ahead.
    #[inline(never)]
    fn insert(&mut self, waiting: Waiting) {
        let waits_less = |other: &Waiting| other.until <= waiting.until;
        let begins_before = |chunk: &Vec<Waiting>| chunk.first().is_none_or(waits_less);
        let chunk = self.chunks.iter().rposition(begins_before).unwrap_or(0);
        let first = if chunk == 0 { self.taken } else { 0 };
        let chunk = &mut self.chunks[chunk];
        let place = first + chunk[first..].partition_point(waits_less);
        chunk.insert(place, waiting);
    }

    /// The port that has waited longest, when its time is over.
    pub(super) fn pop(&mut self, is_over: impl FnOnce(SimTime) -> bool) -> Option<Waiting> {
        let first = self.chunks.front_mut()?;
        let waiting = *first.get(self.taken)?;
        if !is_over(waiting.until) {
            return None;
        }
        self.taken += 1;
        if self.taken == first.len() {
            let mut chunk = self.chunks.pop_front().expect("there is one");
            chunk.clear();
            self.spare = Some(chunk);
            self.taken = 0;
        }
        Some(waiting)
    }

    /// Heap memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let ports: usize = self.chunks.iter().chain(&self.spare).map(Vec::capacity).sum();
        ports * size_of::<Waiting>() + self.chunks.capacity() * size_of::<Vec<Waiting>>()
    }

    /// When the last one is free again.
    fn last(&self) -> Option<SimTime> {
        self.chunks.back()?.last().map(|waiting| waiting.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Ports that wait for 2 000 ns less up to so many, and after each so many come back.
        #[test]
        fn whatever_comes_late_goes_by_its_time(
            steps in proptest::collection::vec((prop_oneof![Just(0_u64), 0..2_000_u64], 0..3_usize), 1..6_000),
        ) {
            let (mut waits, mut model) = (TimeWaits::default(), std::collections::BTreeSet::new());
            for (number, (less, back)) in (0_u32..).zip(steps) {
                let until = SimTime::from_nanos(u64::from(number) + 2_000 - less);
                waits.push(Waiting { until, table: number, port: 1 });
                model.insert((until, number));
                for _ in 0..back {
                    let popped = waits.pop(|_| true).map(|waiting| (waiting.until, waiting.table));
                    prop_assert_eq!(popped, model.pop_first());
                }
            }
            while let Some(waiting) = waits.pop(|_| true) {
                prop_assert_eq!(Some((waiting.until, waiting.table)), model.pop_first());
            }
            prop_assert!(model.is_empty());
        }
    }

    #[test]
    fn ports_come_back_in_order_and_not_too_early() {
        let mut waits = TimeWaits::default();
        let at = |number: u64| Waiting { until: SimTime::from_nanos(number), table: 1, port: 2 };
        for number in 0..2_000 {
            waits.push(at(number));
        }
        assert_eq!(waits.last(), Some(SimTime::from_nanos(1_999)));
        for number in 0..2_000 {
            assert_eq!(waits.pop(|until| until < SimTime::from_nanos(number)), None);
            assert_eq!(waits.pop(|until| until <= SimTime::from_nanos(number)), Some(at(number)));
        }
        assert_eq!((waits.pop(|_| true), waits.last()), (None, None));
        waits.push(at(3_000));
        assert_eq!(waits.pop(|_| true), Some(at(3_000)));
    }

    #[test]
    fn a_port_that_waits_less_goes_before_those_that_wait_longer() {
        let mut waits = TimeWaits::default();
        let at = |until: u64, port: u16| Waiting { until: SimTime::from_nanos(until), table: 1, port };
        for number in 0..2_000_u16 {
            waits.push(at(10 * u64::from(number), number));
        }
        assert_eq!(waits.pop(|_| true), Some(at(0, 0)));
        let late = [at(1, 1), at(10, 2), at(5_120, 3), at(5_119, 4), at(19_989, 5)];
        for waiting in late {
            waits.push(waiting);
        }
        let in_order: Vec<Waiting> = std::iter::from_fn(|| waits.pop(|_| true)).collect();
        assert!(in_order.is_sorted_by_key(|waiting| waiting.until));
        assert_eq!(in_order.len(), 2_004);
        let behind = |waiting: Waiting| in_order[in_order.iter().position(|it| *it == waiting).unwrap() - 1];
        assert_eq!([at(10, 2), at(5_120, 3)].map(behind), [at(10, 1), at(5_120, 512)]);
    }
}
