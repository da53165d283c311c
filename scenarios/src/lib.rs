//! podwire's scenario files, Kubernetes manifests and compose files, turned into valid models.
//!
//! [`load`] reads a scenario with its includes and gives one [`sim_core::model::Model`] per arm; [`check`] takes
//! manifests and compose files too. All problems come at once as [`Diagnostic`]s with a stable code and a place;
//! [`render`] shows them with their source line. The way: text -> YAML with spans (`yaml`) -> typed values
//! (`schema`, `import`) -> a draft of unresolved names -> rules (`checks`) -> a model per arm (`lower`).

mod algorithms;
pub mod arms;
mod canonical;
mod checks;
mod clocks;
mod decode;
pub mod diagnostics;
mod directory;
mod draft;
mod effective;
mod expectations;
mod expose;
mod import;
pub mod init;
mod load;
mod lower;
mod nearest;
mod overrides;
pub mod schema;
mod synthetic;
mod tables;
pub mod twin;
pub mod units;
mod variants;
mod yaml;

pub use algorithms::{ChosenAlgorithm, algorithms, weights};
pub use clocks::{Clock, clocks};
pub use diagnostics::{Diagnostic, Severity, Source, render};
pub use effective::reload;
pub use expectations::{BoundUnit, Expectation, Metric};
pub use expose::ExposeRequest;
pub use load::{Arm, Checked, Files, Loaded, Scenario, check, expose, load};
pub use nearest::did_you_mean;
pub use overrides::Overrides;
pub use tables::{Table, format_tables, parameter_texts};

/// The documents of a YAML text as JSON values, or what is wrong with it.
pub fn read_yaml(text: &str) -> Result<Vec<serde_json::Value>, String> {
    let parsed = yaml::parse(text);
    let problems: Vec<String> = parsed.problems.into_iter().map(|problem| problem.message).collect();
    if problems.is_empty() { Ok(parsed.documents) } else { Err(problems.join("; ")) }
}

/// A JSON value as a YAML text.
pub fn write_yaml(value: &serde_json::Value) -> String {
    yaml::to_text(value)
}

/// The JSON schema (draft 07) of the scenario format, indented and ending in a newline.
pub fn schema() -> String {
    let mut text = canonical::canonical_pretty(&schema::schema_value());
    text.push('\n');
    text
}
