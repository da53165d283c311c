//! podwire's engine and network model: a [`model::Model`] goes in, [`trace::Record`]s come out.
//!
//! No file, clock, thread or output is touched here, and a valid `Model` cannot make a run fail:
//! it goes on until a named [`kernel::executive::StopReason`]. Floor by floor, lower floors first:
//! `kernel` (time, queue, draws, executive) knows no networks; `model` and `topology` know time and ids;
//! `balancing`, `dataplane`, `addressing`, `transport`, `workload`, `faults`, `actions` and `control` return decisions;
//! `world` holds the state and is the only place that schedules events; `trace` is the only way out.

pub mod actions;
pub mod addressing;
pub mod balancing;
pub mod control;
pub mod dataplane;
pub mod faults;
pub mod kernel;
pub mod model;
pub mod topology;
pub mod trace;
pub mod transport;
pub mod workload;
pub mod world;
