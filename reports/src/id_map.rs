//! A table by dense number that survives any number: a trace from a file may hold every 32-bit value.

use std::collections::BTreeMap;

/// How far beyond its end the dense part grows at once; small, so that a damaged file cannot ask for much room.
const SLACK: usize = 64;

/// A map from dense numbers; numbers far beyond the rest go to a tree instead of a huge table.
#[derive(Clone, Debug)]
pub(crate) struct IdMap<T> {
    dense: Vec<T>,
    spill: BTreeMap<u32, T>,
}

impl<T> Default for IdMap<T> {
    fn default() -> Self {
        Self { dense: Vec::new(), spill: BTreeMap::new() }
    }
}

impl<T: Default> IdMap<T> {
    /// The entry of `id`, if there ever was one there or above it.
    pub(crate) fn get(&self, id: u32) -> Option<&T> {
        self.dense.get(id as usize).or_else(|| self.spill.get(&id))
    }

    /// The entry of `id`, made when absent.
    #[inline]
    pub(crate) fn slot(&mut self, id: u32) -> &mut T {
        let index = id as usize;
        if index < self.dense.len() { &mut self.dense[index] } else { self.make_slot(id) }
    }

    #[cold]
    fn make_slot(&mut self, id: u32) -> &mut T {
        let index = id as usize;
        if index - self.dense.len() >= SLACK {
            return self.spill.entry(id).or_default();
        }
        self.grow(index + 1);
        &mut self.dense[index]
    }

    /// All entries by number; those never asked for hold the default.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let dense = self.dense.iter().zip(0_u32..).map(|(value, id)| (id, value));
        dense.chain(self.spill.iter().map(|(id, value)| (*id, value)))
    }

    /// All entries, to change them.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.dense.iter_mut().chain(self.spill.values_mut())
    }

    /// Makes the dense part `length` long and takes in what the tree held below that.
    fn grow(&mut self, length: usize) {
        self.dense.resize_with(length, T::default);
        while let Some(first) = self.spill.first_entry() {
            let index = *first.key() as usize;
            if index >= length {
                break;
            }
            self.dense[index] = first.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_numbers_take_no_room_and_are_not_lost() {
        let mut map = IdMap::<u32>::default();
        *map.slot(u32::MAX - 1) = 9;
        *map.slot(2_000) = 5;
        assert!(map.dense.is_empty());
        for id in 0..2_100 {
            *map.slot(id) += 1;
        }
        assert_eq!(map.get(2_000), Some(&6));
        assert_eq!(map.get(u32::MAX - 1), Some(&9));
        assert_eq!(map.iter().count(), 2_101);
    }
}
