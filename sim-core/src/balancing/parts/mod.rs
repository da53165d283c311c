//! What several algorithms are made of.

pub(super) mod in_flight;
pub(super) mod probes;
pub(super) mod sampling;
#[cfg(test)]
pub(super) mod testing;
