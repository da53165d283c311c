//! The report: plain data of one or several runs, and its renderers.
//!
//! The JSON form is stable: fields may be added, never renamed. Times are nanoseconds since the start of the run.

mod calls;
mod differences;
mod expectations;
mod json;
mod junit;
mod markdown;
mod sections;
pub(crate) mod table;
#[cfg(test)]
mod tests;
mod text;
mod theory;
mod units;

pub use differences::{Difference, SettingsDifference};
pub use expectations::{Expectation, ExpectationResult};
pub(crate) use sections::{Section, answers, sections, shown_runs};
pub(crate) use text::headline;
pub use theory::{ClosedForm, Theory};
pub use units::{human_count, human_duration, human_value};
pub(crate) use units::{instant, percent, seconds};

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;
use sim_core::trace::TraceHeader;

use crate::metrics::RunMetrics;
use crate::series::Pictures;
use crate::trace_io::TraceDigest;

/// Version of the JSON report.
pub const SCHEMA_VERSION: u32 = 1;

/// What was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScenarioName {
    /// The scenario's name.
    pub name: String,
    /// Digest of the effective scenario.
    pub digest: String,
}

/// One run: one arm under one seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunReport {
    /// The arm.
    pub arm: String,
    /// Its address model.
    pub model: String,
    /// The seed.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub seed: u64,
    /// Digest of its trace, if one was made.
    pub trace_digest: Option<TraceDigest>,
    /// Name of the reason why it stopped.
    pub stop: String,
    /// Events that were processed.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub events: u64,
    /// Records up to the connection level.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub records: u64,
    /// Its numbers.
    #[serde(flatten)]
    pub metrics: RunMetrics,
    /// What pictures of it are drawn from, if somebody wants any; not part of the JSON report.
    #[serde(skip)]
    pub pictures: Option<Box<Pictures>>,
}

impl RunReport {
    /// A run with this header and these numbers.
    pub fn new(header: &TraceHeader, metrics: RunMetrics) -> Self {
        Self {
            arm: header.arm.clone(),
            model: header.model.clone(),
            seed: header.seed,
            trace_digest: None,
            stop: String::new(),
            events: 0,
            records: 0,
            metrics,
            pictures: None,
        }
    }
}

/// What a report is made of, besides the runs' numbers.
#[derive(Clone, Debug, Default)]
pub struct ReportInput {
    /// Version of podwire.
    pub version: String,
    /// The scenario's name.
    pub scenario: String,
    /// Digest of the effective scenario.
    pub scenario_digest: String,
    /// The runs, by arm in the scenario's order and by seed.
    pub runs: Vec<RunReport>,
    /// Settings of each arm, path to value.
    pub settings: BTreeMap<String, BTreeMap<String, String>>,
    /// Each arm's level of every factor: the arm of the file, then the value of each path that varies. Arms are
    /// compared when they differ in one factor; an arm without levels is compared with all others.
    pub levels: BTreeMap<String, Vec<String>>,
    /// The scenario's expectations.
    pub expectations: Vec<Expectation>,
    /// What theory gives for the arms.
    pub theory: Vec<Theory>,
}

/// Everything a renderer needs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Always [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Version of podwire that made it.
    pub podwire: String,
    /// What was run.
    pub scenario: ScenarioName,
    /// The runs.
    pub runs: Vec<RunReport>,
    /// Every metric, for each pair of arms: the second minus the first, paired by seed.
    pub differences: Vec<Difference>,
    /// What differs between the settings of each pair of arms.
    pub settings_differences: Vec<SettingsDifference>,
    /// The scenario's expectations and how they were met.
    pub expectations: Vec<ExpectationResult>,
    /// What theory gives where it has a closed form, beside what was measured.
    pub closed_forms: Vec<ClosedForm>,
}

impl Report {
    /// Compares the arms and checks the expectations.
    pub fn new(input: ReportInput) -> Self {
        let arms = arm_names(&input.runs);
        Self {
            schema_version: SCHEMA_VERSION,
            podwire: input.version,
            scenario: ScenarioName { name: input.scenario, digest: input.scenario_digest },
            differences: differences::between(&arms, &input.runs, &input.levels),
            settings_differences: differences::of_settings(&arms, &input.settings, &input.levels),
            expectations: expectations::check(&input.expectations, &arms, &input.runs),
            closed_forms: theory::beside(input.theory, &input.runs),
            runs: input.runs,
        }
    }

    /// Arms in the order of their first run.
    pub fn arms(&self) -> Vec<String> {
        arm_names(&self.runs)
    }

    /// Runs of one arm, by seed.
    pub fn runs_of<'a>(&'a self, arm: &'a str) -> impl Iterator<Item = &'a RunReport> {
        self.runs.iter().filter(move |run| run.arm == arm)
    }

    /// True if every expectation was met.
    pub fn passed(&self) -> bool {
        self.expectations.iter().all(|expectation| expectation.pass)
    }
}

fn arm_names(runs: &[RunReport]) -> Vec<String> {
    let mut arms: Vec<String> = Vec::new();
    for run in runs {
        if !arms.contains(&run.arm) {
            arms.push(run.arm.clone());
        }
    }
    arms
}

/// Writes a report in one format.
pub type RenderFn = fn(&Report, &mut dyn Write) -> std::io::Result<()>;

/// A report format.
#[derive(Clone, Copy)]
pub struct Renderer {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is for.
    pub summary: &'static str,
    /// True when it shows a run's [`pictures`](RunReport::pictures).
    pub pictured: bool,
    /// Writes a report in it.
    pub render: RenderFn,
}

/// All report formats.
pub const RENDERERS: &[Renderer] = &[
    plain("text", "the arms side by side, for a terminal", text::render),
    plain("json", "everything, for programs", json::render),
    plain("junit", "expectations as test cases, for CI", junit::render),
    plain("markdown", "the text report's tables, for a pull request", markdown::render),
    Renderer { pictured: true, ..plain("html", "one page with pictures, for a browser", crate::html::render) },
];

/// A format without pictures.
const fn plain(name: &'static str, summary: &'static str, render: RenderFn) -> Renderer {
    Renderer { name, summary, pictured: false, render }
}

/// The format with this name.
pub fn renderer(name: &str) -> Option<&'static Renderer> {
    RENDERERS.iter().find(|renderer| renderer.name == name)
}
