//! `podwire diff`: two runs, where they part, and what that did to the metrics. Of runs whose ladders alone are left, the
//! second in which they part is made again.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use reports::diff::{LadderDiff, compare, first_divergence};

use crate::args::DiffArgs;
use crate::failure::Failure;
use crate::output::trace_failure;
use crate::saved_runs::{SavedRun, runs_of};
use crate::traces;

pub(super) fn execute(args: &DiffArgs) -> Result<(), Failure> {
    let paths = [args.first.as_path(), args.second.as_path()];
    let runs = [runs_of(paths[0])?, runs_of(paths[1])?];
    let pairs = pairs(paths, &runs)?;
    let mut same = true;
    for (place, run) in pairs.iter().enumerate() {
        let mut text = Vec::new();
        let ended = match &run.files {
            [Some(first), Some(second)] => diff(first, second, &mut text),
            [Some(_), None] => only_in(paths[0], &mut text),
            [None, _] => only_in(paths[1], &mut text),
        };
        let mut stdout = std::io::stdout();
        if pairs.len() > 1 && !text.is_empty() {
            writeln!(stdout, "{}=== {}", if place > 0 && !same { "\n" } else { "" }, run.name)?;
        }
        stdout.write_all(&text)?;
        same &= ended?;
    }
    if same { Ok(()) } else { Err(Failure::NotReproducible(format!("{} differ", both(paths)))) }
}

/// A run of the one, of the other or of both.
struct Pair {
    name: String,
    files: [Option<PathBuf>; 2],
}

/// Runs of one name belong together, and two that stand alone.
fn pairs(paths: [&Path; 2], runs: &[BTreeMap<String, PathBuf>; 2]) -> Result<Vec<Pair>, Failure> {
    if runs.iter().all(|runs| runs.len() == 1) {
        let files = runs.each_ref().map(|runs| runs.values().next().cloned());
        return Ok(vec![Pair { name: String::new(), files }]);
    }
    if !runs[0].keys().any(|name| runs[1].contains_key(name)) {
        let names = |runs: &BTreeMap<String, PathBuf>| runs.keys().cloned().collect::<Vec<_>>().join(", ");
        let (first, second) = (names(&runs[0]), names(&runs[1]));
        let what = format!("{} have no run in common: {first} | {second}", both(paths));
        return Err(Failure::Usage(format!("{what}; name the trace or the ladder of one run of each")));
    }
    let mut names: Vec<&String> = runs[0].keys().chain(runs[1].keys()).collect();
    names.sort();
    names.dedup();
    let pair = |name: &String| Pair { name: name.clone(), files: [0, 1].map(|side| runs[side].get(name).cloned()) };
    Ok(names.into_iter().map(pair).collect())
}

fn both(paths: [&Path; 2]) -> String {
    format!("{} and {}", paths[0].display(), paths[1].display())
}

fn only_in(path: &Path, text: &mut dyn Write) -> Result<bool, Failure> {
    writeln!(text, "only in {}", path.display())?;
    Ok(false)
}

/// Writes how two runs differ; true when they do not.
fn diff(first: &Path, second: &Path, text: &mut dyn Write) -> Result<bool, Failure> {
    match [SavedRun::open(first)?, SavedRun::open(second)?] {
        [SavedRun::Trace(first), SavedRun::Trace(second)] => diff_traces([&first, &second], text),
        runs => diff_ladders([first, second], &runs, text),
    }
}

fn diff_traces(paths: [&Path; 2], text: &mut dyn Write) -> Result<bool, Failure> {
    let (first, second) = (traces::open(paths[0])?, traces::open(paths[1])?);
    let headers = [first.header().clone(), second.header().clone()];
    let difference = compare([&headers[0], &headers[1]], first, second);
    let difference = difference.map_err(|error| trace_failure(Path::new(&both(paths)), &error))?;
    difference.render(text)?;
    Ok(difference.is_same())
}

/// Of at least one run the ladder alone is left.
fn diff_ladders(paths: [&Path; 2], runs: &[SavedRun; 2], text: &mut dyn Write) -> Result<bool, Failure> {
    let ladders = [runs[0].ladder()?, runs[1].ladder()?];
    let difference = LadderDiff::new(&ladders[0], &ladders[1]);
    difference.render(text)?;
    let Some(second) = difference.second else { return Ok(difference.is_same()) };
    let [mut mine, mut theirs] = both_or_all_failures(runs.each_ref().map(|run| run.records(second)))?;
    let divergence = first_divergence([&ladders[0].header, &ladders[1].header], mine.by_ref(), theirs.by_ref());
    let divergence = divergence.map_err(|error| trace_failure(Path::new(&both(paths)), &error))?;
    let complaints = [runs[0].complaint(mine), runs[1].complaint(theirs)];
    let complaints: Vec<String> = complaints.into_iter().flatten().collect();
    if !complaints.is_empty() {
        return Err(Failure::NotReproducible(complaints.join("\n")));
    }
    if let Some(divergence) = divergence {
        LadderDiff::render_divergence(&divergence, text)?;
    }
    Ok(false)
}

/// Both results, or the failures of both in one.
fn both_or_all_failures<T>(results: [Result<T, Failure>; 2]) -> Result<[T; 2], Failure> {
    match results {
        [Ok(first), Ok(second)] => Ok([first, second]),
        [Err(Failure::NotReproducible(first)), Err(Failure::NotReproducible(second))] => {
            Err(Failure::NotReproducible(format!("{first}\n{second}")))
        }
        [Err(failure), _] | [_, Err(failure)] => Err(failure),
    }
}
