//! The far part of the future event list: a radix structure over digits of the keys, most significant differing digit
//! first. An entry is kept by how its key differs from the base; nothing in a bucket is sorted. A digit is four or eight
//! bits, as suits the number of entries that are spread over it, and begins where they begin to differ.
//! Knows keys and places; knows no time and no classes.

use super::Entry;
use super::places::Places;

/// Half bytes of a key; a level is named by the lowest one of its digit.
const LEVELS: usize = 32;
/// The first level of the upper half of a key, which no digit lies across.
const UPPER: usize = LEVELS / 2;
/// Values of a digit of eight bits.
const DIGITS: usize = 256;
/// Entries that are spread over a digit of four bits; more are spread over one of eight.
const FOR_NARROW: u32 = 256;
/// The same where they are a small part of all, so that few of those to come will go between them.
const PART_FOR_NARROW: u32 = 1_000;
/// A small part.
const PART: usize = 8;
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

/// Entries whose keys are above a base, by the highest digit in which they differ from it.
#[derive(Clone, Debug)]
pub(super) struct Buckets<E> {
    chains: Vec<Bucket>,
    /// The level of each half byte. It changes only while that level has no entries.
    level_of: [u8; LEVELS],
    /// Which digits of each level are taken.
    taken: [[u64; DIGITS / 64]; LEVELS],
    /// Which levels are taken.
    levels: u32,
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
            level_of: std::array::from_fn(|half| u8::try_from(half & !1).expect("few levels")),
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
        self.put(self.index_of(base, entry.time, entry.order), entry);
    }

    /// Adds an entry to a bucket.
    #[inline]
    fn put(&mut self, index: usize, entry: Entry<E>) {
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
            let bucket = self.chains[index];
            if bucket.len as usize <= few {
                self.take(index, |_, entry| bottom.push(entry), places);
                return greatest(base, index);
            }
            base = self.spread(index, places);
        }
        base
    }

    /// The base moves down, to a key that is still below all entries here.
    #[allow(clippy::cast_possible_truncation, reason = "the halves of a key are what is wanted")]
    pub(super) fn rebase(&mut self, old: u128, new: u128, places: &mut Places) {
        let level = u32::try_from(self.index_of(old, (new >> 64) as u64, new as u64) / DIGITS).expect("few levels");
        // What differed from the old base in a lower digit differs from the new one in this digit.
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

    /// Spreads the bucket of the least keys over the first digit in which they differ, and gives what they have in common.
    fn spread(&mut self, index: usize, places: &mut Places) -> u128 {
        let bucket = self.chains[index];
        let is_part = (bucket.len as usize) < self.len / PART;
        let narrow = bucket.len <= if is_part { PART_FOR_NARROW } else { FOR_NARROW };
        let (time, differing_times) = self.in_common(bucket, |entry| entry.time);
        // Levels below the bucket's own have no entries, so that their digits can be laid anew.
        if let Some(differing) = differing_times {
            let level = self.lay_digits(UPPER + differing, narrow);
            let shift = (level - UPPER) * 4;
            self.take(index, |buckets, entry| buckets.put(level * DIGITS + digit(entry.time, shift), entry), places);
            return u128::from(time) << 64;
        }
        let (order, differing) = self.in_common(bucket, |entry| entry.order);
        let level = self.lay_digits(differing.expect("no two keys are equal"), narrow);
        self.take(index, |buckets, entry| buckets.put(level * DIGITS + digit(entry.order, level * 4), entry), places);
        u128::from(time) << 64 | u128::from(order)
    }

    /// Of one half of the keys of a bucket: what all begin with, and the highest half byte in which they differ, if they do.
    #[inline]
    fn in_common(&self, mut bucket: Bucket, half: impl Fn(&Entry<E>) -> u64) -> (u64, Option<usize>) {
        let (mut any, mut all) = (0, u64::MAX);
        while bucket.len > 0 {
            for entry in &self.entries[bucket.first_positions()] {
                (any, all) = (any | half(entry), all & half(entry));
            }
            bucket = self.behind_first_chunk(bucket);
        }
        let Some(highest) = (any ^ all).checked_ilog2() else { return (all, None) };
        let differing = highest as usize / 4;
        (all >> (differing * 4) >> 4 << 4 << (differing * 4), Some(differing))
    }

    /// A digit whose highest half byte is `top`, and whole bytes below it; its level.
    fn lay_digits(&mut self, top: usize, narrow: bool) -> usize {
        // A digit of four bits is read with the four above it, so it must not be the highest of its half.
        let narrow = narrow && top % UPPER != UPPER - 1;
        let level = if narrow { top } else { top & !1 };
        self.level_of[level..=top].fill(u8::try_from(level).expect("few levels"));
        for (half, level) in self.level_of[..level].iter_mut().enumerate() {
            *level = u8::try_from(half & !1).expect("few levels");
        }
        level
    }

    /// Level and digit of a key: the highest digit in which it differs from the base, and its value there.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "the halves of a key are what is wanted")]
    fn index_of(&self, base: u128, time: u64, order: u64) -> usize {
        let (base_time, base_order) = ((base >> 64) as u64, base as u64);
        // One half is cheaper to look at than both, and times differ nearly always.
        if time == base_time {
            let level = self.level_of[half_byte(base_order, order)];
            usize::from(level) * DIGITS + digit(order, usize::from(level) * 4)
        } else {
            let level = self.level_of[UPPER + half_byte(base_time, time)];
            usize::from(level) * DIGITS + digit(time, usize::from(level) % UPPER * 4)
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
        self.free.push(bucket.first);
        *bucket = self.behind_first_chunk(*bucket);
    }

    fn behind_first_chunk(&self, bucket: Bucket) -> Bucket {
        let first = u32::try_from(bucket.first_positions().len()).expect("a chunk is small");
        Bucket { first: self.next[bucket.first as usize], len: bucket.len - first }
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

/// The greatest key of a bucket.
fn greatest(base: u128, index: usize) -> u128 {
    let (level, digit) = (index / DIGITS, index % DIGITS);
    let below = (1_u128 << (level * 4)) - 1;
    let above = !(below << 8 | 255);
    base & above | (digit as u128) << (level * 4) | below
}

/// The highest half byte in which half a key differs from half a base.
#[inline]
fn half_byte(base: u64, half: u64) -> usize {
    ((base ^ half) | 1).ilog2() as usize / 4
}

/// Eight bits of half a key.
#[inline]
fn digit(half: u64, shift: usize) -> usize {
    usize::from((half >> shift).to_le_bytes()[0])
}
