//! What several algorithms are made of.

pub mod address_hash;
pub mod buckets;
pub mod destinations;
pub mod divisors;
pub mod locality;
pub mod ranking;
pub mod sums;
#[cfg(test)]
pub(super) mod testing;
pub mod tournament;
