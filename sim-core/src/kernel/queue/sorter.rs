//! Sorts the next few entries of the future event list. Numbers of eight bytes, made of time and place, are sorted in the
//! entries' stead: the standard library sorts few of those without a branch that depends on them. Knows keys only.

use super::Entry;

/// Bits of an entry's place among those that are sorted: a byte.
const PLACE_BITS: u32 = u8::BITS;
const PLACES: usize = 1 << PLACE_BITS;

/// Room to sort in, which is used again.
#[derive(Clone, Debug)]
pub(super) struct Sorter<E> {
    numbers: Vec<u64>,
    sorted: Vec<Entry<E>>,
}

impl<E: Copy> Sorter<E> {
    /// Room for so many entries.
    pub(super) fn with_capacity(entries: usize) -> Self {
        Self { numbers: Vec::with_capacity(entries), sorted: Vec::with_capacity(entries) }
    }

    /// Heap memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.numbers.capacity() * size_of::<u64>() + self.sorted.capacity() * size_of::<Entry<E>>()
    }

    /// Sorts entries by their keys, the greatest first. No time is before `base`.
    pub(super) fn sort(&mut self, entries: &mut Vec<Entry<E>>, base: u64) {
        if entries.len() > PLACES || !self.sort_numbers(entries, base) {
            entries.sort_unstable_by_key(Entry::key);
            return entries.reverse();
        }
        self.sorted.clear();
        self.sorted.extend(self.numbers.iter().rev().map(|number| entries[usize::from(number.to_le_bytes()[0])]));
        std::mem::swap(entries, &mut self.sorted);
    }

    /// Sorts the times with the places of their entries; false when these do not tell the order, because times are equal
    /// or too far apart.
    fn sort_numbers(&mut self, entries: &[Entry<E>], base: u64) -> bool {
        let mut all = 0;
        self.numbers.clear();
        self.numbers.extend(entries.iter().zip(0..).map(|(entry, place): (_, u64)| {
            let after = entry.time.wrapping_sub(base);
            all |= after;
            after << PLACE_BITS | place
        }));
        if all >> (u64::BITS - PLACE_BITS) != 0 {
            return false;
        }
        self.numbers.sort_unstable();
        self.numbers.windows(2).all(|pair| pair[0] >> PLACE_BITS != pair[1] >> PLACE_BITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn entries_are_sorted_whatever_their_times(
            times in prop::collection::vec(prop_oneof![0..20_u64, 0..1_000_000_u64, Just(u64::MAX)], 0..2 * PLACES),
            apart in any::<bool>(),
        ) {
            let base = 1_000;
            let unsorted = times.iter().zip(1_u64..).map(|(time, number)| {
                // All different, in no order: 65 537 is a prime.
                let scattered = number * 7_919 % 65_537;
                let time = base + if apart { scattered } else { (*time).min(u64::MAX - base) };
                Entry { time, order: number.wrapping_mul(0x9e37_79b9_7f4a_7c15), handle: 0, event: number }
            });
            let mut entries: Vec<Entry<u64>> = unsorted.collect();
            let mut expected = entries.clone();
            expected.sort_by_key(|entry| std::cmp::Reverse(entry.key()));
            Sorter::with_capacity(0).sort(&mut entries, base);
            let numbers = |entries: &[Entry<u64>]| entries.iter().map(|entry| entry.event).collect::<Vec<_>>();
            prop_assert_eq!(numbers(&entries), numbers(&expected));
        }
    }
}
