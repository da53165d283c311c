//! Indexed draws (law 4): a draw is f(seed, entity key, purpose, index), read from `ChaCha8`.
//! The seed is the cipher's key, a hash of entity and purpose its stream, the index its position;
//! so no draw depends on how many others were made before it. Knows no entity, only hashes of stable names.

mod block;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// A hash of an entity's stable name (never of a dense id).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntityKey(u64);

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

impl EntityKey {
    /// The key of the entity with this name, such as `traffic/curl` or `node/node-1`.
    pub fn of(name: &str) -> Self {
        Self(FNV_OFFSET).with_bytes(name.as_bytes())
    }

    /// The key of a part of this entity: the `number`-th of what `part` names.
    pub fn part(self, part: &str, number: u64) -> Self {
        self.with_bytes(b"/").with_bytes(part.as_bytes()).with_bytes(&number.to_le_bytes())
    }

    /// The key of the name that goes on with `text`.
    pub fn then(self, text: &str) -> Self {
        self.with_bytes(text.as_bytes())
    }

    /// The key of the name that goes on with a number in decimal digits.
    pub fn then_number(self, number: u16) -> Self {
        let before = if number > 9 { self.then_number(number / 10) } else { self };
        let digit = char::from_digit(u32::from(number % 10), 10).expect("a decimal digit");
        before.then(digit.encode_utf8(&mut [0; 1]))
    }

    /// The key of this entity together with another one.
    pub fn with(self, other: Self) -> Self {
        self.with_bytes(b"&").with_bytes(&other.0.to_le_bytes())
    }

    /// 64 bits that belong to this entity and number, for spreading rather than for chance.
    pub fn spread(self, number: u64) -> u64 {
        let StreamId(mixed) = StreamId::new(self.part("", number), "spread");
        mixed
    }

    fn with_bytes(self, bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME)))
    }
}

/// Names one sequence of draws: an entity and what its draws are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamId(u64);

impl StreamId {
    /// The stream of `entity` for `purpose`.
    pub fn new(entity: EntityKey, purpose: &str) -> Self {
        let EntityKey(hash) = entity.with_bytes(b"#").with_bytes(purpose.as_bytes());
        // Stafford's mix 13 spreads what FNV leaves in the low bits.
        let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(hash ^ (hash >> 31))
    }
}

/// Draws in a block of the cipher.
const BLOCK: u64 = block::DRAWS as u64;

fn place_in_block(index: u64) -> usize {
    usize::try_from(index % BLOCK).expect("a place in a block of 8")
}

/// Draws that [`Draws`] reads at once for a stream: four blocks of the cipher.
const WINDOW: usize = 32;

/// A stream together with the window of draws read last; consecutive indices cost a copy each.
#[derive(Clone, Debug)]
pub struct Stream {
    id: StreamId,
    window: u64,
    values: Box<[u64; WINDOW]>,
}

impl Stream {
    /// The stream `purpose` of `entity`, nothing read yet.
    pub fn new(entity: EntityKey, purpose: &str) -> Self {
        Self { id: StreamId::new(entity, purpose), window: u64::MAX, values: Box::new([0; WINDOW]) }
    }
}

/// A stream of which there are very many, read in turns: the block of draws read last stands in place.
#[derive(Clone, Debug)]
pub struct ShortStream {
    id: StreamId,
    block: u64,
    values: [u64; block::DRAWS],
}

impl ShortStream {
    /// The stream `purpose` of `entity`, nothing read yet.
    pub fn new(entity: EntityKey, purpose: &str) -> Self {
        Self { id: StreamId::new(entity, purpose), block: u64::MAX, values: [0; block::DRAWS] }
    }
}

/// The source of all randomness of a run.
#[derive(Clone, Debug)]
pub struct Draws {
    key: [u32; 8],
    cipher: ChaCha8Rng,
}

impl Draws {
    /// The draws of seed `seed`.
    pub fn new(seed: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(b"podwire1");
        let (words, _) = key.as_chunks::<4>();
        let word = |index: usize| u32::from_le_bytes(words[index]);
        Self { key: std::array::from_fn(word), cipher: ChaCha8Rng::from_seed(key) }
    }

