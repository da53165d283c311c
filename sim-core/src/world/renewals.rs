//! Faults that come at random: a renewal process of exponential times without the fault and with it. Each time is a draw of
//! its own, by the fault's name and the number of the occurrence, so no other fault moves it.

use super::World;
use super::event::Event;
use crate::kernel::draws::{Draws, EntityKey};
use crate::kernel::queue::EventClass;
use crate::kernel::time::SimDuration;
use crate::workload::distribution::Distribution;

impl World {
    /// Plans the next occurrence of a fault that comes at random.
    pub(super) fn plan_occurrence(&mut self, fault: usize) {
        let Some(renewal) = self.model.faults[fault].renewal else { return };
        let wait = self.draw_of_occurrence(fault, "up", renewal.mtbf);
        let event = Event::FaultBegins { fault: u32::try_from(fault).expect("faults number below 2^32") };
        let time = self.agenda.now().saturating_add(wait);
        self.agenda.at(time, EventClass::Fault, event);
    }

    /// How long the occurrence lasts that begins now.
    pub(super) fn begin_occurrence(&mut self, fault: usize) -> Option<SimDuration> {
        let renewal = self.model.faults[fault].renewal?;
        let length = self.draw_of_occurrence(fault, "down", renewal.mttr);
        self.impairments.occurrences[fault] += 1;
        Some(length)
    }

    /// At least 1 ns, so that a run always goes on.
    fn draw_of_occurrence(&mut self, fault: usize, purpose: &str, mean: SimDuration) -> SimDuration {
        wait(&self.draws, &self.model.faults[fault].name, purpose, mean, self.impairments.occurrences[fault])
    }
}

/// How long a fault of this name waits for its begin or its end.
pub(super) fn wait(draws: &Draws, name: &str, purpose: &str, mean: SimDuration, occurrence: u64) -> SimDuration {
    let draw = draws.once(EntityKey::of("fault").part(name, 0), purpose, occurrence);
    Distribution::Exponential(mean).sample(draw).max(SimDuration::from_nanos(1))
}
