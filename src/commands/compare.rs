//! `podwire compare`: all arms of a scenario, side by side. Also the engine room of `run`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use reports::report::{Expectation, Report, ReportInput, RunReport};
use reports::trace_io::Ladder;
use scenarios::{Arm, Overrides, Scenario};
use sim_core::trace::Level;

use super::output_form::{FolderReports, Form, deliver, pictures};
use super::run::no_such_arm;
use crate::args::{CompareArgs, OutputArgs, Switch};
use crate::experiment::{self, Nowhere, Settings, Step, Unit};
use crate::failure::Failure;
use crate::listed::refuse;
use crate::output::{trace_failure, write_file};
use crate::progress::Progress;
use crate::session::{self, Input};
use crate::trace_files::TraceForms;

pub(super) fn execute(args: &CompareArgs) -> Result<(), Failure> {
    let form = Form::chosen(&args.format, args.svg.as_deref(), &[])?;
    let written = Written::of(&args.output)?;
    let overrides =
        Overrides { variants: args.variants.clone(), arms: args.arms.clone(), ..session::overrides(&args.scenario) };
    let input = session::load_with(&args.scenario, overrides)?;
    check_arms(input.scenario(), &args.arms)?;
    let report = run_arms(&input, None, &written, form, args.scenario.quiet)?;
    deliver(&report, form, &written.reports)
}

fn check_arms(scenario: &Scenario, asked: &[String]) -> Result<(), Failure> {
    let known: Vec<&str> = scenario.file_arms.iter().map(String::as_str).collect();
    let missing = asked.iter().find(|name| !known.contains(&name.as_str()));
    missing.map_or(Ok(()), |name| Err(no_such_arm(name, &known)))
}

/// What is written besides the report on standard output.
pub(super) struct Written<'a> {
    output: &'a OutputArgs,
    traces: TraceForms,
    /// The reports in the folder.
    pub(super) reports: FolderReports,
}

impl<'a> Written<'a> {
    /// What was asked for, or everything that is wrong with it.
    pub(super) fn of(output: &'a OutputArgs) -> Result<Self, Failure> {
        let mut wrong = Vec::new();
        let traces = TraceForms::of(output, &mut wrong);
        let reports = FolderReports::of(output.output.as_deref(), &output.report, &mut wrong);
        refuse(&wrong)?;
        Ok(Self { output, traces, reports })
    }
}

/// Runs all arms (or only one) under the scenario's seed or all seeds asked for.
pub(super) fn run_arms(
    input: &Input,
    only: Option<&str>,
    written: &Written<'_>,
    form: Form,
    quiet: bool,
) -> Result<Report, Failure> {
    let Written { output, traces, reports } = written;
    let scenario = input.scenario();
    let seeded: Vec<Scenario> = match &output.seeds {
        None => vec![scenario.clone()],
        Some(seeds) => {
            let loaded = experiment::run_all(&seeds.0, output.threads, |seed| input.under_seed(*seed));
            loaded.into_iter().collect::<Result<_, _>>()?
        }
    };
    let arms = scenario.arms.iter().filter(|arm| only.is_none_or(|name| arm.name == name));
    let names: Vec<&str> = arms.map(|arm| arm.name.as_str()).collect();
    let units: Vec<Unit<'_>> = names.iter().flat_map(|name| seeded.iter().filter_map(|run| unit(run, name))).collect();
    let total = units.iter().map(|unit| unit.arm.model.duration.as_nanos()).sum();
    let progress = Progress::new(total, quiet);
    let advance = |step: &Step| progress.advance(step);
    let settings = settings(output, traces.level, pictures(form, reports, names.len()), &advance);
    let runs: Vec<Result<(RunReport, Vec<String>), Failure>> = if traces.is_empty() {
        let runs = experiment::run_shared(&units, &settings, output.threads, &Nowhere);
        runs.into_iter().map(|(report, _)| Ok((report, Vec::new()))).collect()
    } else {
        experiment::run_all(&units, output.threads, |unit| run_with_trace(unit, traces, output, &settings))
    };
    progress.finish();
    let runs = runs.into_iter().collect::<Result<Vec<(RunReport, Vec<String>)>, Failure>>()?;
    let (runs, notes): (Vec<RunReport>, Vec<Vec<String>>) = runs.into_iter().unzip();
    tell(notes.concat(), quiet)?;
    for (unit, run) in units.iter().zip(&runs) {
        write_ladder(unit, output, run)?;
    }
    Ok(Report::new(report_input(scenario, &names, runs)))
}

