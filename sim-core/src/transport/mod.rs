//! TCP as its two ends see it: when segments are sent again, when the kernel gives up, how large they are.
//! Knows no links, no nodes and no requests; returns decisions only.

pub mod retransmission;
pub mod segment;
pub mod syn;
