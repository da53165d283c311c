//! Structures that the event list could be made of: a heap with four children per item, and a plain radix heap.

use super::lists::{Item, Priority};

/// One comparison instead of two.
fn key((time, sequence, _): Item) -> u128 {
    u128::from(time) << 64 | u128::from(sequence)
}

const CHILDREN: usize = 4;

/// A heap of half the height of a binary one.
#[derive(Default)]
pub(crate) struct QuaternaryHeap(Vec<Item>);

impl Priority for QuaternaryHeap {
    #[inline]
    fn push(&mut self, item: Item) {
        let Self(items) = self;
        let mut at = items.len();
        items.push(item);
        while at > 0 && key(item) < key(items[(at - 1) / CHILDREN]) {
            let parent = (at - 1) / CHILDREN;
            items[at] = items[parent];
            at = parent;
        }
        items[at] = item;
    }

    #[inline]
    fn pop(&mut self) -> Option<Item> {
        let Self(items) = self;
        let last = items.pop()?;
        let Some(first) = items.first().copied() else { return Some(last) };
        let mut at = 0;
        loop {
            let children = at * CHILDREN + 1..(at * CHILDREN + 1 + CHILDREN).min(items.len());
            let least = children.min_by_key(|child| key(items[*child]));
            let Some(least) = least.filter(|child| key(items[*child]) < key(last)) else { break };
            items[at] = items[least];
            at = least;
        }
        items[at] = last;
        Some(first)
    }
}

/// One bucket for each bit of (time, sequence number): that of the highest one in which an item differs from the last item
/// popped, and one for that item itself. Nothing before the last item popped can be pushed.
pub(crate) struct RadixHeap {
    buckets: Vec<Vec<Item>>,
    last: u128,
    len: usize,
}

impl Default for RadixHeap {
    fn default() -> Self {
        Self { buckets: vec![Vec::new(); 129], last: 0, len: 0 }
    }
}

impl RadixHeap {
    fn bucket(&self, item: Item) -> usize {
        (128 - (key(item) ^ self.last).leading_zeros()) as usize
    }
}

impl Priority for RadixHeap {
    #[inline]
    fn push(&mut self, item: Item) {
        let bucket = self.bucket(item);
        self.buckets[bucket].push(item);
        self.len += 1;
    }

    #[inline]
    fn pop(&mut self) -> Option<Item> {
        if self.len == 0 {
            return None;
        }
        self.len -= 1;
        if self.buckets[0].is_empty() {
            let first = self.buckets.iter().position(|bucket| !bucket.is_empty())?;
            let mut items = std::mem::take(&mut self.buckets[first]);
            self.last = items.iter().map(|item| key(*item)).min()?;
            for item in items.drain(..) {
                let bucket = self.bucket(item);
                self.buckets[bucket].push(item);
            }
            // Its memory is for the next ones.
            self.buckets[first] = items;
        }
        self.buckets[0].pop()
    }
}
