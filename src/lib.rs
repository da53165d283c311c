//! What the command line is made of, for its own commands, for tests and for benches: scenarios in, reports out.
//! No rule of the domain lives here; `scenarios`, `sim-core` and `reports` hold them.

pub mod args;
pub mod commands;
pub mod experiment;
pub mod failure;
mod history;
mod listed;
mod output;
mod prefixes;
mod progress;
mod replay;
mod saved_runs;
pub mod session;
mod theory;
pub mod ties;
mod trace_files;
mod traces;

/// The page's code is compiled and run, so that it stays true.
#[cfg(doctest)]
#[doc = include_str!("../docs/your-own-balancer.md")]
mod your_own_balancer {}
