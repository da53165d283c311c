//! `podwire diff`: two traces, where they part, and what that did to the metrics.

use std::io::Write;
use std::path::Path;

use crate::args::DiffArgs;
use crate::failure::Failure;
use crate::output::trace_failure;
use crate::traces::open;

pub(super) fn execute(args: &DiffArgs) -> Result<(), Failure> {
    let (first, second) = (open(&args.first)?, open(&args.second)?);
    let headers = [first.header().clone(), second.header().clone()];
    let both = format!("{} and {}", args.first.display(), args.second.display());
    let difference = reports::diff::compare([&headers[0], &headers[1]], first, second)
        .map_err(|error| trace_failure(Path::new(&both), &error))?;
    let mut text = Vec::new();
    difference.render(&mut text)?;
    std::io::stdout().write_all(&text)?;
    if difference.is_same() { Ok(()) } else { Err(Failure::NotReproducible(format!("{both} differ"))) }
}
