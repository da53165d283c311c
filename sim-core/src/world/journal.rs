//! Numbers records and holds them until the sink takes them.

use std::sync::Arc;

use crate::control::versions::Backend;
use crate::kernel::time::SimTime;
use crate::model::ids::SourceId;
use crate::trace::fields::Client;
use crate::trace::record::FIRST_OF_SEGMENTS;
use crate::trace::{Body, Level, Record, RecordId, TraceSink};

/// Records handed to the sink at once.
const BATCH: usize = 256;

/// The records of a run that no sink has seen yet.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    last: RecordId,
    /// The number of the last record of a segment.
    last_of_segments: RecordId,
    level: Level,
    waiting: Vec<Record>,
    /// Lists of addresses that clients wrote down: there may be thousands of each, so their records are made when they are
    /// handed over.
    written: Vec<WrittenList>,
}

/// A client wrote a list of addresses down.
#[derive(Clone, Debug)]
struct WrittenList {
    /// How many of the records that wait come before.
    place: usize,
    /// The number of the last record before.
    after: RecordId,
    time: SimTime,
    cause: RecordId,
    source: SourceId,
    client: Client,
    list: Arc<[Backend]>,
}

impl WrittenList {
    /// Its records.
    fn records(&self) -> impl Iterator<Item = Record> {
        let Self { after, time, cause, source, client, ref list, .. } = *self;
        list.iter().zip(after + 1..).map(move |(Backend { pod, address, port }, id)| {
            let body = Body::AddressWritten { source, client, pod: *pod, address: *address, port: *port };
            Record { id, time, cause, because: 0, body }
        })
    }
}

impl Journal {
    /// A journal that keeps records up to `level`.
    pub(super) fn new(level: Level) -> Self {
        Self { last: 0, last_of_segments: FIRST_OF_SEGMENTS - 1, level, waiting: Vec::new(), written: Vec::new() }
    }

    /// Writes a record; it gets a number, whether the level keeps it or not.
    pub(super) fn write(&mut self, time: SimTime, cause: RecordId, because: RecordId, body: Body) -> RecordId {
        let last = if body.level() == Level::Segment { &mut self.last_of_segments } else { &mut self.last };
        *last += 1;
        let id = *last;
        debug_assert!(cause < id && because < id, "causes come first");
        if body.level() <= self.level {
            self.waiting.push(Record { id, time, cause, because, body });
        }
        id
    }

    /// Writes that a client wrote a list of addresses down, a record for each.
    pub(super) fn write_list(
        &mut self,
        (time, cause): (SimTime, RecordId),
        (source, client): (SourceId, Client),
        list: &Arc<[Backend]>,
    ) {
        let (place, after, list) = (self.waiting.len(), self.last, Arc::clone(list));
        self.last += list.len() as u64;
        self.written.push(WrittenList { place, after, time, cause, source, client, list });
    }

    /// Writes a record of a segment: most runs keep none, so it is made only when it is kept.
    #[inline]
    pub(super) fn write_segment(
        &mut self,
        time: SimTime,
        cause: RecordId,
        because: RecordId,
        body: impl FnOnce() -> Body,
    ) {
        if self.keeps_segments() {
            self.keep_segment(time, cause, because, body);
        }
    }

    /// Whether records of segments are kept.
    #[inline]
    pub(super) fn keeps_segments(&self) -> bool {
        self.level == Level::Segment
    }

    /// Apart from the code that every run goes through, which it would crowd.
    #[cold]
    fn keep_segment(&mut self, time: SimTime, cause: RecordId, because: RecordId, body: impl FnOnce() -> Body) {
        self.write(time, cause, because, body());
    }

    /// How many records were numbered, without those of segments.
    pub(super) fn count(&self) -> u64 {
        self.last
    }

    /// How many records wait, and heap memory in bytes.
    pub(super) fn held(&self) -> (usize, usize) {
        let listed: usize = self.written.iter().map(|written| written.list.len()).sum();
        let lists = self.written.capacity() * size_of::<WrittenList>();
        (self.waiting.len() + listed, self.waiting.capacity() * size_of::<Record>() + lists)
    }

    /// True when there is a batch to hand over.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= BATCH
    }

    /// Hands all records over that wait.
    pub(super) fn hand_over(&mut self, sink: &mut impl TraceSink) {
        let mut begin = 0;
        for written in std::mem::take(&mut self.written) {
            self.waiting[begin..written.place].iter().for_each(|record| sink.record(record));
            begin = written.place;
            written.records().for_each(|record| sink.record(&record));
        }
        self.waiting[begin..].iter().for_each(|record| sink.record(record));
        self.waiting.clear();
        // The start of a large cluster is told at once; nothing later is.
        self.waiting.shrink_to(2 * BATCH);
    }
}
