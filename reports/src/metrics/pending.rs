//! Requests that have arrived and not ended, by source and number: a ring per source, because numbers are handed out
//! in order and most requests end soon; the few that stay move to a tree so that the ring stays short.

use std::collections::{BTreeMap, VecDeque};

use crate::id_map::IdMap;

/// A ring longer than this gives its oldest pending request to the tree.
const LONG_RING: usize = 4_096;

/// What is known of a pending request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pending {
    /// When it arrived, ns.
    pub(crate) arrival: u64,
    /// The pod its last connection went to; `u32::MAX` for none.
    pub(crate) pod: u32,
    /// Whether metrics count it.
    pub(crate) measured: bool,
}

#[derive(Clone, Debug)]
struct Ring<T> {
    base: u64,
    slots: VecDeque<Option<T>>,
    spill: BTreeMap<u64, T>,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self { base: 0, slots: VecDeque::new(), spill: BTreeMap::new() }
    }
}

/// What is known of all pending requests: a [`Pending`] of each, or something else.
#[derive(Clone, Debug)]
pub(crate) struct PendingTable<T = Pending> {
    rings: IdMap<Ring<T>>,
}

impl<T> Default for PendingTable<T> {
    fn default() -> Self {
        Self { rings: IdMap::default() }
    }
}

impl<T: Copy> PendingTable<T> {
    /// A request arrives.
    pub(crate) fn insert(&mut self, source: u32, number: u64, pending: T) {
        let ring = self.rings.slot(source);
        if ring.slots.is_empty() {
            ring.base = number;
        }
        if number.checked_sub(ring.base) == Some(ring.slots.len() as u64) {
            ring.slots.push_back(Some(pending));
            ring.shorten();
        } else {
            ring.spill.insert(number, pending);
        }
    }

    /// The pending request, to change it.
    pub(crate) fn get_mut(&mut self, source: u32, number: u64) -> Option<&mut T> {
        let ring = self.rings.slot(source);
        match ring.place(number) {
            Some(place) if ring.slots[place].is_some() => ring.slots[place].as_mut(),
            _ => ring.spill.get_mut(&number),
        }
    }

    /// A request ends.
    pub(crate) fn remove(&mut self, source: u32, number: u64) -> Option<T> {
        let ring = self.rings.slot(source);
        if let Some(place) = ring.place(number)
            && let Some(pending) = ring.slots[place].take()
        {
            ring.shorten();
            return Some(pending);
        }
        ring.spill.remove(&number)
    }

    /// Requests of a source that have not ended.
    pub(crate) fn of_source(&self, source: u32) -> impl Iterator<Item = &T> {
        let ring = self.rings.get(source).into_iter();
        ring.flat_map(|ring| ring.spill.values().chain(ring.slots.iter().flatten()))
    }
}

impl<T: Copy> Ring<T> {
    fn place(&self, number: u64) -> Option<usize> {
        let place = usize::try_from(number.checked_sub(self.base)?).ok()?;
        (place < self.slots.len()).then_some(place)
    }

    fn shorten(&mut self) {
        while let Some(front) = self.slots.front() {
            match *front {
                None => {}
                Some(pending) if self.slots.len() > LONG_RING => {
                    self.spill.insert(self.base, pending);
                }
                Some(_) => break,
            }
            self.slots.pop_front();
            // After the last number there is none, and an empty ring takes its base from what comes.
            self.base = self.base.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_stay_do_not_hold_the_others() {
        let mut table = PendingTable::default();
        for number in 0..20_000 {
            table.insert(0, number, Pending { arrival: number, pod: 1, measured: true });
            if number % 1_000 != 0 {
                assert_eq!(table.remove(0, number).unwrap().arrival, number);
            }
        }
        assert!(table.rings.get(0).unwrap().slots.len() <= LONG_RING);
        assert_eq!(table.of_source(0).count(), 20);
        assert_eq!(table.remove(0, 3_000).unwrap().arrival, 3_000);
        assert_eq!(table.remove(0, 3_000), None);
        table.get_mut(0, 4_000).unwrap().pod = 8;
        assert_eq!(table.remove(0, 4_000).unwrap().pod, 8);
    }

    #[test]
    fn numbers_out_of_order_are_kept() {
        let mut table = PendingTable::default();
        for number in [5, 3, u64::MAX, 6] {
            table.insert(2, number, Pending { arrival: number, pod: 0, measured: false });
        }
        for number in [3, 6, 5, u64::MAX] {
            assert_eq!(table.remove(2, number).unwrap().arrival, number);
        }
        assert_eq!(table.of_source(9).count(), 0);
    }
}
