//! podwire's own forms of a trace, so that a part of a trace is a trace again.

use std::io::Write;

use sim_core::trace::{Level, Record, TraceHeader, TraceSink};

use super::error::ConvertError;
use super::{Converter, Filtering, Format, Output};
use crate::trace_io::{BinaryWriter, JsonlWriter, TraceDigest, TraceError};

/// A JSON object per line.
pub(super) const JSONL: Format = Format {
    name: "jsonl",
    doc: "a trace with a JSON object per line",
    needs: Level::Request,
    filtering: Filtering::Before,
    text: true,
    tabular: false,
    ending: "jsonl",
    begin: |out, header, level, _| Ok(Box::new(Lines(JsonlWriter::new(out, header, level).map_err(output)?))),
};

/// The canonical encoding.
pub(super) const BINARY: Format = Format {
    name: "binary",
    doc: "a trace in the canonical encoding",
    needs: Level::Request,
    filtering: Filtering::Before,
    text: false,
    tabular: false,
    ending: "bin",
    begin: |out, header, level, _| Ok(Box::new(Canonical(BinaryWriter::new(out, header, level)))),
};

struct Lines<'a>(JsonlWriter<Output<'a>>);

impl Converter for Lines<'_> {
    fn take(&mut self, record: &Record) -> Result<(), ConvertError> {
        self.0.record(record);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<String>, ConvertError> {
        self.0.finish().map_err(output)?.flush()?;
        Ok(Vec::new())
    }
}

struct Canonical<'a>(BinaryWriter<Output<'a>>);

impl Converter for Canonical<'_> {
    fn take(&mut self, record: &Record) -> Result<(), ConvertError> {
        self.0.record(record);
        Ok(())
    }

    fn hash_too(&mut self, header: &TraceHeader) -> bool {
        self.0.hash_too(header)
    }

    fn digest(&mut self) -> Option<TraceDigest> {
        self.0.digest()
    }

    fn finish(self: Box<Self>) -> Result<Vec<String>, ConvertError> {
        self.0.finish().map_err(output)?.flush()?;
        Ok(Vec::new())
    }
}

/// Here it is the output that fails, not the trace that is read.
fn output(error: TraceError) -> ConvertError {
    if let TraceError::Io(error) = error { ConvertError::Output(error) } else { ConvertError::Trace(error) }
}
