//! `podwire report`: the report of saved traces. Records tell everything but the scenario's settings and expectations.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use reports::report::{Report, ReportInput, RunReport};
use reports::trace_io::TraceReader;
use sim_core::trace::{Level, TraceHeader, TraceSink};

use super::output_form::{Form, deliver, failed_per_arm};
use crate::args::ReportArgs;
use crate::experiment::{Nowhere, Observers};
use crate::failure::Failure;
use crate::output::trace_failure;

pub(super) fn execute(args: &ReportArgs) -> Result<(), Failure> {
    let form = Form::chosen(&args.format, args.svg.as_deref(), &[])?;
    let pictures = (form.is_pictured() || args.output.is_some()).then(|| failed_per_arm(args.traces.len()));
    let mut read: Vec<(TraceHeader, RunReport)> = Vec::new();
    for path in &args.traces {
        let (header, run) = read_run(path, pictures)?;
        if let Some(place) = read.iter().position(|(_, known)| (&known.arm, known.seed) == (&run.arm, run.seed)) {
            let other = args.traces.get(place).map_or_else(String::new, |other| other.display().to_string());
            let (arm, seed) = (&run.arm, run.seed);
            let what = format!("{other} and {} are both of arm {arm} under seed {seed}", path.display());
            return Err(Failure::Usage(format!("{what}; a report shows each run once")));
        }
        read.push((header, run));
    }
    let report = Report::new(input(read));
    deliver(&report, form, args.output.as_deref())
}

/// Reads a trace record by record, so that memory does not grow with its requests.
fn read_run(path: &Path, pictures: Option<usize>) -> Result<(TraceHeader, RunReport), Failure> {
    let file = File::open(path).map_err(|error| Failure::io(path, &error))?;
    let reader = TraceReader::open(BufReader::with_capacity(1 << 18, file));
    let reader = reader.map_err(|error| trace_failure(path, &error))?;
    let (header, level) = (reader.header().clone(), reader.level());
    // A digest is over the connection level, which a trace of requests alone does not have.
    let mut observers = Observers::new(&header, level >= Level::Connection, pictures, Nowhere);
    for record in reader {
        observers.record(&record.map_err(|error| trace_failure(path, &error))?);
    }
    let (run, _) = observers.finish(&header);
    Ok((header, run))
}

fn input(read: Vec<(TraceHeader, RunReport)>) -> ReportInput {
    let first = read.first().map(|(header, _)| header);
    let digest = |header: &TraceHeader| blake3::hash(header.effective_scenario.as_bytes()).to_hex().to_string();
    ReportInput {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: first.map(|header| header.scenario.clone()).unwrap_or_default(),
        scenario_digest: first.map(digest).unwrap_or_default(),
        settings: read.iter().map(|(header, _)| (header.arm.clone(), settings(header))).collect(),
        levels: BTreeMap::new(),
        expectations: Vec::new(),
        runs: read.into_iter().map(|(_, run)| run).collect(),
    }
}

/// What a header tells of its arm's settings.
fn settings(header: &TraceHeader) -> BTreeMap<String, String> {
    let told = [
        ("addressModel", header.model.clone()),
        ("discovery", header.discovery.clone()),
        ("duration", format!("{}ns", header.duration.as_nanos())),
        ("scenario", header.scenario.clone()),
    ];
    told.into_iter().map(|(path, value)| (path.to_owned(), value)).collect()
}
