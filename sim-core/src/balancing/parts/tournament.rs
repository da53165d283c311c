//! A tournament over places: who has the least key, at once; and who is the next before a place with a key up to a bound,
//! in O(log n). Equal keys: the higher place wins. Knows places and keys only.
//!
//! A tree of eight children per vertex, each level one array of cache lines: a line holds the eight least keys below it.
//! A change walks up from its leaf and stops where nothing changes.

/// The key of a place that can not win.
pub const UNUSABLE: u64 = u64::MAX;

const FANOUT: usize = 8;

/// The keys of one vertex's children.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Line([u64; FANOUT]);

impl Line {
    /// The least key. Without branches, which nobody could predict.
    #[inline]
    fn least(&self) -> u64 {
        let half = |at: usize| {
            let pair = |at: usize| self.0[at].min(self.0[at + 1]);
            pair(at).min(pair(at + 2))
        };
        half(0).min(half(4))
    }

    /// The last index of the least key.
    #[inline]
    fn last_of_least(&self) -> usize {
        let least = self.least();
        let bits = self.0.iter().rev().fold(0_u32, |bits, key| (bits << 1) | u32::from(*key == least));
        bits.ilog2() as usize
    }

    /// The last of the first `end` indices whose key is at most `bound`.
    fn last_within(&self, end: usize, bound: u64) -> Option<usize> {
        self.0[..end].iter().rposition(|key| *key <= bound)
    }
}

/// The tree.
#[derive(Clone, Debug)]
pub struct Tournament {
    /// All levels' lines, the leaves' first.
    lines: Vec<Line>,
    /// Where each level's lines begin.
    starts: Vec<usize>,
}

impl Tournament {
    /// For so many places, none of which can win yet.
    pub fn new(places: usize) -> Self {
        let (mut lines, mut all, mut starts) = (places.div_ceil(FANOUT).max(1), 0, Vec::new());
        loop {
            starts.push(all);
            all += lines;
            if lines == 1 {
                break;
            }
            lines = lines.div_ceil(FANOUT);
        }
        Self { lines: vec![Line([UNUSABLE; FANOUT]); all], starts }
    }

    /// Gives a place a key.
    #[inline]
    pub fn set(&mut self, place: usize, key: u64) {
        let (mut index, mut key) = (place, key);
        for start in &self.starts {
            let child = index % FANOUT;
            index /= FANOUT;
            let line = &mut self.lines[start + index];
            if line.0[child] == key {
                return;
            }
            line.0[child] = key;
            key = line.least();
        }
    }

    /// The place with the least key.
    #[inline]
    pub fn winner(&self) -> Option<usize> {
        if self.least() == UNUSABLE {
            return None;
        }
        let down = |index: usize, start: &usize| index * FANOUT + self.lines[start + index].last_of_least();
        Some(self.starts.iter().rev().fold(0, down))
    }

    /// The least key of all.
    #[inline]
    pub fn least(&self) -> u64 {
        self.lines[self.lines.len() - 1].least()
    }

    /// The highest place below `place` with a key of at most `bound`, which is below [`UNUSABLE`].
    pub fn before(&self, place: usize, bound: u64) -> Option<usize> {
        let mut index = place;
        for (level, start) in self.starts.iter().enumerate() {
            // All of the root's children may lie below.
            let line = if level + 1 == self.starts.len() { 0 } else { index / FANOUT };
            let end = index - line * FANOUT;
            let found = if end == 0 { None } else { self.lines[start + line].last_within(end, bound) };
            if let Some(found) = found {
                return Some(self.descend(level, line * FANOUT + found, bound));
            }
            index = line;
        }
        None
    }

    /// The highest place below a vertex with a key of at most `bound`, where there is one.
    fn descend(&self, level: usize, index: usize, bound: u64) -> usize {
        self.starts[..level].iter().rev().fold(index, |index, start| {
            let found = self.lines[start + index].last_within(FANOUT, bound);
            index * FANOUT + found.expect("a vertex has the least key below it")
        })
    }

    /// Bytes of the tree.
    pub fn bytes(&self) -> usize {
        self.lines.len() * size_of::<Line>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Mixer;
    use super::*;

    #[test]
    fn answers_are_those_of_a_scan() {
        for places in [1_usize, 7, 8, 9, 63, 65, 512, 700] {
            let mut mixer = Mixer(places as u64);
            let mut tree = Tournament::new(places);
            let mut keys = vec![UNUSABLE; places];
            for _ in 0..2_000 {
                let place = mixer.below(places);
                let key = if mixer.below(4) == 0 { UNUSABLE } else { mixer.below(6) as u64 };
                tree.set(place, key);
                keys[place] = key;
                let least = *keys.iter().min().unwrap();
                let winner = (0..places).rev().find(|place| keys[*place] == least && least != UNUSABLE);
                assert_eq!((tree.winner(), tree.least()), (winner, least));
                let (from, bound) = (mixer.below(places + 1), mixer.below(6) as u64);
                assert_eq!(tree.before(from, bound), (0..from).rev().find(|place| keys[*place] <= bound));
            }
        }
    }
}
