//! `MurmurHash3` x64 128 (Austin Appleby, public domain), which Cilium and Katran hash backends with. Knows nothing of them.

const FIRST: u64 = 0x87c3_7b91_1142_53d5;
const SECOND: u64 = 0x4cf5_ad43_2745_937f;

fn scrambled(word: u64, by: u64, turn: u32, then: u64) -> u64 {
    word.wrapping_mul(by).rotate_left(turn).wrapping_mul(then)
}

fn word(bytes: &[u8]) -> u64 {
    let mut padded = [0; 8];
    padded[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(padded)
}

/// The two halves of the hash. Its first half of 16 bytes, two words of 8, is what Katran calls `MurmurHash3_x64_64`.
pub fn murmur3_x64_128(bytes: &[u8], seed: u32) -> (u64, u64) {
    let (mut left, mut right) = (u64::from(seed), u64::from(seed));
    let (blocks, tail) = bytes.as_chunks::<16>();
    for block in blocks {
        left ^= scrambled(word(&block[..8]), FIRST, 31, SECOND);
        left = left.rotate_left(27).wrapping_add(right).wrapping_mul(5).wrapping_add(0x52dc_e729);
        right ^= scrambled(word(&block[8..]), SECOND, 33, FIRST);
        right = right.rotate_left(31).wrapping_add(left).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let (near, far) = tail.split_at(tail.len().min(8));
    left ^= scrambled(word(near), FIRST, 31, SECOND);
    right ^= scrambled(word(far), SECOND, 33, FIRST);
    let length = bytes.len() as u64;
    left ^= length;
    right ^= length;
    left = left.wrapping_add(right);
    right = right.wrapping_add(left);
    left = super::mixing::mix(left);
    right = super::mixing::mix(right);
    left = left.wrapping_add(right);
    (left, right.wrapping_add(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_reference() {
        let fox = b"The quick brown fox jumps over the lazy dog";
        assert_eq!(murmur3_x64_128(fox, 0), (0xe34b_bc7b_bc07_1b6c, 0x7a43_3ca9_c49a_9347));
        assert_eq!(murmur3_x64_128(b"", 0), (0, 0));
        assert_eq!(murmur3_x64_128(b"hello", 0), (0xcbd8_a7b3_41bd_9b02, 0x5b1e_906a_48ae_1d19));
    }
}
