//! Which ports of a range are used: a few as a sorted list, many as a bitmap. Knows no addresses.

/// More used ports than these are kept as bits.
const FEW: usize = 64;
/// Bits of even offsets.
const EVEN: u64 = 0x5555_5555_5555_5555;

/// Used offsets of a range.
#[derive(Clone, Debug)]
pub(super) enum UsedPorts {
    /// In order.
    Few(Vec<u16>),
    /// One bit per port of the range.
    Many(Box<[u64]>),
}

impl UsedPorts {
    /// Marks a free offset of a range of `len` ports as used.
    pub(super) fn insert(&mut self, offset: u32, len: u32) {
        match self {
            Self::Few(offsets) => {
                let place = offsets.partition_point(|used| u32::from(*used) < offset);
                offsets.insert(place, u16::try_from(offset).expect("a range has at most 2^16 ports"));
                if offsets.len() > FEW {
                    self.spread_out(len);
                }
            }
            Self::Many(words) => words[offset as usize / 64] |= 1 << (offset % 64),
        }
    }

    #[cold]
    fn spread_out(&mut self, len: u32) {
        if let Self::Few(offsets) = self {
            *self = Self::Many(bits(offsets, len));
        }
    }

    /// Marks a used offset as free.
    pub(super) fn remove(&mut self, offset: u32) {
        match self {
            Self::Few(offsets) => {
                let place = offsets.partition_point(|used| u32::from(*used) < offset);
                debug_assert!(offsets.get(place).is_some_and(|used| u32::from(*used) == offset), "released once");
                offsets.remove(place);
            }
            Self::Many(words) => {
                debug_assert!(words[offset as usize / 64] & 1 << (offset % 64) != 0, "released once");
                words[offset as usize / 64] &= !(1 << (offset % 64));
            }
        }
    }

    /// Heap memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Few(offsets) => offsets.capacity() * size_of::<u16>(),
            Self::Many(words) => words.len() * size_of::<u64>(),
        }
    }

    /// The first free offset of the parity of `from` below `len`, from there on and round again.
    pub(super) fn search(&self, from: u32, len: u32) -> Option<u32> {
        match self {
            Self::Few(offsets) => {
                let begin = offsets.partition_point(|used| u32::from(*used) < from);
                let found = Some(first_gap(&offsets[begin..], from)).filter(|found| *found < len);
                found.or_else(|| Some(first_gap(offsets, from & 1)).filter(|found| *found < len))
            }
            Self::Many(words) => {
                let parity = if from & 1 == 0 { EVEN } else { !EVEN };
                let (first, start) = (from as usize / 64, from % 64);
                let free_in = |word: usize, mask: u64| free_in(words, word, mask).filter(|found| *found < len);
                let after = free_in(first, parity & (u64::MAX << start));
                after.or_else(|| (first + 1..words.len()).chain(0..=first).find_map(|word| free_in(word, parity)))
            }
        }
    }
}

fn bits(offsets: &[u16], len: u32) -> Box<[u64]> {
    let mut words = vec![0; len.div_ceil(64) as usize];
    for offset in offsets {
        words[usize::from(*offset) / 64] |= 1 << (offset % 64);
    }
    words.into_boxed_slice()
}

/// The first of `from`, `from` + 2, ... that is not among the offsets, which are in order and not below `from`.
fn first_gap(offsets: &[u16], from: u32) -> u32 {
    let mut free = from;
    for used in offsets.iter().map(|used| u32::from(*used)) {
        if used > free {
            break;
        }
        free += if used == free { 2 } else { 0 };
    }
    free
}

/// The first free offset of a word among those of `mask`.
fn free_in(words: &[u64], word: usize, mask: u64) -> Option<u32> {
    let free = !words[word] & mask;
    let offset = u32::try_from(word).expect("a range has 1024 words at most") * 64 + free.trailing_zeros();
    (free != 0).then_some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_list_and_bits_find_the_same(len in 1..200_u32, steps in proptest::collection::vec((any::<u32>(), any::<bool>()), 1..200)) {
            let mut list = UsedPorts::Few(Vec::new());
            let mut map = UsedPorts::Many(bits(&[], len));
            let mut used = Vec::new();
            for (number, frees) in steps {
                if frees && !used.is_empty() {
                    let offset = used.swap_remove(number as usize % used.len());
                    list.remove(offset);
                    map.remove(offset);
                }
                let from = number % len;
                let plain = (from..len).step_by(2).chain((from & 1..len).step_by(2)).find(|offset| !used.contains(offset));
                prop_assert_eq!(list.search(from, len), plain);
                prop_assert_eq!(map.search(from, len), plain);
                if let Some(offset) = plain {
                    list.insert(offset, len);
                    map.insert(offset, len);
                    used.push(offset);
                }
            }
        }
    }
}
