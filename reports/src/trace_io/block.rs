//! Records in canonical form, one behind the other, until they are worth being handed on. Knows neither hashes nor files.

use sim_core::trace::Record;
use sim_core::trace::encoding::LONGEST;

/// So many bytes are handed on at once: a hash is several times faster on long inputs, and a file is written less often.
const ENOUGH: usize = 64 * 1_024;

/// A buffer of fixed size.
#[derive(Clone)]
pub(super) struct Block {
    bytes: Box<[u8]>,
    filled: usize,
}

impl Block {
    /// An empty one.
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; ENOUGH + LONGEST].into_boxed_slice(), filled: 0 }
    }

    /// Adds a record; true when there is enough to hand on, which must happen before the next record.
    #[inline]
    pub(super) fn add(&mut self, record: &Record) -> bool {
        let place =
            self.bytes[self.filled..].first_chunk_mut().expect("a full block is handed on before the next record");
        self.filled += record.encode_at(place);
        self.filled >= ENOUGH
    }

    /// What was added since it was emptied.
    pub(super) fn written(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// Empties it.
    pub(super) fn clear(&mut self) {
        self.filled = 0;
    }
}
