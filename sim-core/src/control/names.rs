//! The parts of pod names that Kubernetes makes up, in its safe alphabet (no vowels, no look-alikes): random ends of
//! five letters, and hashes of changed templates.

use crate::kernel::draws::{EntityKey, below};
use crate::trace::fields::{Suffix, TemplateHash};

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

/// The hash of a changed template, made of what changed it and not of chance: as `SafeEncodeString` spells a 32-bit
/// hash, digit by digit.
pub fn template_hash(change: &str) -> TemplateHash {
    let folded = EntityKey::of(change).spread(0) >> 32;
    let letters: String =
        folded.to_string().bytes().map(|digit| char::from(ALPHABET[usize::from(digit) % 27])).collect();
    TemplateHash::of(&letters)
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

    #[test]
    fn a_hash_follows_the_change_alone() {
        let hash = template_hash("deployment/default/web 1");
        assert_eq!(hash, template_hash("deployment/default/web 1"));
        assert_ne!(hash, template_hash("deployment/default/web 2"));
        assert!((7..=10).contains(&hash.as_str().len()), "{}", hash.as_str());
    }
}
