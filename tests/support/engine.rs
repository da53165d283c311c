//! Scenarios from texts, and their arms run inside the test's own process.

use std::path::{Path, PathBuf};

use podwire::experiment::{self, Settings, Unit};
use reports::report::RunReport;
use scenarios::{Overrides, Scenario, Source};
use sim_core::trace::{Level, Record};

/// The folder of the library, which includes are relative to.
pub(crate) fn library() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/library")
}

/// Loads a scenario that must be right, with these paths set.
pub(crate) fn load(text: &str, set: &[(&str, &str)]) -> Scenario {
    let source = Source { name: "scenario.yaml".to_owned(), text: text.to_owned() };
    let set = set.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    let overrides = Overrides { set, ..Overrides::default() };
    let loaded = podwire::session::load_text(source, &library(), &overrides);
    let said = scenarios::render(&loaded.diagnostics, &loaded.sources, false);
    loaded.scenario.unwrap_or_else(|| panic!("{said}\n{text}"))
}

/// What one arm did.
pub(crate) struct Run {
    pub(crate) report: RunReport,
    pub(crate) records: Vec<Record>,
}

/// Runs the arm with this number and keeps its records of a level.
pub(crate) fn run(scenario: &Scenario, arm: usize, level: Level) -> Run {
    let unit = Unit { scenario, arm: &scenario.arms[arm] };
    let mut records: Vec<Record> = Vec::new();
    let report = experiment::run(
        &unit,
        &Settings { digest: true, level, pictures: None, share: true, progress: &|_| {} },
        &mut records,
    );
    Run { report, records }
}
