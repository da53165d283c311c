//! The far part of the future event list: a radix structure over the bytes of the keys, most significant differing byte
//! first. An entry is kept by how its key differs from the base; nothing in a bucket is sorted.
//! Knows keys and places; knows no time and no classes.

use super::Entry;
use super::places::Places;

/// Bytes of a key.
const LEVELS: usize = 16;
/// Values of a byte.
const DIGITS: usize = 256;
/// Entries of one chunk; a bucket is a chain of chunks, of which only the first one is not full.
const CHUNK: usize = 32;
const NO_CHUNK: u32 = u32::MAX;

/// The first chunk of a bucket and the number of its entries.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    first: u32,
    len: u32,
}

impl Bucket {
    /// Where the entries of its first chunk are.
    fn first_positions(self) -> std::ops::Range<usize> {
        let start = self.first as usize * CHUNK;
        start..start + (self.len as usize - 1) % CHUNK + 1
    }
}

const EMPTY: Bucket = Bucket { first: NO_CHUNK, len: 0 };

/// Entries whose keys are above a base, by the highest byte in which they differ from it.
#[derive(Clone, Debug)]
pub(super) struct Buckets<E> {
    chains: Vec<Bucket>,
    /// Which digits of each level are taken.
    taken: [[u64; DIGITS / 64]; LEVELS],
    /// Which levels are taken.
    levels: u16,
    /// All chunks, one after the other.
    entries: Vec<Entry<E>>,
    /// The chunk behind each chunk.
    next: Vec<u32>,
    free: Vec<u32>,
    len: usize,
}

impl<E: Copy> Buckets<E> {
    pub(super) fn new() -> Self {
        Self {
            chains: vec![EMPTY; LEVELS * DIGITS],
            taken: [[0; DIGITS / 64]; LEVELS],
            levels: 0,
            entries: Vec::new(),
            next: Vec::new(),
            free: Vec::new(),
            len: 0,
        }
    }

