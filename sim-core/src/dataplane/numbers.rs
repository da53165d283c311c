//! Numbers for keys, in the order in which they come: for keys of which there are very many, each a few bytes. Nothing is
//! ever taken out, and no order but that of the numbers is ever seen. Knows nothing of what the keys stand for.

use std::net::IpAddr;

/// A key with a hash that is the same in every run.
pub trait Key: Copy + Eq {
    /// Bits that differ where keys do.
    fn bits(self) -> u64;
}

impl Key for (u32, u32) {
    fn bits(self) -> u64 {
        u64::from(self.0) << 32 | u64::from(self.1)
    }
}

impl Key for (IpAddr, u16) {
    fn bits(self) -> u64 {
        let (address, port) = self;
        let address = match address {
            IpAddr::V4(address) => u64::from(address.to_bits()),
            IpAddr::V6(address) => {
                let [high, low] = [address.to_bits() >> 64, address.to_bits()].map(lower_half);
                high.rotate_left(32) ^ low
            }
        };
        address.rotate_left(16) ^ u64::from(port)
    }
}

fn lower_half(bits: u128) -> u64 {
    u64::try_from(bits & u128::from(u64::MAX)).expect("64 bits")
}

/// A place of the table that no key has: no number has this many bits set.
const EMPTY: u32 = u32::MAX;

/// Keys and their numbers.
#[derive(Clone, Debug)]
pub struct Numbers<K> {
    keys: Vec<K>,
    /// Numbers by the hashes of their keys, each at the place that its key asks for or behind it; between six and eight
    /// tenths of the places are taken. Bits that a number does not need are the last ones of its key's hash.
    slots: Vec<u32>,
    /// Bits that a number needs.
    number_bits: u32,
}

impl<K> Default for Numbers<K> {
    fn default() -> Self {
        Self { keys: Vec::new(), slots: Vec::new(), number_bits: 0 }
    }
}

impl<K: Key> Numbers<K> {
    /// The number of a key, if it has one.
    #[inline]
    pub fn get(&self, key: K) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let hash = hash_of(key);
        let tag = self.tag_of(hash);
        let mut place = place_of(hash, self.slots.len());
        loop {
            let slot = self.slots[place];
            if slot == EMPTY {
                return None;
            }
            let number = slot & self.mask();
            if slot - number == tag && self.keys[number as usize] == key {
                return Some(number);
            }
            place = if place + 1 == self.slots.len() { 0 } else { place + 1 };
        }
    }

    /// Gives a key that has none the next number.
    pub fn add(&mut self, key: K) -> u32 {
        debug_assert!(self.get(key).is_none(), "a key has one number");
        if self.keys.len() * 5 >= self.slots.len() * 4 {
            self.spread_out();
        }
        let number = u32::try_from(self.keys.len()).expect("keys number below 2^32");
        push_tightly(&mut self.keys, key);
        self.place_in(key, number);
        number
    }

    /// The key of a number.
    pub fn key(&self, number: u32) -> K {
        self.keys[number as usize]
    }

    /// Heap memory in bytes.
    pub fn heap_bytes(&self) -> usize {
        self.keys.capacity() * size_of::<K>() + self.slots.capacity() * size_of::<u32>()
    }

    fn spread_out(&mut self) {
        self.slots = vec![EMPTY; self.slots.len() / 3 * 4 + 16];
        self.number_bits = self.slots.len().ilog2() + 1;
        for number in 0..self.keys.len() {
            self.place_in(self.keys[number], u32::try_from(number).expect("keys number below 2^32"));
        }
    }

    fn place_in(&mut self, key: K, number: u32) {
        let hash = hash_of(key);
        let mut place = place_of(hash, self.slots.len());
        while self.slots[place] != EMPTY {
            place = if place + 1 == self.slots.len() { 0 } else { place + 1 };
        }
        self.slots[place] = self.tag_of(hash) | number;
    }

    /// The bits of a number.
    #[inline]
    fn mask(&self) -> u32 {
        u32::MAX.checked_shl(self.number_bits).map_or(u32::MAX, |above| !above)
    }

    /// The end of a hash, where a number has no bits: keys that ask for one place begin alike.
    #[inline]
    fn tag_of(&self, hash: u32) -> u32 {
        hash.checked_shl(self.number_bits).unwrap_or(0)
    }
}

/// Appends to a list of very many entries: it grows by a sixteenth, because a doubled one would be half empty.
pub fn push_tightly<T>(list: &mut Vec<T>, entry: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len() / 16 + 4);
    }
    list.push(entry);
}

#[inline]
fn hash_of<K: Key>(key: K) -> u32 {
    // Stafford's mix 13 spreads the bits of keys that are near each other.
    let mixed = key.bits();
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    u32::try_from(mixed >> 32).expect("the upper half")
}

/// The place that a hash asks for, by its first bits.
#[inline]
fn place_of(hash: u32, places: usize) -> usize {
    usize::try_from((u64::from(hash) * places as u64) >> 32).expect("below the number of places")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn each_key_keeps_the_number_that_it_was_given(keys in proptest::collection::vec((0..40_u32, 0..40_u32), 0..500)) {
            let mut numbers = Numbers::default();
            let mut known = BTreeMap::new();
            for key in keys {
                prop_assert_eq!(numbers.get(key), known.get(&key).copied());
                known.entry(key).or_insert_with(|| numbers.add(key));
            }
            prop_assert_eq!(numbers.keys.len(), known.len());
            let mut given: Vec<u32> = known.values().copied().collect();
            given.sort_unstable();
            prop_assert!(given.into_iter().map(|number| number as usize).eq(0..numbers.keys.len()));
            prop_assert!(known.into_iter().all(|(key, number)| numbers.key(number) == key));
        }
    }

    #[test]
    fn a_key_takes_little_room() {
        let mut numbers = Numbers::default();
        let keys = || (0..100_000_u32).map(|key| (key / 100, key % 100));
        assert!(keys().zip(0..).all(|(key, number)| numbers.add(key) == number));
        assert!(keys().zip(0..).all(|(key, number)| numbers.get(key) == Some(number)));
        assert!(keys().all(|(owner, to)| numbers.get((to, owner + 100)).is_none()));
        // A sixteenth more than eight bytes for a key, and four for a place of which at least six tenths are taken.
        let most = numbers.keys.len() * 8 * 17 / 16 + numbers.keys.len() * 4 * 10 / 6;
        assert!(numbers.heap_bytes() < most, "{} of {most}", numbers.heap_bytes());
    }
}
