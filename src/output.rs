//! Files of `-o DIR`: written under another name first, so that none is ever half there.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use reports::trace_io::{BinaryWriter, JsonlWriter, TraceError};
use sim_core::trace::{Level, Record, TraceHeader, TraceSink};

use crate::args::TraceForm;
use crate::experiment::Nowhere;
use crate::failure::Failure;

/// Writes a whole file through `fill`.
pub(crate) fn write_file(
    path: &Path,
    fill: impl FnOnce(&mut (dyn Write + Send)) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let (mut file, unfinished) = create(path)?;
    let filled = fill(&mut file).and_then(|()| file.flush()).map_err(|error| Failure::io(path, &error));
    put_in_place(filled, &unfinished, path)
}

/// Gives a finished file its name, or takes away what could not be finished.
fn put_in_place(finished: Result<(), Failure>, unfinished: &Path, path: &Path) -> Result<(), Failure> {
    let named = finished.and_then(|()| std::fs::rename(unfinished, path).map_err(|error| Failure::io(path, &error)));
    if named.is_err() {
        // The first failure is the one to tell of.
        let _ = std::fs::remove_file(unfinished);
    }
    named
}

fn create(path: &Path) -> Result<(BufWriter<File>, PathBuf), Failure> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| Failure::io(folder, &error))?;
    }
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".unfinished");
    let unfinished = path.with_file_name(name);
    let file = File::create(&unfinished).map_err(|error| Failure::io(&unfinished, &error))?;
    Ok((BufWriter::with_capacity(1 << 16, file), unfinished))
}

/// A trace on its way to a file.
pub(crate) struct TraceFile {
    writer: Writer,
    unfinished: PathBuf,
    path: PathBuf,
}

enum Writer {
    Jsonl(Box<JsonlWriter<BufWriter<File>>>),
    Binary(BinaryWriter<BufWriter<File>>),
}

impl TraceFile {
    /// Starts a trace at `stem` plus the ending of its form; `None` when no trace is wanted.
    pub(crate) fn create(
        stem: &Path,
        form: TraceForm,
        header: &TraceHeader,
        level: Level,
    ) -> Result<Option<Self>, Failure> {
        let ending = match form {
            TraceForm::None => return Ok(None),
            TraceForm::Jsonl => "jsonl",
            TraceForm::Bin => "bin",
        };
        let path = stem.with_extension(ending);
        let (file, unfinished) = create(&path)?;
        let writer = match form {
            TraceForm::Bin => Writer::Binary(BinaryWriter::new(file, header, level)),
            TraceForm::Jsonl | TraceForm::None => {
                let writer = JsonlWriter::new(file, header, level).map_err(|error| trace_failure(&path, &error))?;
                Writer::Jsonl(Box::new(writer))
            }
        };
        Ok(Some(Self { writer, unfinished, path }))
    }

    /// Ends the trace and gives the file its name.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let flushed = match self.writer {
            Writer::Jsonl(writer) => writer.finish(),
            Writer::Binary(writer) => writer.finish(),
        };
        let flushed = flushed.map_err(|error| trace_failure(&self.path, &error));
        let finished = flushed.and_then(|mut file| file.flush().map_err(|error| Failure::io(&self.path, &error)));
        put_in_place(finished, &self.unfinished, &self.path)
    }
}

/// A trace that may be written or not.
pub(crate) struct MaybeTrace(pub(crate) Option<TraceFile>);

impl TraceSink for MaybeTrace {
    fn record(&mut self, record: &Record) {
        match &mut self.0 {
            Some(TraceFile { writer: Writer::Jsonl(writer), .. }) => writer.record(record),
            Some(TraceFile { writer: Writer::Binary(writer), .. }) => writer.record(record),
            None => Nowhere.record(record),
        }
    }
}

/// A trace that could not be read or written.
pub(crate) fn trace_failure(path: &Path, error: &TraceError) -> Failure {
    Failure::Io(format!("{}: {error}", path.display()))
}
