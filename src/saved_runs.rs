//! Runs that were saved: a trace or a digest ladder, named by itself or found in a folder of results.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use reports::trace_io::{Ladder, TraceError, TraceReader};
use sim_core::trace::{Level, Record};

use crate::failure::Failure;
use crate::output::trace_failure;
use crate::replay::Replay;
use crate::traces;

/// What is left of a run.
pub(crate) enum SavedRun {
    /// Its records.
    Trace(PathBuf),
    /// What was run and the hashes of its seconds.
    Ladder(PathBuf, Box<Ladder>),
}

impl SavedRun {
    /// What a file holds.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let file = || File::open(path).map(BufReader::new).map_err(|error| Failure::io(path, &error));
        match TraceReader::open(file()?) {
            Ok(_) => Ok(Self::Trace(path.to_owned())),
            Err(TraceError::Ladder) => {
                let ladder = Ladder::read(file()?).map_err(|error| trace_failure(path, &error))?;
                Ok(Self::Ladder(path.to_owned(), Box::new(ladder)))
            }
            Err(error) => Err(trace_failure(path, &error)),
        }
    }

    /// Its ladder; of a trace, made of its records.
    pub(crate) fn ladder(&self) -> Result<Ladder, Failure> {
        let path = match self {
            Self::Ladder(_, ladder) => return Ok((**ladder).clone()),
            Self::Trace(path) => path,
        };
        let reader = traces::open(path)?;
        if reader.level() < Level::Connection {
            let what = "is a trace of requests alone, which has no ladder; compare it with another trace";
            return Err(Failure::Usage(format!("{} {what}", path.display())));
        }
        let header = reader.header().clone();
        Ladder::of(&header, reader).map_err(|error| trace_failure(path, &error))
    }

    /// Its records up to the end of a second, read or made again; says what is wrong if they cannot be made.
    pub(crate) fn records(&self, last_second: u64) -> Result<Found, Failure> {
        match self {
            Self::Trace(path) => {
                let records = traces::open(path)?;
                let in_ladder = |record: &Record| record.body.level() <= Level::Connection;
                let wanted = records.filter(move |record| record.as_ref().map_or(true, in_ladder));
                let until = move |record: &Result<Record, TraceError>| {
                    record.as_ref().map_or(true, |record| record.time.second() <= last_second)
                };
                Ok(Found::Read(Box::new(wanted.take_while(until))))
            }
            Self::Ladder(path, ladder) => {
                let replay = Replay::new(ladder, last_second).ok_or_else(|| {
                    let (mine, theirs) = (env!("CARGO_PKG_VERSION"), &ladder.header.version);
                    let what = format!("podwire {mine} does not understand the scenario in this ladder");
                    Failure::NotReproducible(format!("{}: {what}, which podwire {theirs} wrote", path.display()))
                })?;
                Ok(Found::Made(Box::new(replay)))
            }
        }
    }

    /// What is wrong with records that were made again; `None` when they are those of the ladder.
    pub(crate) fn complaint(&self, records: Found) -> Option<String> {
        let (Self::Ladder(path, ladder), Found::Made(replay)) = (self, records) else { return None };
        let second = replay.departs_from(ladder)?;
        let (mine, theirs) = (env!("CARGO_PKG_VERSION"), &ladder.header.version);
        let what = format!("made again by podwire {mine}, the run differs from its ladder in second {second}");
        let advice = "compare by the version that wrote it, or compare traces";
        Some(format!("{}: {what}; podwire {theirs} wrote the ladder: {advice}", path.display()))
    }
}

/// The records of a saved run.
pub(crate) enum Found {
    /// From a trace.
    Read(Box<dyn Iterator<Item = Result<Record, TraceError>>>),
    /// From a run that is made again.
    Made(Box<Replay>),
}

impl Iterator for Found {
    type Item = Result<Record, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Read(records) => records.next(),
            Self::Made(replay) => replay.next(),
        }
    }
}

/// The runs of a folder of results or of one of its arms, by what tells them apart; of each its trace, or else its ladder.
/// Of a file, that file.
pub(crate) fn runs_of(path: &Path) -> Result<BTreeMap<String, PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(BTreeMap::from([(String::new(), path.to_owned())]));
    }
    let mut best: BTreeMap<String, (usize, PathBuf)> = BTreeMap::new();
    for entry in entries(path)? {
        let inner = if entry.is_dir() { entries(&entry)? } else { vec![entry.clone()] };
        let arm = entry.file_name().filter(|_| entry.is_dir()).unwrap_or_default().to_string_lossy();
        for file in inner {
            let Some((form, seed)) = form_and_seed(&file) else { continue };
            let run = [arm.as_ref(), &seed].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
            if best.get(&run).is_none_or(|(known, _)| form < *known) {
                best.insert(run, (form, file));
            }
        }
    }
    if best.is_empty() {
        let what = "no trace.bin, trace.jsonl or ladder.jsonl stands there or in a folder below it";
        return Err(Failure::Usage(format!("{} holds no run: {what}", path.display())));
    }
    Ok(best.into_iter().map(|(run, (_, file))| (run, file)).collect())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let all = || std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<PathBuf>>>();
    all().map_err(|error| Failure::io(folder, &error))
}

/// The names that `-o` gives, the most telling first.
const FORMS: [(&str, &str); 3] = [("trace", "bin"), ("trace", "jsonl"), ("ladder", "jsonl")];

/// Which of the forms a file is, and `seed N` if its name says so.
fn form_and_seed(file: &Path) -> Option<(usize, String)> {
    let (stem, ending) = (file.file_stem()?.to_str()?, file.extension()?.to_str()?);
    let (name, seed) = stem.split_once('-').map_or((stem, None), |(name, seed)| (name, Some(seed)));
    let form = FORMS.iter().position(|form| *form == (name, ending))?;
    Some((form, seed.map_or_else(String::new, |seed| format!("seed {seed}"))))
}
