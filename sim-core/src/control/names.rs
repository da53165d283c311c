//! Pod names' random ends: five letters of Kubernetes' safe alphabet (no vowels, no look-alikes).

use crate::kernel::draws::below;
use crate::trace::fields::Suffix;

/// The alphabet of `k8s.io/apimachinery/pkg/util/rand`.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// The five letters that belong to a draw.
pub fn suffix(draw: u64) -> Suffix {
    let mut rest = draw;
    Suffix(std::array::from_fn(|_| {
        let letter = usize::try_from(below(rest, 27)).expect("below 27");
        rest = rest.wrapping_mul(27);
        ALPHABET[letter]
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_the_digits_of_the_draw() {
        assert_eq!(suffix(0).as_str(), "bbbbb");
        assert_eq!(suffix(u64::MAX).as_str(), "99999");
        // 1/27 of the range is one step of the first letter.
        assert_eq!(suffix(u64::MAX / 27 + 1).as_str(), "cbbbb");
    }
}
