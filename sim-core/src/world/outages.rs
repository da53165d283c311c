//! The API server or the registry is away: what would have asked them waits, and how they begin again.

use super::World;
use super::event::{Control, Event};
use crate::kernel::queue::EventClass;
use crate::kernel::time::SimDuration;
use crate::model::ids::NodeId;
use crate::model::settings::AddressModelKind;
use crate::trace::RecordId;

/// A controller manager that cannot renew its leader lease for so long exits, and begins with clocks of its own
/// (`LeaderElectionConfiguration.RenewDeadline`).
const RENEW_DEADLINE: SimDuration = SimDuration::from_secs(10);

impl World {
    /// Nobody reaches the API server.
    pub(super) fn lose_api(&mut self, record: RecordId) {
        if self.model.address_model != AddressModelKind::FlatPodIp {
            return;
        }
        self.impairments.api_out_by += 1;
        if self.impairments.api_out_by == 1 {
            self.impairments.api_out_since = self.agenda.now();
            for node in self.workers() {
                self.cancel_taint(node);
            }
            self.review_contact(record);
        }
    }

    /// One fault less keeps the API server away: kubelets renew their leases, controllers take up what waited.
    pub(super) fn regain_api(&mut self, record: RecordId) {
        if self.model.address_model != AddressModelKind::FlatPodIp {
            return;
        }
        self.impairments.api_out_by -= 1;
        if self.impairments.api_out_by > 0 {
            return;
        }
        self.review_contact(record);
        let now = self.agenda.now();
        let restarted = now.since(self.impairments.api_out_since) >= RENEW_DEADLINE;
        let waiting = std::mem::take(&mut self.impairments.api_waiting);
        for node in self.workers() {
            let overdue = waiting.contains(&not_ready(node));
            self.watch_again(node, restarted, overdue);
        }
        let of_passes =
            |event: &Event| matches!(event, Event::Control { kind: Control::NodeNotReady | Control::QueueTaints, .. });
        for event in waiting.into_iter().filter(|event| !of_passes(event)) {
            let action = matches!(event, Event::ActionBegins { .. });
            self.agenda.at(now, if action { EventClass::Fault } else { EventClass::Control }, event);
        }
        self.plan_queueing();
    }

    /// The monitor looks at a node that is still silent: with clocks of its own if it has begun anew.
    fn watch_again(&mut self, node: NodeId, restarted: bool, overdue: bool) {
        let state = &mut self.nodes[node.index()];
        if state.silent.is_none() {
            return;
        }
        if !self.up[node.index()] {
            state.silent = Some(state.power_record);
        }
        if !state.ready {
            return;
        }
        let now = self.agenda.now();
        if restarted {
            self.plan_loss(node, self.monitor.not_ready_at(now));
        } else if overdue {
            self.plan_loss(node, self.monitor.at_or_after(now));
        }
    }

    /// Keeps back what needs the API server while it is away; true when it waits.
    pub(super) fn waits_for_api(&mut self, event: Event) -> bool {
        let waits = if let Event::Control { kind, .. } = event { is_of_api(kind) } else { true };
        if waits {
            self.impairments.api_waiting.push(event);
        }
        waits
    }

    /// Whether nobody reaches the API server.
    pub(super) fn is_api_out(&self) -> bool {
        self.impairments.api_out_by > 0
    }

    /// The registry is away: checks stop.
    pub(super) fn lose_registry(&mut self) {
        self.impairments.registry_out_by += 1;
        if self.impairments.registry_out_by == 1 {
            self.suspend_checks();
        }
    }

    /// One fault less keeps the registry away: whoever runs registers again, the others are checked from now on.
    pub(super) fn regain_registry(&mut self, record: RecordId) {
        self.impairments.registry_out_by -= 1;
        if self.impairments.registry_out_by > 0 {
            return;
        }
        for node in self.workers() {
            self.checks_pass_again(node, record);
        }
        self.resume_checks();
        for index in 0..self.nodes.len() {
            self.clients_catch_up(NodeId::from_index(index));
        }
    }

    /// Whether the registry is away.
    pub(super) fn is_registry_out(&self) -> bool {
        self.impairments.registry_out_by > 0
    }
}

fn not_ready(node: NodeId) -> Event {
    Event::Control { kind: Control::NodeNotReady, subject: node.0, detail: 0 }
}

/// What reads or writes objects of the API.
const fn is_of_api(kind: Control) -> bool {
    matches!(
        kind,
        Control::Schedule
            | Control::Replace
            | Control::NodeNotReady
            | Control::QueueTaints
            | Control::Evict
            | Control::SyncSlices
            | Control::Reconcile
            | Control::SyncReplicas
            | Control::AskForEviction
    )
}
