//! A run that is made again from its ladder, as far as it is needed: what was run stands in the ladder's header.
//! Knows no file.

use std::collections::VecDeque;
use std::sync::Arc;

use reports::trace_io::{DigestSink, Ladder, LadderRung, TraceDigest, TraceError};
use sim_core::kernel::time::{SimDuration, SimTime};
use sim_core::trace::{Level, Record, TraceSink};
use sim_core::world::World;

use crate::session;

/// So much of a run is in memory at a time.
const STEP: SimDuration = SimDuration::from_millis(100);

/// The records of a run up to the connection level and up to the end of a second, made as they are asked for.
pub(crate) struct Replay {
    world: World,
    reached: SimTime,
    last_second: u64,
    end: SimTime,
    made: VecDeque<Record>,
    digest: DigestSink,
}

impl Replay {
    /// The run of a ladder up to the end of simulated second `last_second`; `None` when this version does not understand
    /// what was run.
    pub(crate) fn new(ladder: &Ladder, last_second: u64) -> Option<Self> {
        let header = &ladder.header;
        let scenario = scenarios::reload(&header.effective_scenario, &session::metrics()).scenario?;
        let arm = scenario.arms.iter().find(|arm| arm.name == header.arm)?;
        let whole = SimTime::ZERO + arm.model.duration;
        let second = SimTime::ZERO + SimDuration::from_secs(last_second.saturating_add(1));
        let world = World::new(Arc::clone(&arm.model), Level::Connection);
        let digest = DigestSink::new(header);
        let (reached, end) = (SimTime::ZERO, whole.min(second));
        Some(Self { world, reached, last_second, end, made: VecDeque::new(), digest })
    }

    /// The first second up to the end of the replay in which the ladder says something else.
    pub(crate) fn departs_from(mut self, ladder: &Ladder) -> Option<u64> {
        self.by_ref().for_each(drop);
        let up_to_here = |rung: &&LadderRung| rung.second <= self.last_second;
        let rungs = ladder.digest.ladder.iter().filter(up_to_here).copied().collect();
        TraceDigest::over(&ladder.header, rungs).first_difference(&self.digest.finish())
    }
}

impl Iterator for Replay {
    type Item = Result<Record, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.made.pop_front() {
                if record.time.second() > self.last_second {
                    return None;
                }
                self.digest.record(&record);
                return Some(Ok(record));
            }
            if self.reached >= self.end || self.world.is_stopped() {
                return None;
            }
            self.reached = (self.reached + STEP).min(self.end);
            let mut made = Vec::new();
            self.world.run_until(self.reached, &mut made);
            self.made = made.into();
        }
    }
}
