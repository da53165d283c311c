//! Runs a scenario of the library in all its arms and keeps everything.

use std::path::Path;

use reports::report::{Report, ReportInput, RunReport, renderer};
use sim_core::trace::{Level, Record, TraceHeader};

use podwire::experiment::{self, Settings, Unit};

use super::smaller::smaller;

/// One arm's run.
pub(crate) struct Run {
    pub(crate) header: TraceHeader,
    pub(crate) records: Vec<Record>,
    pub(crate) report: RunReport,
}

/// All arms of a scenario.
pub(crate) struct All {
    pub(crate) runs: Vec<Run>,
    pub(crate) report: String,
}

impl All {
    /// The run of one arm.
    pub(crate) fn arm(&self, name: &str) -> &Run {
        self.runs.iter().find(|run| run.header.arm == name).unwrap()
    }
}

/// Runs the scenario file `name` of the library.
pub(crate) fn named(name: &str) -> All {
    run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/library").join(name))
}

/// Runs a scenario file.
pub(crate) fn run(path: &Path) -> All {
    let loaded = podwire::session::load_file(path, &smaller(path)).unwrap();
    let problems = scenarios::render(&loaded.diagnostics, &loaded.sources, false);
    let scenario = loaded.scenario.unwrap_or_else(|| panic!("{problems}"));
    let settings = Settings { digest: true, level: Level::Connection, pictures: None, share: true, progress: &|_| {} };
    let runs: Vec<Run> = scenario
        .arms
        .iter()
        .map(|arm| {
            let unit = Unit { scenario: &scenario, arm };
            let mut records: Vec<Record> = Vec::new();
            let report = experiment::run(&unit, &settings, &mut records);
            Run { header: unit.header(), records, report }
        })
        .collect();
    let input = ReportInput {
        version: "golden".to_owned(),
        scenario: scenario.name.clone(),
        scenario_digest: String::new(),
        runs: runs.iter().map(|run| run.report.clone()).collect(),
        settings: scenario.arms.iter().map(|arm| (arm.name.clone(), arm.settings.clone())).collect(),
        ..ReportInput::default()
    };
    let mut text = Vec::new();
    (renderer("text").unwrap().render)(&Report::new(input), &mut text).unwrap();
    All { runs, report: String::from_utf8(text).unwrap() }
}