    /// Draw number `index` of the stream: 64 uniform bits.
    pub fn read(&mut self, stream: &mut Stream, index: u64) -> u64 {
        let window = index / WINDOW as u64;
        if stream.window != window {
            self.fill(stream, window);
        }
        let place = usize::try_from(index % WINDOW as u64).expect("a place in a window of 32");
        stream.values[place]
    }

    /// The same for a short stream.
    #[inline]
    pub fn read_short(&self, stream: &mut ShortStream, index: u64) -> u64 {
        let number = index / BLOCK;
        if stream.block != number {
            stream.values = self.block(stream.id, number);
            stream.block = number;
        }
        stream.values[place_in_block(index)]
    }

    /// Draw number `index` of the stream, for streams that are read once or rarely.
    pub fn once(&self, entity: EntityKey, purpose: &str, index: u64) -> u64 {
        self.at(StreamId::new(entity, purpose), index)
    }

    /// The same for a stream whose names have been hashed before.
    pub fn at(&self, stream: StreamId, index: u64) -> u64 {
        let StreamId(stream) = stream;
        block::one(&self.key, stream, index / BLOCK, place_in_block(index))
    }

    fn block(&self, StreamId(stream): StreamId, number: u64) -> [u64; block::DRAWS] {
        block::block(&self.key, stream, number)
    }

    #[cold]
    fn fill(&mut self, stream: &mut Stream, window: u64) {
        // In this order nothing is generated for a position that is not read: at a block's start no words are left over.
        self.cipher.set_word_pos(u128::from(window) * (WINDOW as u128 * 2));
        self.cipher.set_stream(stream.id.0);
        stream.values.fill_with(|| self.cipher.next_u64());
        stream.window = window;
    }
}

/// Where a decision's random bits come from, 64 after 64. A function that returns 64 bits is one.
pub trait RandomBits {
    /// The next 64 bits.
    fn next_u64(&mut self) -> u64;

    /// A number in 0 .. `bound`, all equally likely (Lemire, "Fast random integer generation in an interval", 2019);
    /// 0 for a bound of 0.
    fn below(&mut self, bound: u64) -> u64 {
        let scaled = |draw: u64| u128::from(draw) * u128::from(bound);
        let low = |product: u128| u64::try_from(product & u128::from(u64::MAX)).expect("64 bits");
        let mut product = scaled(self.next_u64());
        if low(product) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while low(product) < threshold {
                product = scaled(self.next_u64());
            }
        }
        u64::try_from(product >> 64).expect("a 64-bit draw scaled by a 64-bit bound fits 64 bits")
    }
}

/// The random bits of one decision: its own draw first, then others that follow from it.
#[derive(Debug)]
pub struct Decision<'a> {
    draws: &'a Draws,
    first: u64,
    given: u64,
    /// The block that the next further draw is in, unless that one is its first.
    further: [u64; block::DRAWS],
}

impl<'a> Decision<'a> {
    /// The decision whose own draw is `first`.
    pub fn new(draws: &'a Draws, first: u64) -> Self {
        Self { draws, first, given: 0, further: [0; block::DRAWS] }
    }
}

impl RandomBits for Decision<'_> {
    fn next_u64(&mut self) -> u64 {
        let number = self.given;
        self.given += 1;
        let Some(further) = number.checked_sub(1) else { return self.first };
        let place = place_in_block(further);
        if place == 0 {
            self.further = self.draws.block(StreamId::new(EntityKey(self.first), "decision"), further / BLOCK);
        }
        self.further[place]
    }
}

/// The random bits of one decision after another of one holder: draws 0, 1, 2, ... of one stream. For a balancer that is
/// tried alone; in a run each decision has its own index.
#[derive(Clone, Debug)]
pub struct Sequence {
    draws: Draws,
    stream: Stream,
    next: u64,
}

impl Sequence {
    /// The draws of `entity` for `purpose` under a seed, from the first.
    pub fn new(seed: u64, entity: EntityKey, purpose: &str) -> Self {
        Self { draws: Draws::new(seed), stream: Stream::new(entity, purpose), next: 0 }
    }
}

