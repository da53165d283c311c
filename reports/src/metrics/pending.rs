//! Requests that have arrived and not ended, by source and number.

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

/// What is known of all pending requests: a [`Pending`] of each, or something else.
#[derive(Clone, Debug)]
pub(crate) struct PendingTable<T = Pending> {
    requests: SpreadMap<(u32, u64), T>,
}

impl<T> Default for PendingTable<T> {
    fn default() -> Self {
        Self { requests: SpreadMap::default() }
    }
}

impl<T: Copy> PendingTable<T> {
    /// A request arrives.
    pub(crate) fn insert(&mut self, source: u32, number: u64, pending: T) {
        self.requests.insert((source, number), pending);
    }

    /// The pending request, to change it.
    pub(crate) fn get_mut(&mut self, source: u32, number: u64) -> Option<&mut T> {
        self.requests.get_mut(&(source, number))
    }

    /// A request ends.
    pub(crate) fn remove(&mut self, source: u32, number: u64) -> Option<T> {
        self.requests.remove(&(source, number))
    }

    /// Requests of a source that have not ended, by number.
    pub(crate) fn of_source(&self, source: u32) -> Vec<T> {
        let pending = self.requests.iter();
        let mut pending: Vec<_> =
            pending.filter(|((of, _), _)| *of == source).map(|((_, number), it)| (*number, *it)).collect();
        pending.sort_unstable_by_key(|(number, _)| *number);
        pending.into_iter().map(|(_, pending)| pending).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
