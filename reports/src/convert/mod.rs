//! A trace in forms that other programs read: one file per form, and the parts of a trace that are asked for. Knows
//! records and the header; knows no engine and no command line.
//!
//! A form writes as it reads: what it holds in memory does not grow with the number of requests that have ended.

mod closure;
mod csv;
mod error;
#[cfg(feature = "parquet")]
mod parquet;
mod perfetto;
mod picker;
mod protobuf;
mod tables;
mod traces;

use std::io::Write;

use sim_core::trace::{Level, Record, TraceHeader};

use crate::pcapng::Capture;
use crate::trace_io::{TraceDigest, TraceError};
use closure::Closure;
pub use error::ConvertError;
pub use picker::{Picker, Selection};
pub use tables::{Column, Kind, TABLES, TableInfo};

/// Where a form is written to.
pub type Output<'a> = Box<dyn Write + Send + 'a>;

/// Takes a trace in, record by record.
pub trait Converter {
    /// Takes the next record.
    fn take(&mut self, record: &Record) -> Result<(), ConvertError>;

    /// Computes the digest of what it takes, too, if it makes the bytes that a digest is of; says whether it does.
    fn hash_too(&mut self, _header: &TraceHeader) -> bool {
        false
    }

    /// The digest of all that it has taken, if it computes one.
    fn digest(&mut self) -> Option<TraceDigest> {
        None
    }

    /// Writes what is left; returns what the user should be told.
    fn finish(self: Box<Self>) -> Result<Vec<String>, ConvertError>;
}

/// What a conversion was asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Which part of the trace.
    pub selection: Selection,
    /// Which table, for forms that hold one.
    pub table: String,
    /// Which interfaces, for captures; all when empty.
    pub interfaces: Vec<String>,
}

/// Who reads the parts that a selection leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filtering {
    /// Nobody: only what was selected and its causes are handed on.
    Before,
    /// The form itself, which needs all of a connection to number its packets.
    Within,
}

/// A form that has begun.
type Begun<'a> = Result<Box<dyn Converter + 'a>, ConvertError>;

/// A form that a trace can be written in.
pub struct Format {
    /// What it is called.
    pub name: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// The level that a trace must have.
    pub needs: Level,
    /// Where parts are left out.
    pub filtering: Filtering,
    /// It is text, which a terminal can show.
    pub text: bool,
    /// A file holds one table.
    pub tabular: bool,
    /// What the names of its files end with.
    pub ending: &'static str,
    begin: for<'a> fn(Output<'a>, &TraceHeader, Level, &Wish) -> Begun<'a>,
}

/// All forms, in the order in which they are listed.
pub const FORMATS: &[Format] = &[
    Format {
        name: "pcapng",
        doc: "every packet at every interface, for Wireshark and tshark",
        needs: Level::Segment,
        filtering: Filtering::Within,
        text: false,
        tabular: false,
        ending: "pcapng",
        begin: |out, header, _, wish| {
            let picker = Picker::new(wish.selection.clone());
            Ok(Box::new(Capture::new(out, header, picker, &wish.interfaces)?))
        },
    },
    perfetto::FORMAT,
    csv::FORMAT,
    #[cfg(feature = "parquet")]
    parquet::FORMAT,
    traces::JSONL,
    traces::BINARY,
];

/// The form of this name, or whose files end so.
pub fn find(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| [format.name, format.ending].contains(&name))
}

impl Format {
    /// Fails when a trace of this level does not hold what the form is made of.
    fn fits(&self, level: Level) -> Result<(), ConvertError> {
        if level < self.needs {
            return Err(ConvertError::TooCoarse { format: self.name, level: level.name(), needs: self.needs.name() });
        }
        Ok(())
    }
}

/// Begins a form that takes records as they are made, of a run with this header; of `wish` the selection must be everything
/// for forms that are not filtered within. Fails when `level` is too coarse, and when `out` does.
pub fn begin<'a>(
    header: &TraceHeader,
    level: Level,
    format: &Format,
    wish: &Wish,
    out: Output<'a>,
) -> Result<Box<dyn Converter + 'a>, ConvertError> {
    format.fits(level)?;
    (format.begin)(out, header, level, wish)
}

/// The records of a trace, from its first one on.
pub type Records<'a> = Box<dyn Iterator<Item = Result<Record, TraceError>> + 'a>;

/// Writes a trace in another form; `records` reads it from its start, twice if a part of it is asked for. Returns what the
/// user should be told.
pub fn convert<'r>(
    header: &TraceHeader,
    level: Level,
    records: &mut dyn FnMut() -> Result<Records<'r>, ConvertError>,
    format: &Format,
    wish: &Wish,
    out: Output<'_>,
) -> Result<Vec<String>, ConvertError> {
    format.fits(level)?;
    let closure = if wish.selection.is_everything() || format.filtering == Filtering::Within {
        None
    } else {
        Some(Closure::of(records()?, Picker::new(wish.selection.clone()))?)
    };
    let mut converter = (format.begin)(out, header, level, wish)?;
    for record in records()? {
        let record = record?;
        if closure.as_ref().is_none_or(|closure| closure.holds(record.id)) {
            converter.take(&record)?;
        }
    }
    converter.finish()
}
