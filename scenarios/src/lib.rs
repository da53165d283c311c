//! Scenario files.

mod canonical;
mod decode;
pub mod diagnostics;
mod draft;
mod import;
mod nearest;
mod overrides;
pub mod schema;
pub mod units;
mod yaml;
