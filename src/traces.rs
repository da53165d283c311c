//! Saved traces, and what cannot be asked of them.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use reports::trace_io::{TraceError, TraceReader};
use sim_core::trace::TraceHeader;

use crate::args::ScenarioArgs;
use crate::failure::Failure;
use crate::output::trace_failure;

/// The trace in a file.
pub(crate) fn open(path: &Path) -> Result<TraceReader<BufReader<File>>, Failure> {
    let file = File::open(path).map_err(|error| Failure::io(path, &error))?;
    TraceReader::open(BufReader::with_capacity(1 << 18, file)).map_err(|error| trace_failure(path, &error))
}

/// The trace in a file; `None` when it is none, so that it may be a scenario.
pub(crate) fn saved(path: &Path) -> Result<Option<TraceReader<BufReader<File>>>, Failure> {
    if path == Path::new("-") {
        return Ok(None);
    }
    let file = File::open(path).map_err(|error| Failure::io(path, &error))?;
    let is_named_so = path.extension().is_some_and(|ending| ending == "jsonl" || ending == "bin");
    match TraceReader::open(BufReader::new(file)) {
        Ok(reader) => Ok(Some(reader)),
        Err(error @ TraceError::OtherFormat { .. }) => Err(trace_failure(path, &error)),
        Err(error) if is_named_so => Err(trace_failure(path, &error)),
        Err(_) => Ok(None),
    }
}

/// A trace is of one run, which is over: nothing can be set any more.
pub(crate) fn refuse_changes(args: &ScenarioArgs, arm: Option<&str>, header: &TraceHeader) -> Result<(), Failure> {
    let refused = [("--seed", args.seed.is_some()), ("--set", !args.set.is_empty())];
    if let Some((option, _)) = refused.iter().find(|(_, given)| *given) {
        let message = format!("{option} changes a scenario, but {} is a saved trace", args.file.display());
        return Err(Failure::Usage(message));
    }
    match arm.filter(|arm| *arm != header.arm) {
        Some(arm) => Err(Failure::Usage(format!("the trace is of arm `{}`, not of `{arm}`", header.arm))),
        None => Ok(()),
    }
}
