//! A table with reusable places.

use crate::dataplane::numbers::push_tightly;

/// Entries by number; a freed number is given out again.
#[derive(Clone, Debug)]
pub(super) struct Slab<T> {
    entries: Vec<T>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Slab<T> {
    /// An empty table.
    pub(super) fn new() -> Self {
        Self { entries: Vec::new(), free: Vec::new() }
    }

    /// Adds an entry and tells its number.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "an entry is made in its place, where a call copies it there")]
    pub(super) fn insert(&mut self, entry: T) -> u32 {
        if let Some(index) = self.free.pop() {
            self.entries[index as usize] = entry;
            return index;
        }
        push_tightly(&mut self.entries, entry);
        u32::try_from(self.entries.len() - 1).expect("limits keep tables below 2^32")
    }

    /// Gives a number back.
    pub(super) fn remove(&mut self, index: u32) {
        self.free.push(index);
    }

    /// How many entries are in use.
    pub(super) fn live(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Heap memory of the table itself in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<T>() + self.free.capacity() * size_of::<u32>()
    }

    /// Numbers ever given out.
    pub(super) fn numbers(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.entries.len()).expect("limits keep tables below 2^32")
    }
}

impl<T> std::ops::Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, index: u32) -> &T {
        &self.entries[index as usize]
    }
}

impl<T> std::ops::IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, index: u32) -> &mut T {
        &mut self.entries[index as usize]
    }
}
