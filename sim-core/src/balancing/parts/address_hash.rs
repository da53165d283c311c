//! How the kernel hashes addresses for its own tables: `hash_32` and `hsiphash`. Knows addresses only.
//!
//! Kernels before 4.18 took the low bits of a product with 2654435761 where newer ones take the high bits of `hash_32`
//! ("ipvs: fix multiplicative hashing in sh/dh/lblc/lblcr algorithms"); this is the newer way.

use std::net::IpAddr;

/// An address as a number in host order; the four words of an IPv6 one are xored.
pub fn folded(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(address) => u32::from(address),
        IpAddr::V6(address) => {
            let segments = address.segments();
            segments.chunks(2).fold(0, |all, words| all ^ ((u32::from(words[0]) << 16) | u32::from(words[1])))
        }
    }
}

/// `hash_32` (`linux/hash.h`): the upper `bits` bits of a product with the golden ratio.
pub fn hash_32(value: u32, bits: u32) -> usize {
    (value.wrapping_mul(0x61c8_8647) >> (32 - bits)) as usize
}

/// `hsiphash` of one number on a 64-bit kernel: SipHash-1-3 of its four bytes, the lower half (`lib/siphash.c`).
/// Both halves of the key are `key`.
pub fn hsiphash(value: u32, key: u64) -> u32 {
    let mut state = [
        key ^ 0x736f_6d65_7073_6575,
        key ^ 0x646f_7261_6e64_6f6d,
        key ^ 0x6c79_6765_6e65_7261,
        key ^ 0x7465_6462_7974_6573,
    ];
    let last = (4 << 56) | u64::from(value);
    state[3] ^= last;
    sip_round(&mut state);
    state[0] ^= last;
    state[2] ^= 0xff;
    (0..3).for_each(|_| sip_round(&mut state));
    let [a, b, c, d] = state;
    u32::try_from((a ^ b ^ c ^ d) & 0xffff_ffff).expect("32 bits")
}

fn sip_round([a, b, c, d]: &mut [u64; 4]) {
    *a = a.wrapping_add(*b);
    *b = b.rotate_left(13) ^ *a;
    *a = a.rotate_left(32);
    *c = c.wrapping_add(*d);
    *d = d.rotate_left(16) ^ *c;
    *a = a.wrapping_add(*d);
    *d = d.rotate_left(21) ^ *a;
    *c = c.wrapping_add(*b);
    *b = b.rotate_left(17) ^ *c;
    *c = c.rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_is_folded_to_32_bits() {
        assert_eq!(folded("10.1.2.3".parse().unwrap()), 0x0a01_0203);
        assert_eq!(
            folded("2001:db8:1:2:3:4:5:6".parse().unwrap()),
            0x2001_0db8 ^ 0x0001_0002 ^ 0x0003_0004 ^ 0x0005_0006
        );
    }

    #[test]
    fn the_golden_ratio_spreads_neighbours() {
        // 0x61c88647 itself, its double, and three times it less 2^32.
        assert_eq!([1, 2, 3].map(|value| hash_32(value, 8)), [0x61, 0xc3, 0x25]);
        assert_eq!(hash_32(1, 10), 0x61c8_8647 >> 22);
    }

    #[test]
    fn siphash_1_3_is_that_of_independent_code() {
        assert_eq!(PINNED_VALUES.map(|value| hsiphash(value, 2_654_435_761)), PINNED_HASHES);
    }

    const PINNED_VALUES: [u32; 3] = [0, 0x0a00_0001, u32::MAX];
    const PINNED_HASHES: [u32; 3] = [0x1d5a_77c2, 0x0308_0ce4, 0x22c5_d719];
}
