//! `podwire convert`: a trace in a form that another program reads.

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufReader, BufWriter, IsTerminal, Write};
use std::path::Path;

use reports::convert::{self, ConvertError, Filtering, Format, Records, Selection, Wish};
use reports::trace_io::{TraceError, TraceReader};
use scenarios::units;
use sim_core::kernel::time::SimTime;
use sim_core::trace::TraceHeader;

use crate::args::ConvertArgs;
use crate::failure::Failure;
use crate::output;
use crate::trace_files::format_named;

pub(super) fn execute(args: &ConvertArgs) -> Result<(), Failure> {
    let format = format_named("--to", &args.to, &[]).map_err(Failure::Usage)?;
    check_fit(args, format)?;
    let reader = open(&args.trace)?;
    let (header, level) = (reader.header().clone(), reader.level());
    let wish = wish(args, &header)?;
    let first = RefCell::new(Some(reader));
    let mut records = || -> Result<Records<'static>, ConvertError> {
        match first.take() {
            Some(reader) => Ok(Box::new(reader)),
            None => Ok(Box::new(reopen(&args.trace)?)),
        }
    };
    let mut notes = Ok(Vec::new());
    let mut fill = |out: &mut (dyn Write + Send)| -> std::io::Result<()> {
        let out: convert::Output<'_> = Box::new(BufWriter::with_capacity(1 << 16, out));
        notes = convert::convert(&header, level, &mut records, format, &wish, out);
        match &notes {
            // The file is taken away again, and what is wrong is told below.
            Err(_) => Err(std::io::Error::other("the conversion failed")),
            Ok(_) => Ok(()),
        }
    };
    let filled = match &args.output {
        Some(path) => output::write_file(path, fill),
        None => fill(&mut std::io::stdout()).map_err(Failure::from),
    };
    match notes {
        Err(error) => Err(told(error, args)),
        Ok(notes) => {
            filled?;
            tell(&notes, args.quiet)
        }
    }
}

/// What was typed that a form has no use for.
fn check_fit(args: &ConvertArgs, format: &Format) -> Result<(), Failure> {
    if !args.interfaces.is_empty() && format.filtering != Filtering::Within {
        return Err(Failure::Usage(format!("--interface is for captures; {} has no interfaces", format.name)));
    }
    if args.output.is_none() && !format.text && std::io::stdout().is_terminal() {
        let name = format.name;
        return Err(Failure::Usage(format!("{name} is nothing for a terminal; write it into a file with -o FILE")));
    }
    let parts = args.node.is_some() || args.request.is_some() || args.from.is_some() || args.until.is_some();
    if parts && args.trace == Path::new("-") && format.filtering == Filtering::Before {
        let help = "a part of a trace is found by reading it twice; name a file instead of `-`";
        return Err(Failure::Usage(help.to_owned()));
    }
    Ok(())
}

fn wish(args: &ConvertArgs, header: &TraceHeader) -> Result<Wish, Failure> {
    let from = instant("--from", args.from.as_deref())?.unwrap_or(SimTime::ZERO);
    let to = instant("--until", args.until.as_deref())?.unwrap_or(SimTime::MAX);
    if from > to {
        return Err(Failure::Usage("--from lies behind --until".to_owned()));
    }
    let selection = Selection::new(header, args.node.as_deref(), args.request.as_deref(), from, to);
    let selection = selection.map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(Wish { selection, table: args.table.clone(), interfaces: args.interfaces.clone() })
}

fn instant(option: &str, text: Option<&str>) -> Result<Option<SimTime>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let since = units::duration(text).map_err(|error| Failure::Usage(format!("{option} {text}: {error}")))?;
    Ok(Some(SimTime::ZERO + since))
}

/// A trace that may come from standard input, once.
type Source = Box<dyn std::io::BufRead>;

fn open(path: &Path) -> Result<TraceReader<Source>, Failure> {
    let input: Source = if path == Path::new("-") {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        Box::new(BufReader::new(File::open(path).map_err(|error| Failure::io(path, &error))?))
    };
    TraceReader::open(input).map_err(|error| output::trace_failure(path, &error))
}

fn reopen(path: &Path) -> Result<TraceReader<Source>, ConvertError> {
    let file = File::open(path).map_err(TraceError::Io)?;
    Ok(TraceReader::open(Box::new(BufReader::new(file)) as Source)?)
}

/// Whose mistake it is: what was typed, the trace, or the output.
fn told(error: ConvertError, args: &ConvertArgs) -> Failure {
    match error {
        ConvertError::Output(error) => match &args.output {
            Some(path) => Failure::io(path, &error),
            None => Failure::from(error),
        },
        ConvertError::Trace(error) => output::trace_failure(&args.trace, &error),
        ConvertError::Form(message) => Failure::Io(message),
        ConvertError::TooCoarse { .. }
        | ConvertError::Unknown { .. }
        | ConvertError::NoRequest(_)
        | ConvertError::NoInterface { .. }
        | ConvertError::NoTable { .. }
        | ConvertError::TooLong => Failure::Usage(error.to_string()),
    }
}

fn tell(notes: &[String], quiet: bool) -> Result<(), Failure> {
    for note in notes.iter().filter(|_| !quiet) {
        writeln!(std::io::stderr(), "note: {note}")?;
    }
    Ok(())
}
