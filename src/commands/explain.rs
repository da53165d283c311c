//! `podwire explain`: why a request ended as it did, and which clock would have helped; or which clock an outage belongs to.

use std::fs::File;
use std::io::{BufReader, Write};

use reports::blame::{Blamed, Shortened, blame};
use reports::explain::{BadRequest, Explainer, Explanation, Otherwise, Wanted};
use reports::report::RunReport;
use reports::trace_io::TraceReader;
use scenarios::{Clock, Scenario, clocks, did_you_mean};
use sim_core::trace::{Level, TraceHeader, TraceSink};

use super::run::choose_arm;
use crate::args::{CheckFormat, ExplainArgs};
use crate::experiment::{self, Nowhere, Settings, Unit};
use crate::failure::Failure;
use crate::output::trace_failure;
use crate::session::{self, Input};
use crate::traces;

pub(super) fn execute(args: &ExplainArgs) -> Result<(), Failure> {
    match traces::saved(&args.scenario.file)? {
        Some(reader) => explain_trace(args, reader),
        None if args.blame => blame_clocks(args),
        None => explain_scenario(args),
    }
}

fn explain_trace(args: &ExplainArgs, reader: TraceReader<BufReader<File>>) -> Result<(), Failure> {
    let path = &args.scenario.file;
    traces::refuse_changes(&args.scenario, args.arm.as_deref(), reader.header())?;
    if args.blame {
        let what = "--blame runs the scenario again and again, but";
        return Err(Failure::Usage(format!("{what} {} is a saved trace", path.display())));
    }
    let mut explainer = Explainer::new(reader.header(), wanted(args, reader.header())?);
    for record in reader {
        explainer.record(&record.map_err(|error| trace_failure(path, &error))?);
    }
    print(args, &explainer.finish(), None)
}

fn explain_scenario(args: &ExplainArgs) -> Result<(), Failure> {
    let input = session::load(&args.scenario)?;
    let scenario = input.scenario();
    let arm = choose_arm(scenario, args.arm.as_deref())?;
    let unit = unit(scenario, &arm)?;
    let mut explainer = Explainer::new(&unit.header(), wanted(args, &unit.header())?);
    experiment::run(&unit, &settings(), &mut explainer);
    let explanations = explainer.finish();
    let helped = match &explanations[..] {
        [one] if one.outcome != "ok" => help(args, &input, &unit, one)?,
        _ => None,
    };
    print(args, &explanations, helped)
}

fn unit<'a>(scenario: &'a Scenario, arm: &str) -> Result<Unit<'a>, Failure> {
    let arm = scenario.arms.iter().find(|candidate| candidate.name == arm).ok_or(Failure::Invalid)?;
    Ok(Unit { scenario, arm })
}

fn settings() -> Settings<'static> {
    Settings { digest: false, level: Level::Connection, pictures: None, share: true, progress: &|_| {} }
}

fn wanted(args: &ExplainArgs, header: &TraceHeader) -> Result<Wanted, Failure> {
    if let Some(most) = args.worst {
        return Ok(Wanted::Slowest(usize::from(most)));
    }
    let Some(request) = &args.request else { return Ok(Wanted::FirstFailure) };
    Wanted::request(request, header).map_err(|error| {
        let help = match &error {
            BadRequest::Unknown { name, known } => {
                format!("; {}", did_you_mean(name, known.iter().map(String::as_str)))
            }
            BadRequest::Form(_) | BadRequest::Several { .. } => String::new(),
        };
        Failure::Usage(format!("{error}{help}"))
    })
}

/// Runs the arm again with each clock at half its length, and says which of them would have helped the request most.
fn help(
    args: &ExplainArgs,
    input: &Input,
    unit: &Unit<'_>,
    told: &Explanation,
) -> Result<Option<Vec<String>>, Failure> {
    let header = unit.header();
    let source = header.sources.iter().position(|source| source.name == told.traffic);
    let Some(source) = source.map(sim_core::model::ids::SourceId::from_index) else { return Ok(None) };
    let halved = |clock: Clock| {
        let scenario = input.changed(&[(clock.path.clone(), clock.half.clone())])?;
        Some((clock, scenario))
    };
    let tried: Vec<(Clock, Scenario)> = clocks(&unit.arm.settings).into_iter().filter_map(halved).collect();
    let units = tried.iter().map(|(_, scenario)| self::unit(scenario, &unit.arm.name));
    let units: Vec<Unit<'_>> = units.collect::<Result<_, _>>()?;
    let explainer = Explainer::new(&header, Wanted::Request(source, told.number));
    let runs = experiment::run_shared(&units, &settings(), args.threads, &explainer);
    let others = tried.iter().zip(&units).zip(runs).filter_map(|(((clock, _), unit), (_, explainer))| {
        let explanation = explainer.finish().into_iter().next()?;
        let (path, from) = (clock.path.clone(), clock.value.clone());
        Some(Otherwise { to: value_in(unit, &path), path, from, explanation })
    });
    Ok(told.what_would_have_helped(&others.collect::<Vec<_>>()))
}

