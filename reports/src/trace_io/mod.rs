//! Where records go and come from: digest and its ladder, binary files, JSON lines.
//! Knows file formats; knows no metric. A sink's input/output error is kept until its `finish`.

mod binary;
mod block;
mod digest;
mod error;
mod jsonl_header;
mod jsonl_line;
mod jsonl_reader;
mod jsonl_writer;
mod ladder;
mod names;
mod tee;
#[cfg(test)]
mod tests;

pub use binary::{BinaryReader, BinaryWriter};
pub use digest::{DigestSink, LadderRung, TraceDigest};
pub use error::TraceError;
pub use jsonl_reader::JsonlReader;
pub use jsonl_writer::{JsonlLine, JsonlWriter};
pub use ladder::Ladder;
pub use names::Names;
pub use tee::{RecordCounter, Tee};

use std::io::BufRead;

use sim_core::trace::{Level, Record, TraceHeader};

/// So many bytes of a file are written at once. The system takes large pieces in less time than small ones, as long as they fit
/// into the processor's caches.
pub const WRITTEN_AT_ONCE: usize = 512 * 1_024;

/// A trace file of either form, told apart by its first byte.
pub enum TraceReader<R> {
    /// Canonical bytes.
    Binary(Box<BinaryReader<R>>),
    /// JSON lines.
    Jsonl(Box<JsonlReader<R>>),
}

impl<R: BufRead> TraceReader<R> {
    /// Reads the header.
    pub fn open(mut input: R) -> Result<Self, TraceError> {
        let first = input.fill_buf()?.first().copied();
        match first {
            Some(b'{') => JsonlReader::open(input).map(|reader| Self::Jsonl(Box::new(reader))),
            _ => BinaryReader::open(input).map(|reader| Self::Binary(Box::new(reader))),
        }
    }

    /// The header.
    pub fn header(&self) -> &TraceHeader {
        match self {
            Self::Binary(reader) => reader.header(),
            Self::Jsonl(reader) => reader.header(),
        }
    }

    /// The level that was written.
    pub fn level(&self) -> Level {
        match self {
            Self::Binary(reader) => reader.level(),
            Self::Jsonl(reader) => reader.level(),
        }
    }
}

impl<R: BufRead> Iterator for TraceReader<R> {
    type Item = Result<Record, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Binary(reader) => reader.next(),
            Self::Jsonl(reader) => reader.next(),
        }
    }
}

/// The level with this name.
pub fn level_from_name(name: &str) -> Option<Level> {
    [Level::Request, Level::Connection, Level::Segment].into_iter().find(|level| level.name() == name)
}
