//! Records in, numbers and text out: trace files, metrics, reports, the story of a run, kubectl's tables.
//!
//! Records and the header are the only input; no part of this crate ever sees the engine's state (law 6). [`balance`]
//! reads no run: it measures the core's balancing algorithms alone.
//! Files that people hand in may hold anything, so reading never panics and no identifier indexes a table unchecked.

pub mod balance;
pub mod blame;
pub mod convert;
pub mod curl;
pub mod diff;
pub mod explain;
mod format_docs;
pub mod html;
mod id_map;
mod markup;
pub mod metrics;
mod numbers;
mod pcapng;
pub mod report;
pub mod series;
mod spread;
pub mod state;
pub mod svg;
pub mod timeline;
pub mod trace_io;

pub use format_docs::format_table;

#[cfg(test)]
mod testing;
