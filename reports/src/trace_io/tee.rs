//! Several sinks at once, and counting.

use sim_core::trace::record::KINDS;
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
#[derive(Clone, Debug, Default)]
pub struct RecordCounter {
    kinds: Vec<u64>,
}

impl RecordCounter {
    /// Counts nothing yet.
    pub fn new() -> Self {
        Self { kinds: vec![0; KINDS.len()] }
    }

    /// Records up to `level`.
    pub fn up_to(&self, level: Level) -> u64 {
        let counted = KINDS.iter().zip(&self.kinds);
        counted.filter(|(kind, _)| kind.level <= level).map(|(_, count)| count).sum()
    }

    /// Kinds that occurred, by code, and how often.
    pub fn kinds(&self) -> impl Iterator<Item = (&'static str, u64)> {
        KINDS.iter().zip(&self.kinds).filter(|(_, count)| **count > 0).map(|(kind, count)| (kind.name, *count))
    }
}

impl TraceSink for RecordCounter {
    fn record(&mut self, record: &Record) {
        // Codes ascend (a test of sim-core says so).
        if let Ok(place) = KINDS.binary_search_by_key(&record.body.code(), |kind| kind.code) {
            self.kinds[place] += 1;
        }
    }
}
