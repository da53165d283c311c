//! TCP as its two ends see it: when segments are sent again, when the kernel gives up, how large they are.
//! Knows no links, no nodes and no requests; returns decisions only.

pub mod congestion;
pub mod receiver;
pub mod retransmission;
pub mod round_trip;
pub mod segment;
pub mod sender;
pub mod syn;
