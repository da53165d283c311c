//! Two traces side by side, record by record: what is known of each so far, and how they part.

use std::collections::VecDeque;

use sim_core::trace::{Record, TraceHeader};

use super::Divergence;
use crate::explain::{History, Step};
use crate::trace_io::{JsonlLine, Names, TraceError};

/// So many records before the first differing one are shown.
const CONTEXT: usize = 3;

/// The next record of each side; `None` where one has ended.
pub(super) type Both = [Option<Record>; 2];

/// Two traces that are read in step.
pub(super) struct Sides<I, J> {
    mine: Side<I>,
    theirs: Side<J>,
    /// The last records that both have, the oldest first.
    before: VecDeque<Record>,
}

impl<I, J> Sides<I, J>
where
    I: Iterator<Item = Result<Record, TraceError>>,
    J: Iterator<Item = Result<Record, TraceError>>,
{
    /// Before the first record of each.
    pub(super) fn new(headers: [&TraceHeader; 2], first: I, second: J) -> Self {
        let (mine, theirs) = (Side::new(headers[0], first), Side::new(headers[1], second));
        Self { mine, theirs, before: VecDeque::new() }
    }

    /// Takes the next record of each side; `None` when both have ended. Fails as reading does.
    pub(super) fn step(&mut self) -> Result<Option<Both>, TraceError> {
        let both = [self.mine.next()?, self.theirs.next()?];
        Ok((both != [None, None]).then_some(both))
    }

    /// Takes in that both sides have this record.
    pub(super) fn agree(&mut self, record: Record) {
        self.before.push_back(record);
        if self.before.len() > CONTEXT {
            self.before.pop_front();
        }
    }

    /// The difference that the records of the last step are.
    pub(super) fn divergence(&mut self, [left, right]: &Both) -> Divergence {
        Divergence {
            place: self.mine.count.max(self.theirs.count),
            before: self.before.iter().map(|record| self.mine.lines.line(record)).collect(),
            records: [self.mine.line(left.as_ref()), self.theirs.line(right.as_ref())],
            chains: [self.mine.chain(left.as_ref()), self.theirs.chain(right.as_ref())],
        }
    }

    /// How many records of each were taken.
    pub(super) fn counts(&self) -> [u64; 2] {
        [self.mine.count, self.theirs.count]
    }
}

/// One side of a comparison.
struct Side<I> {
    records: I,
    lines: JsonlLine,
    names: Names,
    history: History,
    count: u64,
}

impl<I: Iterator<Item = Result<Record, TraceError>>> Side<I> {
    fn new(header: &TraceHeader, records: I) -> Self {
        let (lines, names) = (JsonlLine::new(header), Names::new(header));
        Self { records, lines, names, history: History::default(), count: 0 }
    }

    fn next(&mut self) -> Result<Option<Record>, TraceError> {
        let record = self.records.next().transpose()?;
        if let Some(record) = &record {
            self.lines.learn(record);
            self.names.learn(record);
            self.history.learn(record);
            self.count += 1;
        }
        Ok(record)
    }

    fn line(&mut self, record: Option<&Record>) -> Option<String> {
        record.map(|record| self.lines.line(record))
    }

    /// What a record was decided or triggered by, in words.
    fn chain(&self, record: Option<&Record>) -> Vec<Step> {
        let Some(record) = record else { return Vec::new() };
        let known = [record.because, record.cause].into_iter().find(|id| self.history.get(*id).is_some());
        known.map_or_else(Vec::new, |id| self.history.tell(id, &self.names))
    }
}
