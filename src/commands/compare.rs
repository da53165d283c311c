//! `podwire compare`: all arms of a scenario, side by side. Also the engine room of `run`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use reports::report::{Expectation, Renderer, Report, ReportInput, RunReport, renderer};
use scenarios::{Arm, Overrides, Scenario};
use sim_core::trace::Level;

use super::run::no_such_arm;
use crate::args::{CompareArgs, OutputArgs, Switch, TraceForm, TraceLevel};
use crate::experiment::{self, Nowhere, Settings, Step, Unit};
use crate::failure::Failure;
use crate::output::{MaybeTrace, TraceFile, write_file};
use crate::progress::Progress;
use crate::session::{self, Input};

pub(super) fn execute(args: &CompareArgs) -> Result<(), Failure> {
    let renderer = find_renderer(&args.format, &[])?;
    let overrides =
        Overrides { variants: args.variants.clone(), arms: args.arms.clone(), ..session::overrides(&args.scenario) };
    let input = session::load_with(&args.scenario, overrides)?;
    check_arms(&input.scenario()?, &args.arms)?;
    let report = run_arms(&input, None, &args.output, args.scenario.quiet)?;
    deliver(&report, renderer, args.output.output.as_deref())
}

fn check_arms(scenario: &Scenario, asked: &[String]) -> Result<(), Failure> {
    let known: Vec<&str> = scenario.file_arms.iter().map(String::as_str).collect();
    let missing = asked.iter().find(|name| !known.contains(&name.as_str()));
    missing.map_or(Ok(()), |name| Err(no_such_arm(name, &known)))
}

/// The report format that was asked for; `others` are names that the command knows besides.
pub(super) fn find_renderer(name: &str, others: &[&str]) -> Result<&'static Renderer, Failure> {
    renderer(name).ok_or_else(|| {
        let known = reports::report::RENDERERS.iter().map(|renderer| renderer.name);
        let known: Vec<&str> = known.chain(others.iter().copied()).collect();
        Failure::Usage(format!("unknown format `{name}`; there are {}", known.join(", ")))
    })
}

/// Runs all arms (or only one) under the scenario's seed or all seeds asked for.
pub(super) fn run_arms(input: &Input, only: Option<&str>, output: &OutputArgs, quiet: bool) -> Result<Report, Failure> {
    let scenario = input.scenario()?;
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
    let runs = if writes_traces(output) {
        let several = output.seeds.is_some();
        experiment::run_all(&units, output.threads, |unit| {
            run_with_trace(unit, output, several, &|step| progress.advance(step))
        })
    } else {
        let advance = |step: &Step| progress.advance(step);
        let settings = settings(output, Level::Connection, &advance);
        let runs = experiment::run_shared(&units, &settings, output.threads, &Nowhere);
        runs.into_iter().map(|(report, _)| Ok(report)).collect()
    };
    progress.finish();
    let runs = runs.into_iter().collect::<Result<Vec<RunReport>, Failure>>()?;
    Ok(Report::new(report_input(&scenario, &names, runs)))
}

fn unit<'a>(scenario: &'a Scenario, arm: &str) -> Option<Unit<'a>> {
    let arm = scenario.arms.iter().find(|candidate| candidate.name == arm)?;
    Some(Unit { scenario, arm })
}

fn writes_traces(output: &OutputArgs) -> bool {
    output.output.is_some() && output.trace != TraceForm::None
}

fn settings<'a>(output: &OutputArgs, level: Level, progress: &'a (dyn Fn(&Step) + Sync)) -> Settings<'a> {
    Settings { digest: output.digest == Switch::On, level: level.max(Level::Connection), share: true, progress }
}

/// A trace is written from the first record on, so such a run shares nothing with others.
fn run_with_trace(
    unit: &Unit<'_>,
    output: &OutputArgs,
    several: bool,
    progress: &(dyn Fn(&Step) + Sync),
) -> Result<RunReport, Failure> {
    let level = trace_level(output.level);
    let folder = output.output.as_deref().unwrap_or(Path::new(".")).join(&unit.arm.name);
    let name = if several { format!("trace-{}", unit.arm.model.seed) } else { "trace".to_owned() };
    let mut trace = MaybeTrace(TraceFile::create(&folder.join(name), output.trace, &unit.header(), level)?);
    let report = experiment::run(unit, &settings(output, level, progress), &mut trace);
    if let Some(file) = trace.0 {
        file.finish()?;
    }
    Ok(report)
}

fn trace_level(level: TraceLevel) -> Level {
    match level {
        TraceLevel::Request => Level::Request,
        TraceLevel::Connection => Level::Connection,
        TraceLevel::Segment => Level::Segment,
    }
}

fn report_input(scenario: &Scenario, names: &[&str], runs: Vec<RunReport>) -> ReportInput {
    let chosen: Vec<&Arm> = scenario.arms.iter().filter(|arm| names.contains(&arm.name.as_str())).collect();
    let settings: BTreeMap<_, _> = chosen.iter().map(|arm| (arm.name.clone(), arm.settings.clone())).collect();
    let levels = |arm: &Arm| std::iter::once(arm.base.clone()).chain(arm.levels.clone()).collect();
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

/// An expectation of an arm holds in all its variants.
fn expectations(given: &scenarios::Expectation, chosen: &[&Arm]) -> Vec<Expectation> {
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

/// Writes the report to `-o DIR` and to standard output; only then an expectation may fail the command.
pub(super) fn deliver(report: &Report, chosen: &Renderer, folder: Option<&Path>) -> Result<(), Failure> {
    if let Some(folder) = folder {
        for (format, name) in [("text", "report.txt"), ("json", "report.json")] {
            let renderer = find_renderer(format, &[])?;
            write_file(&folder.join(name), |output| (renderer.render)(report, output))?;
        }
    }
    let mut text = Vec::new();
    (chosen.render)(report, &mut text)?;
    std::io::stdout().write_all(&text)?;
    if report.passed() { Ok(()) } else { Err(Failure::Expectation) }
}
