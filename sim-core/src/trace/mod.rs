//! What leaves the engine: records, their canonical encoding, and the header that names things.
//! Knows the terms of the model; knows no hash, no file and no output format.

pub mod body;
pub mod encoding;
pub mod ends;
pub mod fields;
pub mod header;
pub mod level;
pub mod record;
mod record_macro;
pub mod words;

pub use body::Body;
pub use header::TraceHeader;
pub use level::Level;
pub use record::{Record, RecordId};

/// Where records go.
pub trait TraceSink {
    /// Takes the next record; records come in order of time and, those of the segment level and the others apart, of id.
    fn record(&mut self, record: &Record);
}

impl<S: TraceSink + ?Sized> TraceSink for &mut S {
    fn record(&mut self, record: &Record) {
        (**self).record(record);
    }
}

/// Keeps every record: for tests and small runs.
impl TraceSink for Vec<Record> {
    fn record(&mut self, record: &Record) {
        self.push(*record);
    }
}
