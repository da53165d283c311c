//! One block of `ChaCha8`, computed alone: what a draw costs that nothing was read before. Byte for byte what `rand_chacha`
//! gives for the same key, stream and position; knows nothing of what is drawn.

use std::array::from_fn;

/// 64-bit draws in a block.
pub(super) const DRAWS: usize = 8;

/// "expand 32-byte k", as little-endian words.
const CONSTANTS: Row = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/// A row of the state; the four columns go through the same steps side by side.
type Row = [u32; 4];

/// The draws of the block with this number of a stream.
pub(super) fn block(key: &[u32; 8], stream: u64, number: u64) -> [u64; DRAWS] {
    let words = words(key, stream, number);
    from_fn(|place| draw(&words, place))
}

/// The draw at one place of the block with this number.
#[inline]
pub(super) fn one(key: &[u32; 8], stream: u64, number: u64, place: usize) -> u64 {
    draw(&words(key, stream, number), place)
}

fn draw(words: &[Row; 4], place: usize) -> u64 {
    let row = &words[place / 2];
    let at = place % 2 * 2;
    u64::from(row[at]) | (u64::from(row[at + 1]) << 32)
}

#[inline]
fn words(key: &[u32; 8], stream: u64, number: u64) -> [Row; 4] {
    let (counter, nonce) = (halves(number), halves(stream));
    let start: [Row; 4] = [
        CONSTANTS,
        [key[0], key[1], key[2], key[3]],
        [key[4], key[5], key[6], key[7]],
        [counter[0], counter[1], nonce[0], nonce[1]],
    ];
    let mut rows = start;
    for _ in 0..4 {
        rows = double_round(rows);
    }
    from_fn(|row| added(rows[row], start[row]))
}

/// The low and the high 32 bits.
fn halves(bits: u64) -> [u32; 2] {
    let bytes = bits.to_le_bytes();
    let (halves, _) = bytes.as_chunks::<4>();
    from_fn(|half| u32::from_le_bytes(halves[half]))
}

/// A round over the columns and one over the diagonals.
fn double_round(rows: [Row; 4]) -> [Row; 4] {
    let [a, b, c, d] = quarter_rounds(rows);
    let [a, b, c, d] = quarter_rounds([a, turned::<1>(b), turned::<2>(c), turned::<3>(d)]);
    [a, turned::<3>(b), turned::<2>(c), turned::<1>(d)]
}

/// A quarter round in each column.
fn quarter_rounds([a, b, c, d]: [Row; 4]) -> [Row; 4] {
    let a = added(a, b);
    let d = mixed::<16>(d, a);
    let c = added(c, d);
    let b = mixed::<12>(b, c);
    let a = added(a, b);
    let d = mixed::<8>(d, a);
    let c = added(c, d);
    let b = mixed::<7>(b, c);
    [a, b, c, d]
}

fn added(left: Row, right: Row) -> Row {
    from_fn(|column| left[column].wrapping_add(right[column]))
}

fn mixed<const BITS: u32>(left: Row, right: Row) -> Row {
    from_fn(|column| (left[column] ^ right[column]).rotate_left(BITS))
}

fn turned<const COLUMNS: usize>(row: Row) -> Row {
    from_fn(|column| row[(column + COLUMNS) % 4])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_core::{Rng, SeedableRng};

    use super::*;

    /// The same block by `rand_chacha`.
    fn sought(key: [u8; 32], stream: u64, number: u64) -> [u64; DRAWS] {
        let mut cipher = ChaCha8Rng::from_seed(key);
        cipher.set_stream(stream);
        cipher.set_word_pos(u128::from(number) * 16);
        from_fn(|_| cipher.next_u64())
    }

    fn words(key: &[u8; 32]) -> [u32; 8] {
        from_fn(|word| u32::from_le_bytes(from_fn(|byte| key[4 * word + byte])))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn a_block_is_what_rand_chacha_gives(key: [u8; 32], stream: u64, number in prop_oneof![any::<u64>(), 0..100_u64]) {
            prop_assert_eq!(block(&words(&key), stream, number), sought(key, stream, number));
        }
    }

    #[test]
    fn the_ends_of_streams_and_positions_are_the_same_too() {
        for (stream, number) in [(0, 0), (u64::MAX, u64::MAX), (1 << 32, u64::from(u32::MAX)), (5, 1 << 32)] {
            assert_eq!(block(&words(&[7; 32]), stream, number), sought([7; 32], stream, number));
        }
    }
}
