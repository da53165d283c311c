//! Requests in flight by slot, as a proxy counts them; knows no list and no weights.

use crate::balancing::Load;

/// How many requests each slot has been given that are not over.
#[derive(Clone, Debug, Default)]
pub(in crate::balancing) struct InFlight {
    by_slot: Vec<u32>,
}

impl InFlight {
    /// A backend comes to this slot, with nothing in flight.
    pub(in crate::balancing) fn add(&mut self, slot: usize) {
        if self.by_slot.len() <= slot {
            self.by_slot.resize(slot + 1, 0);
        }
        self.by_slot[slot] = 0;
    }

    /// What a slot has in flight: connections that are on their way count like those that stand.
    pub(in crate::balancing) fn set(&mut self, slot: usize, load: Load) {
        self.by_slot[slot] = load.active.saturating_add(load.inactive);
    }

    /// How many requests are in flight to a slot.
    pub(in crate::balancing) fn of(&self, slot: usize) -> u32 {
        self.by_slot[slot]
    }

    /// Bytes of the counts.
    pub(in crate::balancing) fn bytes(&self) -> usize {
        self.by_slot.len() * size_of::<u32>()
    }
}
