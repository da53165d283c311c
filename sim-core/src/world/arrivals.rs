//! When a source's next request arrives, and what it puts on the wire.

use super::World;
use crate::kernel::time::SimTime;
use crate::model::ids::SourceId;
use crate::transport::segment::{Train, train};
use crate::workload::arrivals::Gap;

impl World {
    /// The instant of an open-loop source's next arrival; `None` when it makes no more.
    pub(super) fn next_arrival(&mut self, source: usize) -> Option<SimTime> {
        let state = &mut self.sources[source];
        let draw = self.draws.read(&mut state.arrivals, state.next_number);
        let definition = &self.model.sources[source];
        let start = SimTime::ZERO + definition.start;
        let time = match definition.arrivals.gap(state.next_number, draw) {
            Gap::Relative(gap) => state.last_arrival.saturating_add(gap),
            Gap::SinceStart(gap) => start.saturating_add(gap),
            Gap::Work(more) => {
                state.work = state.work.saturating_add(more);
                // Rounding may not lead back in time.
                start.saturating_add(definition.arrivals.reaches(state.work)?).max(state.last_arrival)
            }
            Gap::Never => return None,
        };
        (time < SimTime::ZERO + definition.stop).then_some(time)
    }

    /// Payload of a request in bytes.
    pub(super) fn request_bytes(&self, source: u32, number: u64) -> u64 {
        self.own_bytes(source, number).unwrap_or_else(|| self.model.call_of(SourceId(source)).request_bytes)
    }

    /// What a request puts on the wire.
    #[inline]
    pub(super) fn request_train(&self, source: u32, number: u64) -> Train {
        self.own_bytes(source, number).map_or(self.paths[source as usize].request_train, train)
    }

    /// The payload that a source's arrivals give to one request; calls have none.
    #[inline]
    fn own_bytes(&self, source: u32, number: u64) -> Option<u64> {
        if self.paths[source as usize].lists_sizes { self.listed_bytes(source, number) } else { None }
    }

    #[cold]
    fn listed_bytes(&self, source: u32, number: u64) -> Option<u64> {
        self.model.sources.get(source as usize)?.arrivals.request_bytes(number)
    }
}
