//! What several algorithms are made of.

pub mod crc32;
pub mod hash_on;
pub mod maglev_turns;
pub mod mixing;
pub mod murmur3;
#[cfg(test)]
pub(super) mod testing;
