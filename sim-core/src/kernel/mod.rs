//! The kernel: time, the future event list, timers, indexed draws and the executive.
//! It is generic over the event and knows nothing about networks, nodes or requests.

pub mod draws;
pub mod executive;
pub mod queue;
pub mod time;
pub mod timers;
