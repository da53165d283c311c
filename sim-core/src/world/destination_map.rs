//! What a client keeps for each destination that it dials: they are few, and looked up for every request.

/// Numbers by the numbers of destinations, sorted by these.
#[derive(Clone, Debug, Default)]
pub(super) struct DestinationMap {
    entries: Vec<(u32, u32)>,
}

impl DestinationMap {
    /// The entry of a destination.
    #[inline]
    pub(super) fn get(&self, destination: u32) -> Option<u32> {
        self.place(destination).ok().map(|place| self.entries[place].1)
    }

    /// Puts an entry in, in place of the one that was there.
    pub(super) fn insert(&mut self, destination: u32, value: u32) {
        match self.place(destination) {
            Ok(place) => self.entries[place].1 = value,
            Err(place) => {
                if self.entries.len() == self.entries.capacity() {
                    // By a quarter: there are many maps, and doubled ones would be half empty.
                    self.entries.reserve_exact(self.entries.len() / 4 + 2);
                }
                self.entries.insert(place, (destination, value));
            }
        }
    }

    /// Takes the entry of a destination out.
    pub(super) fn remove(&mut self, destination: u32) {
        if let Ok(place) = self.place(destination) {
            self.entries.remove(place);
        }
    }

    /// Destinations and their entries.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u32, u32)> {
        self.entries.iter().copied()
    }

    /// Heap memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<(u32, u32)>()
    }

    fn place(&self, destination: u32) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&destination, |(other, _)| *other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_has_one_entry() {
        let mut map = DestinationMap::default();
        for (destination, value) in [(7, 1), (3, 2), (5, 3), (3, 4)] {
            map.insert(destination, value);
        }
        assert_eq!([3, 4, 5, 7].map(|destination| map.get(destination)), [Some(4), None, Some(3), Some(1)]);
        map.remove(5);
        map.remove(5);
        assert_eq!(map.entries().collect::<Vec<_>>(), [(3, 4), (7, 1)]);
    }
}
