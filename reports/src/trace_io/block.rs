//! Records in canonical form, one behind the other, until they are worth being handed on. Knows neither hashes nor files.

use sim_core::trace::Record;
use sim_core::trace::encoding::LONGEST;

/// A buffer of fixed size.
#[derive(Clone)]
pub(super) struct Block {
    bytes: Box<[u8]>,
    filled: usize,
    enough: usize,
}

impl Block {
    /// An empty one, of which so many bytes are worth being handed on.
    pub(super) fn new(enough: usize) -> Self {
        Self { bytes: vec![0; enough + LONGEST].into_boxed_slice(), filled: 0, enough }
    }

    /// From now on so many bytes are worth it, at most as many as at first.
    pub(super) fn wait_for(&mut self, enough: usize) {
        self.enough = enough;
    }

    /// Adds a record; true when there is enough to hand on, which must happen before the next record.
    #[inline]
    pub(super) fn add(&mut self, record: &Record) -> bool {
        let place =
            self.bytes[self.filled..].first_chunk_mut().expect("a full block is handed on before the next record");
        self.filled += record.encode_at(place);
        self.filled >= self.enough
    }

    /// What was added since it was emptied.
    pub(super) fn written(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// Of these as many as it has waited for; there are so many.
    pub(super) fn piece(&self) -> &[u8] {
        &self.bytes[..self.enough]
    }

    /// Keeps what is behind the piece alone.
    pub(super) fn drop_piece(&mut self) {
        self.bytes.copy_within(self.enough..self.filled, 0);
        self.filled -= self.enough;
    }

    /// Empties it.
    pub(super) fn clear(&mut self) {
        self.filled = 0;
    }
}