impl RandomBits for Sequence {
    #[inline]
    fn next_u64(&mut self) -> u64 {
        let index = self.next;
        self.next += 1;
        self.draws.read(&mut self.stream, index)
    }
}

impl<F: FnMut() -> u64> RandomBits for F {
    fn next_u64(&mut self) -> u64 {
        self()
    }
}

/// A draw as a fraction in [0, 1), with 53 bits.
#[allow(clippy::cast_precision_loss)]
pub fn unit(draw: u64) -> f64 {
    (draw >> 11) as f64 / (1_u64 << 53) as f64
}

/// A draw as an integer in 0 .. `bound` (0 for a bound of 0); its bias is below `bound` / 2^64.
pub fn below(draw: u64, bound: u64) -> u64 {
    let scaled = (u128::from(draw) * u128::from(bound)) >> 64;
    u64::try_from(scaled).expect("a 64-bit draw scaled by a 64-bit bound fits 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_depends_on_its_index_alone() {
        let mut draws = Draws::new(42);
        let key = EntityKey::of("traffic/curl");
        let mut forward = Stream::new(key, "arrival");
        let ahead: Vec<u64> = (0..100).map(|index| draws.read(&mut forward, index)).collect();
        let (mut backward, mut short) = (Stream::new(key, "arrival"), ShortStream::new(key, "arrival"));
        for index in (0..100).rev() {
            assert_eq!(draws.read_short(&mut short, index), ahead[usize::try_from(index).unwrap()]);
            assert_eq!(draws.read(&mut backward, index), ahead[usize::try_from(index).unwrap()]);
            assert_eq!(draws.once(key, "arrival", index), ahead[usize::try_from(index).unwrap()]);
        }
    }

    #[test]
    fn a_decision_and_a_sequence_are_indexed_too() {
        let mut draws = Draws::new(42);
        let key = EntityKey::of("node/node-1");
        let mut decision = Decision::new(&draws, 7);
        let given: Vec<u64> = (0..20).map(|_| decision.next_u64()).collect();
        let wanted = (0..19).map(|further| draws.once(EntityKey(7), "decision", further));
        assert_eq!(given, std::iter::once(7).chain(wanted).collect::<Vec<_>>());
        let mut sequence = Sequence::new(42, key, "pick");
        let mut stream = Stream::new(key, "pick");
        for index in 0..100 {
            assert_eq!(sequence.next_u64(), draws.read(&mut stream, index));
        }
    }

    #[test]
    fn seed_entity_part_and_purpose_each_make_another_draw() {
        let key = EntityKey::of("traffic/curl");
        let first = Draws::new(1).once(key, "arrival", 0);
        assert_ne!(first, Draws::new(2).once(key, "arrival", 0));
        assert_ne!(first, Draws::new(1).once(EntityKey::of("traffic/curk"), "arrival", 0));
        assert_ne!(first, Draws::new(1).once(key.part("user", 0), "arrival", 0));
        assert_ne!(first, Draws::new(1).once(key, "pick", 0));
        assert_ne!(first, Draws::new(1).once(key, "arrival", 1));
    }

    #[test]
    fn draws_are_pinned_for_ever() {
        // A change of these values changes every trace.
        let draws = Draws::new(42);
        let values: Vec<u64> = (0..3).map(|index| draws.once(EntityKey::of("node/node-1"), "lease", index)).collect();
        assert_eq!(values, PINNED);
    }

    const PINNED: [u64; 3] = [13_391_117_135_897_983_608, 10_845_933_190_054_174_344, 5_578_352_831_272_584_670];

    #[test]
    fn below_stays_below_and_unit_in_range() {
        assert_eq!(below(u64::MAX, 10), 9);
        assert_eq!(below(0, 10), 0);
        assert_eq!(below(u64::MAX, 0), 0);
        assert!(unit(u64::MAX) < 1.0);
        assert!(unit(0).abs() < f64::EPSILON);
    }
}
