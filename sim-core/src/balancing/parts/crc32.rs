//! CRC-32 as zlib, nginx and Ethernet have it (reflected polynomial 0xEDB88320). Eight bytes a step through eight tables:
//! what is hashed here is short, where crates made for long buffers go byte by byte. Knows nothing of balancing.

const POLYNOMIAL: u32 = 0xedb8_8320;

/// `TABLES[k][b]`: what a byte `b` does to the checksum when `k` more bytes come after it.
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    let mut checksum = 0_u32;
    while byte < 256 {
        // The table of a reflected CRC by its own recurrence: bit 7 alone gives the polynomial, halves give the rest.
        let mut rest = checksum;
        let mut bit = 0;
        while bit < 8 {
            rest = if rest & 1 == 1 { (rest >> 1) ^ POLYNOMIAL } else { rest >> 1 };
            bit += 1;
        }
        tables[0][byte] = rest;
        byte += 1;
        checksum += 1;
    }
    let mut after = 1;
    while after < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[after - 1][byte];
            tables[after][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        after += 1;
    }
    tables
}

/// A checksum at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crc32(u32);

impl Crc32 {
    /// Nothing read yet.
    #[inline]
    pub fn new() -> Self {
        Self(u32::MAX)
    }

    /// With these bytes read after the others.
    #[must_use]
    pub fn with(self, bytes: &[u8]) -> Self {
        let (words, rest) = bytes.as_chunks::<8>();
        let words = words.iter().fold(self, |checksum, word| checksum.with_word(u64::from_le_bytes(*word)));
        let by_byte = |checksum: u32, byte: &u8| {
            let [low, ..] = checksum.to_le_bytes();
            (checksum >> 8) ^ TABLES[0][usize::from(low ^ byte)]
        };
        Self(rest.iter().fold(words.0, by_byte))
    }

    /// With the eight bytes of a word read after the others, the lowest first.
    #[inline]
    #[must_use]
    pub fn with_word(self, word: u64) -> Self {
        let bytes = (word ^ u64::from(self.0)).to_le_bytes();
        let entry = |place: usize| TABLES[7 - place][usize::from(bytes[place])];
        let first = entry(0) ^ entry(1) ^ entry(2) ^ entry(3);
        Self(first ^ entry(4) ^ entry(5) ^ entry(6) ^ entry(7))
    }

    /// The checksum of what was read.
    #[inline]
    pub fn value(self) -> u32 {
        !self.0
    }
}

impl Default for Crc32 {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_catalogue_of_crcs() {
        assert_eq!(Crc32::new().with(b"123456789").value(), 0xcbf4_3926);
        assert_eq!(Crc32::new().value(), 0);
    }

    #[test]
    fn reading_in_pieces_and_by_words_is_reading_at_once() {
        let bytes: Vec<u8> = (0..100).map(|number: u8| number.wrapping_mul(37)).collect();
        let whole = Crc32::new().with(&bytes).value();
        for cut in 0..=bytes.len() {
            assert_eq!(Crc32::new().with(&bytes[..cut]).with(&bytes[cut..]).value(), whole, "cut at {cut}");
        }
        let word = u64::from_le_bytes(*b"12345678");
        assert_eq!(Crc32::new().with_word(word).with(b"9").value(), 0xcbf4_3926);
    }
}