/// A setting as the reports show it.
fn value_in(unit: &Unit<'_>, path: &str) -> String {
    unit.arm.settings.get(path).cloned().unwrap_or_default()
}

fn blame_clocks(args: &ExplainArgs) -> Result<(), Failure> {
    let input = session::load(&args.scenario)?;
    let scenario = input.scenario();
    let arm = choose_arm(scenario, args.arm.as_deref())?;
    let base = unit(scenario, &arm)?;
    let shortest = |clock: Clock| {
        let mut values = clock.shortest.iter().map(|value| (clock.path.clone(), (*value).to_owned()));
        let (set, scenario) = values.find_map(|set| Some((set.clone(), input.changed(&[set])?)))?;
        Some((clock, set, scenario))
    };
    let tried: Vec<_> = clocks(&base.arm.settings).into_iter().filter_map(shortest).collect();
    let all: Vec<(String, String)> = tried.iter().map(|(_, set, _)| set.clone()).collect();
    let all = input.changed(&all).filter(|_| tried.len() > 1);
    let changed = tried.iter().map(|(.., scenario)| scenario).chain(&all);
    let changed = changed.map(|scenario| unit(scenario, &arm)).collect::<Result<Vec<_>, _>>()?;
    let units: Vec<Unit<'_>> = std::iter::once(base).chain(changed).collect();
    let runs = experiment::run_shared(&units, &settings(), args.threads, &Nowhere);
    let mut runs = units.iter().zip(runs).map(|(unit, (run, _))| (unit, run));
    let Some((_, base)) = runs.next() else { return Ok(()) };
    let shortened = tried.iter().zip(runs.by_ref()).map(|((clock, ..), (unit, run))| {
        let (path, from) = (clock.path.clone(), clock.value.clone());
        Shortened { to: value_in(unit, &path), path, from, run }
    });
    let shortened: Vec<Shortened> = shortened.collect();
    let together: Option<RunReport> = runs.next().map(|(_, run)| run);
    print_blame(args, &blame(&base, &shortened, together.as_ref()))
}

fn print(args: &ExplainArgs, explanations: &[Explanation], helped: Option<Vec<String>>) -> Result<(), Failure> {
    let mut output = Vec::new();
    match args.format {
        CheckFormat::Json => {
            let all = serde_json::json!({ "explanations": explanations, "wouldHaveHelped": helped });
            writeln!(output, "{all:#}")?;
        }
        CheckFormat::Text if explanations.is_empty() => return Err(nothing(args)),
        CheckFormat::Text => {
            for (place, explanation) in explanations.iter().enumerate() {
                if place > 0 {
                    writeln!(output)?;
                }
                explanation.render(&mut output)?;
            }
            if let Some(helped) = helped {
                writeln!(output, "\nwhat would have helped")?;
                for line in helped {
                    writeln!(output, "{:>14}{line}", "")?;
                }
            }
        }
    }
    std::io::stdout().write_all(&output)?;
    Ok(())
}

fn nothing(args: &ExplainArgs) -> Failure {
    Failure::Usage(match &args.request {
        Some(request) => format!("no request `{request}` has ended in this run"),
        None if args.worst.is_some() => "no request has ended in this run".to_owned(),
        None => "no request failed in this run; name one by its number, or use --worst N".to_owned(),
    })
}

fn print_blame(args: &ExplainArgs, outages: &[Blamed]) -> Result<(), Failure> {
    let mut output = Vec::new();
    match args.format {
        CheckFormat::Json => writeln!(output, "{:#}", serde_json::json!({ "outages": outages }))?,
        CheckFormat::Text if outages.is_empty() => {
            writeln!(output, "no fault made a request fail: there is nothing to blame")?;
        }
        CheckFormat::Text => {
            for (place, outage) in outages.iter().enumerate() {
                if place > 0 {
                    writeln!(output)?;
                }
                outage.render(&mut output)?;
            }
        }
    }
    std::io::stdout().write_all(&output)?;
    Ok(())
}
