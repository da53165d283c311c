//! Worlds run in steps, without the command line's sinks.

use std::sync::Arc;

use scenarios::Scenario;
use sim_core::kernel::time::SimTime;
use sim_core::trace::{Level, Record};
use sim_core::world::World;

/// The records of a level, run in equal steps.
pub(crate) fn world_records(scenario: &Scenario, arm: usize, level: Level, steps: u64) -> Vec<Record> {
    let model = &scenario.arms[arm].model;
    let mut world = World::new(Arc::clone(model), level);
    let mut records = Vec::new();
    for step in 1..=steps {
        world.run_until(SimTime::from_nanos(model.duration.as_nanos() * step / steps), &mut records);
    }
    records
}
