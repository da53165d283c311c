//! Planned actions carried out: begun at their time or after one another, asked of the controllers, and found done.

use super::World;
use super::event::Event;
use super::faults::Struck;
use super::state::PodState;
use crate::actions::Change;
use crate::control::names::template_hash;
use crate::kernel::queue::EventClass;
use crate::kernel::time::SimDuration;
use crate::model::Begin;
use crate::model::application::WorkloadKind;
use crate::model::ids::{NodeId, PodId, WorkloadId};
use crate::model::parameters::Victim;
use crate::model::settings::AddressModelKind;
use crate::trace::words::DeleteReason;
use crate::trace::{Body, RecordId};

/// The least time between the end of an action and the begin of one that waits for it: a fault of an instant comes
/// before all else of that instant, and so does an action.
const NEXT_INSTANT: SimDuration = SimDuration::from_nanos(1);

/// What an action waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// All pods of the workload are of its newest template, as many as wanted, and available.
    RolledOut(WorkloadId),
    /// As many pods as wanted are available, and no other is left.
    Scaled(WorkloadId),
    /// These pods are gone.
    Gone(Vec<PodId>),
}

impl World {
    #[cold]
    pub(super) fn action_begins(&mut self, action: usize) {
        let body = Body::ActionStarted { action: self.model.action_id(action) };
        let record = self.journal.write(self.agenda.now(), 0, 0, body);
        self.action_records[action] = record;
        if let Some(goal) = self.carry_out(action, record) {
            self.goals.push((action, goal));
        } else {
            self.action_completed(action);
        }
    }

    /// Asks for what an action asks for; `None` when it is done with that.
    fn carry_out(&mut self, action: usize, record: RecordId) -> Option<Goal> {
        let in_cluster = self.model.address_model == AddressModelKind::FlatPodIp;
        match self.model.actions[action].kind.change.clone() {
            Change::Restart(workload) => {
                let stamp = format!("restarted at {}", self.agenda.now().as_nanos());
                Some(self.roll_out(workload, &stamp, false, record))
            }
            Change::SetImage { workload, image } => {
                let stamp = image.unwrap_or_else(|| self.model.actions[action].name.clone());
                Some(self.roll_out(workload, &stamp, true, record))
            }
            Change::Scale { workload, replicas } => {
                let controller = &mut self.controllers[workload.index()];
                controller.replicas = replicas;
                controller.resized = true;
                self.ask_controller(workload, record);
                Some(Goal::Scaled(workload))
            }
            Change::Cordon(victim) => {
                self.cordon(self.struck_node(victim)?, record);
                None
            }
            Change::Uncordon(victim) => {
                self.uncordon(self.struck_node(victim)?, record);
                None
            }
            Change::Drain(victim) => {
                let node = self.struck_node(victim)?;
                Some(self.drain(node, action, record))
            }
            Change::DeletePod(victim) => {
                let Some(Struck::Pod(pod)) = self.find(victim) else { return None };
                self.delete_gracefully(pod, DeleteReason::Requested, record, 0);
                Some(Goal::Gone(vec![pod]))
            }
            Change::DeleteService(service) if in_cluster => {
                self.delete_service(service, record);
                None
            }
            Change::RecreateService(service) if in_cluster => {
                self.delete_service(service, record);
                self.recreate_service(service, record);
                None
            }
            Change::DeleteService(_) | Change::RecreateService(_) => None,
        }
    }

    fn struck_node(&self, victim: Victim) -> Option<NodeId> {
        match self.find(victim) {
            Some(Struck::Node(node)) => Some(node),
            Some(Struck::Pod(_) | Struck::Link(_) | Struck::ZoneOf(_)) | None => None,
        }
    }

    /// Another template, named after the one before and what changed it.
    fn roll_out(&mut self, workload: WorkloadId, stamp: &str, other_image: bool, record: RecordId) -> Goal {
        let key = self.model.workload(workload).key();
        let controller = &mut self.controllers[workload.index()];
        let hash = template_hash(&format!("{key} {} {stamp}", controller.newest_hash().as_str()));
        controller.add_template(hash, other_image);
        self.ask_controller(workload, record);
        Goal::RolledOut(workload)
    }

    fn cordon(&mut self, node: NodeId, record: RecordId) {
        if !std::mem::replace(&mut self.nodes[node.index()].cordoned, true) {
            self.journal.write(self.agenda.now(), record, 0, Body::NodeCordoned { node });
        }
    }

    fn uncordon(&mut self, node: NodeId, record: RecordId) {
        if std::mem::replace(&mut self.nodes[node.index()].cordoned, false) {
            self.journal.write(self.agenda.now(), record, 0, Body::NodeUncordoned { node });
            self.reconsider_pending();
        }
    }

    /// All pods at once but those of a DaemonSet, which their controller would put back, and those that a budget keeps.
    fn drain(&mut self, node: NodeId, action: usize, record: RecordId) -> Goal {
        self.cordon(node, record);
        let in_cluster = self.model.address_model == AddressModelKind::FlatPodIp;
        let mut pods = self.pods_on(node);
        pods.retain(|pod| !in_cluster || self.kind_of(*pod) != WorkloadKind::DaemonSet);
        for pod in &pods {
            if in_cluster {
                self.evict_by_request(*pod, action, false);
            } else {
                self.delete_gracefully(*pod, DeleteReason::Drained, record, 0);
            }
        }
        Goal::Gone(pods)
    }

    /// Something has changed: actions whose goal is reached are done.
    pub(super) fn check_goals(&mut self) {
        let waiting = std::mem::take(&mut self.goals);
        let (done, open) = waiting.into_iter().partition(|(_, goal)| self.reached(goal));
        self.goals = open;
        let done: Vec<(usize, Goal)> = done;
        for (action, _) in done {
            self.action_completed(action);
        }
    }

    fn reached(&self, goal: &Goal) -> bool {
        match goal {
            Goal::RolledOut(workload) => self.is_rolled_out(*workload),
            Goal::Scaled(workload) => self.is_scaled(*workload),
            Goal::Gone(pods) => pods.iter().all(|pod| self.pods[pod.index()].state == PodState::Gone),
        }
    }

    fn action_completed(&mut self, action: usize) {
        let body = Body::ActionCompleted { action: self.model.action_id(action) };
        self.journal.write(self.agenda.now(), self.action_records[action], 0, body);
        for index in 0..self.model.actions.len() {
            if let Begin::After { action: before, delay } = self.model.actions[index].begin
                && before == action
            {
                self.agenda.after(delay.max(NEXT_INSTANT), EventClass::Fault, begins(index));
            }
        }
    }
}

pub(super) fn begins(action: usize) -> Event {
    Event::ActionBegins { action: u32::try_from(action).expect("actions number below 2^32") }
}
