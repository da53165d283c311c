//! Several sinks at once, and counting.

use sim_core::trace::body::KINDS;
use sim_core::trace::{Level, Record, TraceSink};

/// Hands every record to each of its sinks in turn.
#[derive(Default)]
pub struct Tee<'a> {
    sinks: Vec<&'a mut dyn TraceSink>,
}

impl<'a> Tee<'a> {
    /// A tee without sinks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a sink.
    #[must_use]
    pub fn with(mut self, sink: &'a mut dyn TraceSink) -> Self {
        self.sinks.push(sink);
        self
    }
}

impl TraceSink for Tee<'_> {
    fn record(&mut self, record: &Record) {
        for sink in &mut self.sinks {
            sink.record(record);
        }
    }
}

/// Counts records per kind and per level.
#[derive(Clone, Debug)]
pub struct RecordCounter {
    /// By code.
    counts: [u64; 256],
}

impl Default for RecordCounter {
    fn default() -> Self {
        Self { counts: [0; 256] }
    }
}

impl RecordCounter {
    /// Counts nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records up to `level`.
    pub fn up_to(&self, level: Level) -> u64 {
        KINDS.iter().filter(|kind| kind.level <= level).map(|kind| self.counts[usize::from(kind.code)]).sum()
    }

    /// Kinds that occurred, by code, and how often.
    pub fn kinds(&self) -> impl Iterator<Item = (&'static str, u64)> {
        KINDS.iter().map(|kind| (kind.name, self.counts[usize::from(kind.code)])).filter(|(_, count)| *count > 0)
    }
}

impl TraceSink for RecordCounter {
    fn record(&mut self, record: &Record) {
        self.counts[usize::from(record.body.code())] += 1;
    }
}
