//! The files that a run's records go to while it is made: traces, captures, timelines, tables. What `--trace`, `--table` and
//! `--level` ask for, and the writing. The bytes are those of `podwire convert` from the run's own trace.

use std::path::{Path, PathBuf};

use reports::convert::{ConvertError, Converter, FORMATS, Format, Selection, TABLES, Wish, begin, find};
use reports::trace_io::TraceDigest;
use sim_core::trace::{Level, Record, TraceHeader, TraceSink};

use crate::args::{OutputArgs, TraceLevel};
use crate::failure::Failure;
use crate::listed::{NONE, each_once, files_asked_for, unknown};
use crate::output::{Unfinished, create, trace_failure};

/// Without `--trace`.
const USUAL: &str = "jsonl";

/// The files of each run.
pub(crate) struct TraceForms {
    forms: Vec<(&'static Format, Option<&'static str>)>,
    /// How much they hold.
    pub(crate) level: Level,
}

impl TraceForms {
    /// What was asked for; adds everything that is wrong with it.
    pub(crate) fn of(output: &OutputArgs, wrong: &mut Vec<String>) -> Self {
        let formats = formats(output, wrong);
        let tables = tables(output, &formats, wrong);
        let asked = output.level.map(level_of);
        let needed = formats.iter().map(|format| format.needs).max().unwrap_or(Level::Request);
        for format in formats.iter().filter(|format| asked.is_some_and(|level| level < format.needs)) {
            let (name, needs) = (format.name, format.needs.name());
            let given = asked.map_or("", Level::name);
            let what = format!("--trace {name} is made of {needs} records, which --level {given} leaves out");
            wrong.push(format!("{what}; write --level {needs}, or leave --level away"));
        }
        let files = |format: &'static Format| {
            let named = tables.iter().map(move |table| (format, Some(*table)));
            if format.tabular { named.collect() } else { vec![(format, None)] }
        };
        let forms: Vec<_> = formats.into_iter().flat_map(files).collect();
        // Where nothing is written, nobody takes what is made beyond a report's needs.
        let asked = asked.filter(|_| !forms.is_empty());
        Self { forms, level: asked.unwrap_or_else(|| needed.max(Level::Connection)) }
    }

    /// True when no file is written.
    pub(crate) fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// Starts the files of a run with this header; `stem` makes their paths, without their endings, of a name. If there is
    /// to be a `digest`, the file that makes the same bytes anyway computes it.
    pub(crate) fn create(
        &self,
        header: &TraceHeader,
        digest: bool,
        stem: impl Fn(&str) -> PathBuf,
    ) -> Result<TraceFiles, Failure> {
        let mut files = TraceFiles { files: Vec::new(), level: self.level, hashes: false };
        for (format, table) in &self.forms {
            let stem = stem(table.unwrap_or("trace"));
            let (file, unfinished) = create(&stem.with_extension(format.ending))?;
            let table = (*table).unwrap_or_default().to_owned();
            let wish = Wish { selection: Selection::EVERYTHING, table, interfaces: Vec::new() };
            let converter = begin(header, self.level, format, &wish, Box::new(file));
            let mut converter = converter.map_err(|error| failure(&unfinished.path, error))?;
            files.hashes = files.hashes || digest && converter.hash_too(header);
            files.files.push(TraceFile { converter, failed: None, unfinished });
        }
        Ok(files)
    }
}

/// The forms of `--trace`, each once.
fn formats(output: &OutputArgs, wrong: &mut Vec<String>) -> Vec<&'static Format> {
    let names = files_asked_for("--trace", &output.trace, output.output.as_deref(), &[USUAL], wrong);
    each_once(names, |name| format_named("--trace", name, &[NONE]), |format| format.name, wrong)
}

/// The form of this name, or what is wrong with the name; `others` are names that the option knows besides.
pub(crate) fn format_named(option: &str, name: &str, others: &[&str]) -> Result<&'static Format, String> {
    find(name).ok_or_else(|| {
        if name == "parquet" {
            let build = "cargo build --release --features parquet";
            return format!("this podwire was built without Parquet; build it with `{build}`, or use {option} csv");
        }
        let known: Vec<&str> = FORMATS.iter().map(|format| format.name).chain(others.iter().copied()).collect();
        unknown(option, name, "form", &known)
    })
}

/// The tables of `--table`, the first one when it is not given.
fn tables(output: &OutputArgs, formats: &[&Format], wrong: &mut Vec<String>) -> Vec<&'static str> {
    let known: Vec<&'static str> = TABLES.iter().map(|table| table.name).collect();
    if output.tables.is_empty() {
        return known.into_iter().take(1).collect();
    }
    if !formats.iter().any(|format| format.tabular) {
        wrong.push("--table is for tables; write --trace csv or --trace parquet with it".to_owned());
    }
    let find = |name: &str| {
        let found = known.iter().find(|known| **known == name);
        found.copied().ok_or_else(|| unknown("--table", name, "table", &known))
    };
    each_once(output.tables.iter().map(String::as_str), find, |table| table, wrong)
}

fn level_of(level: TraceLevel) -> Level {
    match level {
        TraceLevel::Request => Level::Request,
        TraceLevel::Connection => Level::Connection,
        TraceLevel::Segment => Level::Segment,
    }
}

/// The files of a run that is being made.
pub(crate) struct TraceFiles {
    files: Vec<TraceFile>,
    level: Level,
    /// One of them computes the digest.
    pub(crate) hashes: bool,
}

struct TraceFile {
    converter: Box<dyn Converter>,
    /// Why it takes no more.
    failed: Option<ConvertError>,
    unfinished: Unfinished,
}

impl TraceFile {
    /// Takes no more. Away from where it takes records, which is often.
    #[cold]
    fn fail(&mut self, error: ConvertError) {
        self.failed = Some(error);
    }
}

impl TraceFiles {
    /// Ends the files and gives them their names; returns what the user should be told, and the digest if one of them
    /// has computed it. A file that failed is taken away.
    pub(crate) fn finish(self) -> Result<(Vec<String>, Option<TraceDigest>), Failure> {
        let (mut notes, mut digest) = (Vec::new(), None);
        for TraceFile { mut converter, failed, unfinished } in self.files {
            digest = digest.or(converter.digest());
            let ended = failed.map_or_else(|| converter.finish(), Err);
            notes.extend(ended.map_err(|error| failure(&unfinished.path, error))?);
            unfinished.put_in_place()?;
        }
        Ok((notes, digest))
    }
}

impl TraceSink for TraceFiles {
    fn record(&mut self, record: &Record) {
        // Only a trace of requests leaves out what a run makes, whose metrics need connections.
        if self.level < Level::Connection && record.body.level() > self.level {
            return;
        }
        for file in self.files.iter_mut().filter(|file| file.failed.is_none()) {
            if let Err(error) = file.converter.take(record) {
                file.fail(error);
            }
        }
    }
}

fn failure(path: &Path, error: ConvertError) -> Failure {
    match error {
        ConvertError::Output(error) => Failure::io(path, &error),
        ConvertError::Trace(error) => trace_failure(path, &error),
        error @ (ConvertError::TooCoarse { .. }
        | ConvertError::Unknown { .. }
        | ConvertError::NoRequest(_)
        | ConvertError::NoInterface { .. }
        | ConvertError::NoTable { .. }
        | ConvertError::TooLong
        | ConvertError::Form(_)) => Failure::Io(format!("{}: {error}", path.display())),
    }
}