    /// Heap memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let numbers = (self.next.capacity() + self.free.capacity()) * size_of::<u32>();
        self.chains.capacity() * size_of::<Bucket>() + self.entries.capacity() * size_of::<Entry<E>>() + numbers
    }

    /// Number of events.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds an entry whose key is not below `base`.
    #[inline]
    pub(super) fn insert(&mut self, base: u128, entry: Entry<E>) {
        let index = index_of(base, entry.time, entry.order);
        let used = self.chains[index].len as usize % CHUNK;
        if used == 0 {
            self.open_chunk(index, entry);
        }
        let bucket = &mut self.chains[index];
        self.entries[bucket.first as usize * CHUNK + used] = entry;
        bucket.len += 1;
        self.len += 1;
    }

    /// Takes the bucket of the least keys: into `bottom`, in no order, when it has at most `few` entries, else into
    /// buckets of lower levels, of which the least is taken. Returns the new base: no key in `bottom` is above it, and
    /// every key in the buckets is. Cancelled entries are left out, so that nothing may be taken.
    pub(super) fn take_least(
        &mut self,
        mut base: u128,
        few: usize,
        bottom: &mut Vec<Entry<E>>,
        places: &mut Places,
    ) -> u128 {
        while self.len > 0 {
            let index = self.least();
            let (low, high) = range(base, index);
            if self.chains[index].len as usize <= few {
                self.take(index, |_, entry| bottom.push(entry), places);
                return high;
            }
            base = low;
            self.take(index, |buckets, entry| buckets.insert(base, entry), places);
        }
        base
    }

    /// The base moves down, to a key that is still below all entries here.
    #[allow(clippy::cast_possible_truncation, reason = "the halves of a key are what is wanted")]
    pub(super) fn rebase(&mut self, old: u128, new: u128, places: &mut Places) {
        let level = u32::try_from(index_of(old, (new >> 64) as u64, new as u64) / DIGITS).expect("a key has few bytes");
        // What differed from the old base in a lower byte differs from the new one in this byte.
        while self.levels.trailing_zeros() < level {
            let index = self.least();
            self.take(index, |buckets, entry| buckets.insert(new, entry), places);
        }
    }

    /// Drops all cancelled entries.
    pub(super) fn purge(&mut self, base: u128, places: &mut Places) {
        for index in 0..self.chains.len() {
            if self.chains[index].len > 0 {
                self.take(index, |buckets, entry| buckets.insert(base, entry), places);
            }
        }
    }

    /// The bucket of the least keys.
    fn least(&self) -> usize {
        let level = self.levels.trailing_zeros() as usize;
        let words = &self.taken[level];
        let word = words.iter().position(|word| *word != 0).expect("a level that is marked has entries");
        level * DIGITS + word * 64 + words[word].trailing_zeros() as usize
    }

    /// Empties a bucket and hands on what was not cancelled.
    fn take(&mut self, index: usize, mut hand_on: impl FnMut(&mut Self, Entry<E>), places: &mut Places) {
        let mut bucket = self.clear(index);
        while bucket.len > 0 {
            for position in bucket.first_positions() {
                let entry = self.entries[position];
                if places.keeps(entry.handle, entry.order) {
                    hand_on(self, entry);
                }
            }
            self.drop_first_chunk(&mut bucket);
        }
    }

    fn drop_first_chunk(&mut self, bucket: &mut Bucket) {
        let left = bucket.len - u32::try_from(bucket.first_positions().len()).expect("a chunk is small");
        self.free.push(bucket.first);
        *bucket = Bucket { first: self.next[bucket.first as usize], len: left };
    }

    fn clear(&mut self, index: usize) -> Bucket {
        let bucket = std::mem::replace(&mut self.chains[index], EMPTY);
        self.mark_empty(index);
        self.len -= bucket.len as usize;
        bucket
    }

    /// Gives a bucket without chunks, or with full ones only, another first one. It stands apart, so that entries are made
    /// where they will lie when no chunk is needed. What was never used is filled with any entry.
    #[inline(never)]
    fn open_chunk(&mut self, index: usize, filling: Entry<E>) {
        let bucket = &mut self.chains[index];
        if bucket.len == 0 {
            self.taken[index / DIGITS][index % DIGITS / 64] |= 1 << (index % 64);
            self.levels |= 1 << (index / DIGITS);
        }
        let chunk = self.free.pop().unwrap_or_else(|| {
            self.entries.resize(self.entries.len() + CHUNK, filling);
            self.next.push(NO_CHUNK);
            u32::try_from(self.next.len() - 1).expect("fewer than 2^32 chunks")
        });
        self.next[chunk as usize] = bucket.first;
        bucket.first = chunk;
    }

    fn mark_empty(&mut self, index: usize) {
        let level = index / DIGITS;
        self.taken[level][index % DIGITS / 64] &= !(1 << (index % 64));
        if self.taken[level] == [0; DIGITS / 64] {
            self.levels &= !(1 << level);
        }
    }
}

/// Level and digit of a key: the highest byte in which it differs from the base, and its value there.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the halves of a key are what is wanted")]
fn index_of(base: u128, time: u64, order: u64) -> usize {
    let (base_time, base_order) = ((base >> 64) as u64, base as u64);
    // One half is cheaper to look at than both, and times differ nearly always.
    if time == base_time { digit_of(base_order, order) } else { LEVELS / 2 * DIGITS + digit_of(base_time, time) }
}

/// The same for one half of a key.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the lowest byte is what is wanted")]
fn digit_of(base: u64, half: u64) -> usize {
    let level = ((base ^ half) | 1).ilog2() / 8;
    level as usize * DIGITS + ((half >> (level * 8)) as usize & 255)
}

/// The least and the greatest key of a bucket.
fn range(base: u128, index: usize) -> (u128, u128) {
    let (level, digit) = (index / DIGITS, index % DIGITS);
    let below = (1_u128 << (level * 8)) - 1;
    let above = !(below << 8 | 255);
    let low = base & above | (digit as u128) << (level * 8);
    (low, low | below)
}
