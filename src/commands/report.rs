//! `podwire report`: the report of saved traces. Their headers hold the effective scenario, so that settings and
//! expectations are known too; what no trace tells is how many events its run took and why it stopped.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use reports::report::{Report, ReportInput, RunReport};
use scenarios::{Arm, Scenario};
use sim_core::trace::{Level, TraceHeader, TraceSink};

use super::compare::{expectations, levels};
use super::output_form::{FolderReports, Form, deliver, pictures};
use crate::args::ReportArgs;
use crate::experiment::{Nowhere, Observers};
use crate::failure::Failure;
use crate::listed::refuse;
use crate::output::trace_failure;
use crate::session;
use crate::traces;

pub(super) fn execute(args: &ReportArgs) -> Result<(), Failure> {
    let form = Form::chosen(&args.format, args.svg.as_deref(), &[])?;
    let mut wrong = Vec::new();
    let reports = FolderReports::of(args.output.as_deref(), &args.report, &mut wrong);
    refuse(&wrong)?;
    let pictures = pictures(form, &reports, args.traces.len());
    let (mut headers, mut runs) = (Vec::new(), Vec::<RunReport>::new());
    for path in &args.traces {
        let (header, level, run) = read_run(path, pictures)?;
        if level < Level::Connection && !args.quiet {
            let what = "a trace of requests alone: connections, translations and conntrack are not told";
            writeln!(std::io::stderr(), "warning: {} is {what}", path.display())?;
        }
        if let Some(place) = runs.iter().position(|known| (&known.arm, known.seed) == (&run.arm, run.seed)) {
            let other = args.traces.get(place).map_or_else(String::new, |other| other.display().to_string());
            let (arm, seed) = (&run.arm, run.seed);
            let what = format!("{other} and {} are both of arm {arm} under seed {seed}", path.display());
            return Err(Failure::Usage(format!("{what}; a report shows each run once")));
        }
        headers.push(header);
        runs.push(run);
    }
    let scenarios = Scenarios::load(&headers);
    if !args.quiet && headers.iter().any(|header| scenarios.arm(header).is_none()) {
        let why = "perhaps another version wrote it";
        writeln!(
            std::io::stderr(),
            "warning: the scenario of a trace is not understood ({why}); not all settings are told"
        )?;
    }
    let report = Report::new(input(&headers, &scenarios, runs));
    deliver(&report, form, &reports)
}

/// Reads a trace record by record, so that memory does not grow with its requests.
fn read_run(path: &Path, pictures: Option<usize>) -> Result<(TraceHeader, Level, RunReport), Failure> {
    let reader = traces::open(path)?;
    let (header, level) = (reader.header().clone(), reader.level());
    // A digest is over the connection level, which a trace of requests alone does not have.
    let mut observers = Observers::new(&header, level >= Level::Connection, pictures, Nowhere);
    for record in reader {
        observers.record(&record.map_err(|error| trace_failure(path, &error))?);
    }
    let (run, _) = observers.finish(&header);
    Ok((header, level, run))
}

/// The scenarios of the traces, each loaded once.
struct Scenarios<'a>(BTreeMap<&'a str, Option<Scenario>>);

impl<'a> Scenarios<'a> {
    fn load(headers: &'a [TraceHeader]) -> Self {
        let metrics = session::metrics();
        let mut loaded = BTreeMap::new();
        for header in headers {
            let text = header.effective_scenario.as_str();
            loaded.entry(text).or_insert_with(|| scenarios::reload(text, &metrics).scenario);
        }
        Self(loaded)
    }

    fn of(&self, header: &TraceHeader) -> Option<&Scenario> {
        self.0.get(header.effective_scenario.as_str())?.as_ref()
    }

    fn arm(&self, header: &TraceHeader) -> Option<&Arm> {
        self.of(header)?.arms.iter().find(|arm| arm.name == header.arm)
    }
}

/// The first trace says which scenario it is; arms come in that scenario's order, then by seed.
fn input(headers: &[TraceHeader], scenarios: &Scenarios<'_>, mut runs: Vec<RunReport>) -> ReportInput {
    let first = headers.first();
    let known = first.and_then(|first| scenarios.of(first));
    let place = |arm: &str| known.and_then(|known| known.arms.iter().position(|known| known.name == arm));
    runs.sort_by_key(|run| (place(&run.arm).unwrap_or(usize::MAX), run.seed));
    // Several seeds of an arm have its settings in common.
    let mut chosen: Vec<&Arm> = Vec::new();
    for arm in headers.iter().filter_map(|header| scenarios.arm(header)) {
        if chosen.iter().all(|other| other.name != arm.name) {
            chosen.push(arm);
        }
    }
    let given = known.iter().flat_map(|known| &known.expectations);
    let digest = |header: &TraceHeader| blake3::hash(header.effective_scenario.as_bytes()).to_hex().to_string();
    ReportInput {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: first.map(|header| header.scenario.clone()).unwrap_or_default(),
        scenario_digest: first.map(digest).unwrap_or_default(),
        runs,
        settings: headers.iter().map(|header| (header.arm.clone(), settings(header, scenarios.arm(header)))).collect(),
        levels: chosen.iter().map(|arm| (arm.name.clone(), levels(arm))).collect(),
        expectations: given.flat_map(|given| expectations(given, &chosen)).collect(),
        theory: chosen.iter().flat_map(|arm| crate::theory::of_arm(arm)).collect(),
    }
}

/// The settings of an arm: all of them, or those that the header itself tells.
fn settings(header: &TraceHeader, arm: Option<&Arm>) -> BTreeMap<String, String> {
    if let Some(arm) = arm {
        return arm.settings.clone();
    }
    let told = [("model", header.model.clone()), ("discovery", header.discovery.clone())];
    told.into_iter().map(|(path, value)| (path.to_owned(), value)).collect()
}
