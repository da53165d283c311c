//! Cheap mixing of 64 bits, for algorithms whose own hash is nobody's standard. Knows nothing of what it mixes.

use twox_hash::XxHash64;

/// The two halves of a product of 128 bits, laid over each other: every bit of both factors takes part.
#[inline]
pub fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    #[allow(clippy::cast_possible_truncation, reason = "the lower half")]
    let low = product as u64;
    high(product) ^ low
}

/// The upper half.
#[inline]
pub(in crate::balancing) fn high(product: u128) -> u64 {
    u64::try_from(product >> 64).expect("the upper half of 128 bits has 64")
}

/// A number in 0 .. `bound`, by the uniform bits of `hash` (Lemire's multiply-shift).
#[inline]
pub fn within(hash: u64, bound: u64) -> u64 {
    high(u128::from(hash) * u128::from(bound))
}

/// 64 bits that depend on every bit of the key, so that keys counted up by one end far apart (the finaliser of
/// `MurmurHash3`). No two keys have the same.
#[inline]
pub fn mix(key: u64) -> u64 {
    let key = (key ^ (key >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let key = (key ^ (key >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    key ^ (key >> 33)
}

/// XXH64, as Envoy hashes names.
pub fn xxh64(bytes: &[u8], seed: u64) -> u64 {
    XxHash64::oneshot(seed, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_laid_over_each_other() {
        assert_eq!(fold(u64::MAX, 2), (u64::MAX - 1) ^ 1);
        assert_eq!(fold(1 << 32, 1 << 32), 1);
        assert_eq!(within(u64::MAX, 10), 9);
        assert_eq!(within(1 << 63, 10), 5);
    }

    #[test]
    fn xxh64_is_the_published_one() {
        // The sanity checks of the xxHash specification.
        assert_eq!(xxh64(b"", 0), 0xef46_db37_51d8_e999);
        assert_eq!(xxh64(b"abc", 0), 0x44bc_2cf5_ad77_0999);
    }
}
