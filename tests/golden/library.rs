//! Runs a scenario of the library in all its arms and keeps everything.

use std::path::Path;

use reports::report::{Report, ReportInput, RunReport, renderer};
use scenarios::Overrides;
use sim_core::trace::{Level, Record, TraceHeader};

use podwire::experiment::{self, Settings, Unit};

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

/// What is changed in a scenario that takes seconds as it is, so that its snapshot takes none: the same story on fewer nodes.
fn shortened(path: &Path) -> Overrides {
    let fewer: &[(&str, &str)] = match path.file_stem().and_then(|stem| stem.to_str()) {
        Some("bench-5000-nodes") => &[
            ("topology.nodes.count", "30"),
            ("topology.generator.leaves", "3"),
            ("synthetic.shop.services", "20"),
            ("synthetic.edge.services", "3"),
            ("synthetic.release.replicas", "20"),
            ("traffic.mesh.arrivals.rate", "200/s"),
        ],
        _ => &[],
    };
    let set = fewer.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    Overrides { set, ..Overrides::default() }
}

/// Runs a scenario file.
pub(crate) fn run(path: &Path) -> All {
    let loaded = podwire::session::load_file(path, &shortened(path)).unwrap();
    let problems = scenarios::render(&loaded.diagnostics, &loaded.sources, false);
    let scenario = loaded.scenario.unwrap_or_else(|| panic!("{problems}"));
    let settings = Settings { digest: true, level: Level::Connection, share: true, progress: &|_| {} };
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
        levels: std::collections::BTreeMap::new(),
        expectations: Vec::new(),
        theory: Vec::new(),
    };
    let mut text = Vec::new();
    (renderer("text").unwrap().render)(&Report::new(input), &mut text).unwrap();
    All { runs, report: String::from_utf8(text).unwrap() }
}
