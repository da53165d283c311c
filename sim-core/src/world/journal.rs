//! Numbers records and holds them until the sink takes them.

use crate::kernel::time::SimTime;
use crate::trace::{Body, Level, Record, RecordId};

/// The records of a run that no sink has seen yet.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    last: RecordId,
    level: Level,
    waiting: Vec<Record>,
}

impl Journal {
    /// A journal that keeps records up to `level`.
    pub(super) fn new(level: Level) -> Self {
        Self { last: 0, level, waiting: Vec::new() }
    }

    /// Writes a record; every record gets a number, whether the level keeps it or not.
    pub(super) fn write(&mut self, time: SimTime, cause: RecordId, because: RecordId, body: Body) -> RecordId {
        self.last += 1;
        debug_assert!(cause < self.last && because < self.last, "causes come first");
        if body.level() <= self.level {
            self.waiting.push(Record { id: self.last, time, cause, because, body });
        }
        self.last
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
        } else {
            self.leave_out();
        }
    }

    /// Whether records of segments are kept.
    #[inline]
    pub(super) fn keeps_segments(&self) -> bool {
        self.level == Level::Segment
    }

    /// Numbers a record that is not kept.
    #[inline]
    pub(super) fn leave_out(&mut self) {
        self.last += 1;
    }

    /// Apart from the code that every run goes through, which it would crowd.
    #[cold]
    fn keep_segment(&mut self, time: SimTime, cause: RecordId, because: RecordId, body: impl FnOnce() -> Body) {
        self.write(time, cause, because, body());
    }

    /// How many records were numbered.
    pub(super) fn count(&self) -> u64 {
        self.last
    }

    /// How many records wait, and for how many there is room.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.waiting.len(), self.waiting.capacity())
    }

    /// Records that wait for the sink.
    pub(super) fn waiting(&mut self) -> &mut Vec<Record> {
        &mut self.waiting
    }
}
