//! What several algorithms are made of.

#[cfg(test)]
pub(super) mod testing;
