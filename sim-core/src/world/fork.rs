//! A run that goes on under another model, as if it had been that model's from the start. Which models may take over from
//! which, and until when, is the rule of `agreement.rs`; here stand what a plan schedules and what a fork changes.

use std::sync::Arc;

use super::World;
use super::actions::begins;
use super::agreement::{Agreements, first_begin};
use super::event::Event;
use super::faults::Struck;
use super::impairments::Impairments;
use super::registry::RegistryEntry;
use super::setup::control_loops;
use super::sockets::SocketTable;
use super::state::PodState;
use crate::control::versions::VersionedLists;
use crate::faults::Effect;
use crate::kernel::draws::Draws;
use crate::kernel::queue::{EventClass, EventId};
use crate::kernel::time::SimTime;
use crate::model::{Begin, Model};

/// What is under way of a model's plan.
#[derive(Clone, Debug)]
pub(super) struct Disturbances {
    /// What the plan has scheduled, so that another plan can take its place.
    planned: Vec<(SimTime, EventId)>,
    /// By fault: the planned end of one that has begun, and whom it hit.
    pub ends: Vec<Option<EventId>>,
    pub struck: Vec<Option<Struck>>,
}

impl Disturbances {
    /// Nothing has begun.
    pub(super) fn new(model: &Model) -> Self {
        let faults = model.faults.len();
        Self { planned: Vec::new(), ends: vec![None; faults], struck: vec![None; faults] }
    }
}

/// The events of a model's plan, in the order of those that happen at one instant: faults that come at random, then the
/// other faults, then actions.
fn plan_of(model: &Model, draws: &Draws) -> Vec<(SimTime, Event)> {
    let fault = |(fault, definition)| (first_begin(definition, draws), Event::FaultBegins { fault });
    let (random, fixed): (Vec<_>, Vec<_>) =
        (0_u32..).zip(&model.faults).partition(|(_, fault)| fault.renewal.is_some());
    let actions = model.actions.iter().enumerate().filter_map(|(index, action)| match action.begin {
        Begin::At(at) => Some((SimTime::ZERO + at, begins(index))),
        Begin::After { .. } => None,
    });
    random.into_iter().chain(fixed).map(fault).chain(actions).collect()
}

fn plans_impairment(model: &Model) -> bool {
    model.faults.iter().any(|fault| matches!(fault.kind.begin, Effect::Impair(_)))
}

impl World {
    /// Schedules what the plan holds, or of it what lies `after` an instant.
    pub(super) fn schedule_plan(&mut self, after: Option<SimTime>) {
        let plan = plan_of(&self.model, &self.draws).into_iter();
        let wanted = plan.filter(|(time, _)| after.is_none_or(|after| *time > after));
        let pending = wanted.map(|(time, event)| (time, self.agenda.at_planned(time, EventClass::Fault, event)));
        self.disturbances.planned = pending.collect();
    }

    /// The same run under another model, as if it had been that one from the start; `None` when that is not certain: the
    /// models do not agree up to now, or they differ in something that what has happened may have depended on.
    pub fn fork(mut self, model: &Arc<Model>) -> Option<Self> {
        let agreements = Agreements::new(vec![&self.model, model]);
        let until = agreements.until(0, 1);
        // A packet takes its hop ahead of time when no event comes before; the number of events tells whether it did.
        if until <= self.now() || until <= self.wires.looked_ahead {
            return None;
        }
        // Without impairments in its plan a world keeps no table of them, so there is none that could be handed on.
        let same_tables = plans_impairment(&self.model) == plans_impairment(model);
        if !(agreements.are_twins(0, 1) && same_tables || self.nothing_has_happened()) {
            return None;
        }
        let before = std::mem::replace(&mut self.model, Arc::clone(model));
        self.sockets = SocketTable::new(&self.model);
        self.take_plan_over(&before);
        if !same_tables {
            self.impairments = Impairments::new(model);
        }
        (self.monitor, self.taint_phase) = control_loops(model, &mut self.draws);
        Some(self)
    }

    /// What the present model plans after this instant takes the place of what the model before it did.
    fn take_plan_over(&mut self, before: &Model) {
        let now = self.now();
        for (_, event) in self.disturbances.planned.drain(..).filter(|(time, _)| *time > now) {
            self.agenda.cancel(event);
        }
        let (faults, actions) = (self.model.faults.len(), self.model.actions.len());
        self.fault_records.resize(faults, 0);
        self.disturbances.ends.resize(faults, None);
        self.disturbances.struck.resize(faults, None);
        self.impairments.occurrences.resize(faults, 0);
        self.action_records.resize(actions, 0);
        self.schedule_plan(Some(self.now()));
        for fault in 0..faults.min(before.faults.len()) {
            let (old, new) = (before.faults[fault].length, &self.model.faults[fault]);
            if let Some(length) = new.length.filter(|length| Some(*length) != old) {
                self.move_end(fault, SimTime::ZERO + new.at + length);
            }
        }
    }

    /// True while the cluster stands as the start has left it: no fault or action has begun, no node has fallen silent, no
    /// pod was made, stopped, killed or started, no list of addresses has changed. What waits for such things is not read.
    fn nothing_has_happened(&self) -> bool {
        let of_the_start = |lists: &VersionedLists| lists.last_change().is_none_or(|change| change.at == SimTime::ZERO);
        let begun = self.fault_records.iter().chain(&self.action_records).any(|record| *record != 0);
        let pods_stand = self.pods.iter().all(|pod| {
            let waits = matches!(pod.state, PodState::Running | PodState::Pending) && !pod.deleted && !pod.stopping;
            let unharmed =
                pod.restarts == 0 && pod.back_off == 0 && pod.killers.is_empty() && !pod.health.is_stopping();
            waits && unharmed && pod.created == SimTime::ZERO
        });
        !begun
            && pods_stand
            && self.nodes.iter().all(|node| node.silences == 0)
            && of_the_start(&self.endpoints)
            && of_the_start(&self.registry_lists)
            && self.registry.iter().all(RegistryEntry::answers)
    }
}
