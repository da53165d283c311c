//! What the application does: when requests arrive, how long they take to serve, how a server queues them.
//! Knows no addresses and no network.

pub mod arrivals;
pub mod distribution;
pub mod spacing;
