//! What several algorithms are made of.

pub mod address_hash;
pub mod buckets;
pub mod crc32;
pub mod destinations;
pub mod divisors;
pub mod hash_on;
pub(super) mod in_flight;
pub mod locality;
pub mod maglev_turns;
pub mod mixing;
pub mod murmur3;
pub(super) mod probes;
pub mod ranking;
pub(super) mod sampling;
pub mod sums;
#[cfg(test)]
pub(super) mod testing;
pub mod tournament;
