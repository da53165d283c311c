//! Requests that have arrived and not ended, by source and number. Most are few at a time and soon over, so each has a place of
//! its own that is found without a search, unless another one is there.

use crate::spread::SpreadMap;

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

/// Source and number.
type Key = (u32, u64);

/// Places of their own.
const PLACES: usize = 256;

/// What is known of all pending requests: a [`Pending`] of each, or something else.
#[derive(Clone, Debug)]
pub(crate) struct PendingTable<T = Pending> {
    places: Vec<Option<(Key, T)>>,
    /// Requests whose places were taken.
    others: SpreadMap<Key, T>,
}

impl<T: Copy> Default for PendingTable<T> {
    fn default() -> Self {
        Self { places: vec![None; PLACES], others: SpreadMap::default() }
    }
}

impl<T: Copy> PendingTable<T> {
    /// A request arrives.
    #[inline]
    pub(crate) fn insert(&mut self, source: u32, number: u64, pending: T) {
        let key = (source, number);
        match &mut self.places[place_of(key)] {
            Some((other, _)) if *other != key => {
                self.others.insert(key, pending);
            }
            place => *place = Some((key, pending)),
        }
    }

    /// The pending request, to change it.
    #[inline]
    pub(crate) fn get_mut(&mut self, source: u32, number: u64) -> Option<&mut T> {
        let key = (source, number);
        match &mut self.places[place_of(key)] {
            Some((other, pending)) if *other == key => Some(pending),
            _ => self.others.get_mut(&key),
        }
    }

    /// A request ends.
    #[inline]
    pub(crate) fn remove(&mut self, source: u32, number: u64) -> Option<T> {
        let key = (source, number);
        match self.places[place_of(key)].take_if(|(other, _)| *other == key) {
            Some((_, pending)) => Some(pending),
            None => self.others.remove(&key),
        }
    }

    /// Requests of a source that have not ended, by number.
    pub(crate) fn of_source(&self, source: u32) -> Vec<T> {
        let others = self.others.iter().map(|(key, pending)| (*key, *pending));
        let pending = self.places.iter().flatten().copied().chain(others);
        let mut pending: Vec<_> =
            pending.filter(|((of, _), _)| *of == source).map(|((_, number), it)| (number, it)).collect();
        pending.sort_unstable_by_key(|(number, _)| *number);
        pending.into_iter().map(|(_, pending)| pending).collect()
    }
}

/// Where a request stands: the numbers of one source follow each other.
#[inline]
fn place_of((source, number): Key) -> usize {
    let [low, ..] = (number ^ u64::from(source).wrapping_mul(89)).to_le_bytes();
    usize::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::collections::btree_map::Entry;

    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_request_is_found_wherever_it_stands(
            steps in prop::collection::vec((0..3_u32, 0..1_000_u64, any::<bool>()), 0..800),
        ) {
            let (mut table, mut plain) = (PendingTable::default(), BTreeMap::new());
            for (step, (source, number, ends)) in steps.into_iter().enumerate() {
                if ends {
                    prop_assert_eq!(table.remove(source, number), plain.remove(&(source, number)));
                } else if let Entry::Vacant(place) = plain.entry((source, number)) {
                    table.insert(source, number, step);
                    place.insert(step);
                }
                prop_assert_eq!(table.get_mut(source, number).copied(), plain.get(&(source, number)).copied());
            }
            for source in 0..3 {
                let of_source = plain.iter().filter(|((of, _), _)| *of == source).map(|(_, step)| *step);
                prop_assert_eq!(table.of_source(source), of_source.collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn requests_are_told_by_source_and_number() {
        let mut table = PendingTable::default();
        for number in [5, 3, u64::MAX, 6] {
            for source in [2, 7] {
                table.insert(source, number, Pending { arrival: number, pod: source, measured: false });
            }
        }
        table.get_mut(2, 5).unwrap().pod = 8;
        assert_eq!(table.remove(7, 3).map(|pending| (pending.arrival, pending.pod)), Some((3, 7)));
        assert_eq!(table.remove(7, 3), None);
        assert_eq!(table.get_mut(9, 3), None);
        let left = |source| table.of_source(source).into_iter().map(|pending| (pending.arrival, pending.pod));
        assert_eq!(left(2).collect::<Vec<_>>(), [(3, 2), (5, 8), (6, 2), (u64::MAX, 2)]);
        assert_eq!((left(7).count(), left(9).count()), (3, 0));
    }
}
