//! What several benches share: the floor that engine speeds are held against.

pub(crate) mod floor;