fn unit<'a>(scenario: &'a Scenario, arm: &str) -> Option<Unit<'a>> {
    let arm = scenario.arms.iter().find(|candidate| candidate.name == arm)?;
    Some(Unit { scenario, arm })
}

fn settings<'a>(
    output: &OutputArgs,
    level: Level,
    pictures: Option<usize>,
    progress: &'a (dyn Fn(&Step) + Sync),
) -> Settings<'a> {
    let digest = output.digest == Switch::On;
    Settings { digest, level: level.max(Level::Connection), pictures, share: true, progress }
}

/// A trace is written from the first record on, so such a run shares nothing with others. Also returns what the user should
/// be told.
fn run_with_trace(
    unit: &Unit<'_>,
    forms: &TraceForms,
    output: &OutputArgs,
    settings: &Settings<'_>,
) -> Result<(RunReport, Vec<String>), Failure> {
    let folder = output.output.as_deref().unwrap_or(Path::new("."));
    let mut files = forms.create(&unit.header(), settings.digest, |name| file_of(unit, folder, output, name))?;
    let settings = Settings { digest: settings.digest && !files.hashes, ..*settings };
    let mut report = experiment::run(unit, &settings, &mut files);
    let (notes, digest) = files.finish()?;
    report.trace_digest = report.trace_digest.or(digest);
    Ok((report, notes.into_iter().map(|note| format!("{}: {note}", unit.arm.name)).collect()))
}

/// Tells each note once, however many runs have it.
fn tell(notes: Vec<String>, quiet: bool) -> Result<(), Failure> {
    let notes: BTreeSet<String> = notes.into_iter().collect();
    for note in notes.iter().filter(|_| !quiet) {
        writeln!(std::io::stderr(), "note: {note}")?;
    }
    Ok(())
}

/// The file of this name in the folder of a run's arm, without its ending; several seeds have a file each.
fn file_of(unit: &Unit<'_>, folder: &Path, output: &OutputArgs, name: &str) -> PathBuf {
    let name = if output.seeds.is_some() { format!("{name}-{}", unit.arm.model.seed) } else { name.to_owned() };
    folder.join(&unit.arm.name).join(name)
}

/// Beside every trace, and where none is written, stands what tells two runs apart.
fn write_ladder(unit: &Unit<'_>, output: &OutputArgs, run: &RunReport) -> Result<(), Failure> {
    let (Some(folder), Some(digest)) = (&output.output, &run.trace_digest) else { return Ok(()) };
    let ladder = Ladder { header: unit.header(), digest: digest.clone() };
    let path = file_of(unit, folder, output, "ladder").with_extension("jsonl");
    let mut text = Vec::new();
    ladder.write(&mut text).map_err(|error| trace_failure(&path, &error))?;
    write_file(&path, |file| file.write_all(&text))
}

fn report_input(scenario: &Scenario, names: &[&str], runs: Vec<RunReport>) -> ReportInput {
    let chosen: Vec<&Arm> = scenario.arms.iter().filter(|arm| names.contains(&arm.name.as_str())).collect();
    let settings: BTreeMap<_, _> = chosen.iter().map(|arm| (arm.name.clone(), arm.settings.clone())).collect();
    let levels: BTreeMap<_, Vec<String>> = chosen.iter().map(|arm| (arm.name.clone(), levels(arm))).collect();
    ReportInput {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: scenario.name.clone(),
        scenario_digest: blake3::hash(scenario.effective.as_bytes()).to_hex().to_string(),
        runs,
        settings,
        levels,
        expectations: scenario.expectations.iter().flat_map(|given| expectations(given, &chosen)).collect(),
        theory: chosen.iter().flat_map(|arm| crate::theory::of_arm(arm)).collect(),
    }
}

/// An arm's level of every factor: the arm of the file, then the value of each path that varies.
pub(super) fn levels(arm: &Arm) -> Vec<String> {
    std::iter::once(arm.base.clone()).chain(arm.levels.clone()).collect()
}

/// An expectation of an arm holds in all its variants.
pub(super) fn expectations(given: &scenarios::Expectation, chosen: &[&Arm]) -> Vec<Expectation> {
    let in_arm = |arm: Option<String>| Expectation {
        metric: given.metric.clone(),
        arm,
        traffic: given.traffic.clone(),
        fault: given.fault.clone(),
        edge: given.edge.clone(),
        min: given.min,
        max: given.max,
    };
    let Some(base) = &given.arm else { return vec![in_arm(None)] };
    chosen.iter().filter(|arm| arm.base == *base).map(|arm| in_arm(Some(arm.name.clone()))).collect()
}
