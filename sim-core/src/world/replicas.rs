//! The ReplicaSet controller: it makes missing pods in growing batches and deletes the ones that are too many (D21).

use super::World;
use super::event::{Control, Event};
use super::pods::pod_key;
use super::state::PodState;
use super::whereabouts::Siblings;
use crate::control::victims::{Seen, in_order};
use crate::kernel::queue::EventClass;
use crate::model::ids::{PodId, WorkloadId};
use crate::trace::words::DeleteReason;

impl World {
    /// The ReplicaSet controller will look at the pods of a template.
    pub(super) fn plan_sync(&mut self, workload: WorkloadId, revision: u32) {
        let template = &mut self.controllers[workload.index()].templates[revision as usize];
        if !std::mem::replace(&mut template.sync_planned, true) {
            let event = Event::Control { kind: Control::SyncReplicas, subject: workload.0, detail: revision };
            self.agenda.after(self.model.cluster.controller_latency, EventClass::Control, event);
        }
    }

    /// One look: a batch of missing pods, or all that are too many.
    pub(super) fn sync_replicas(&mut self, workload: WorkloadId, revision: u32) {
        let active: Vec<PodId> =
            self.active_pods(workload).filter(|pod| self.pods[pod.index()].revision == revision).collect();
        let count = u32::try_from(active.len()).expect("pods number below 2^32");
        let template = &mut self.controllers[workload.index()].templates[revision as usize];
        template.sync_planned = false;
        let missing = template.wanted.saturating_sub(count);
        let batch = missing.min(template.batch);
        template.batch = if missing > batch { batch * 2 } else { 1 };
        if count > template.wanted {
            let surplus = count - template.wanted;
            return self.delete_surplus(workload, revision, active, surplus as usize);
        }
        for _ in 0..batch {
            self.make_pod(workload, None, revision);
        }
        if missing > batch {
            self.plan_sync(workload, revision);
        }
    }

    /// A pod that the workload's controller wants; the scheduler places it.
    pub(super) fn make_pod(&mut self, workload: WorkloadId, ordinal: Option<u32>, revision: u32) {
        let controller = &self.controllers[workload.index()];
        let (said, because) = (controller.templates[revision as usize].record, controller.changed);
        let cause = if said == 0 { controller.trigger } else { said };
        let pod = self.create_pod(workload, ordinal, revision, cause, because);
        self.schedule_soon(pod);
    }

    fn delete_surplus(&mut self, workload: WorkloadId, revision: u32, active: Vec<PodId>, surplus: usize) {
        let controller = &self.controllers[workload.index()];
        let (cause, because) = (controller.templates[revision as usize].record, controller.changed);
        let siblings = self.siblings(workload);
        let seen = active.into_iter().map(|pod| self.seen_by_controller(pod, &siblings)).collect();
        for pod in in_order(seen, self.agenda.now()).into_iter().take(surplus) {
            self.delete_gracefully(pod, DeleteReason::ScaledDown, cause, because);
        }
    }

    fn seen_by_controller(&self, pod: PodId, siblings: &Siblings) -> Seen {
        let state = &self.pods[pod.index()];
        let key = pod_key(self.model.workload(state.workload), state.number);
        Seen {
            pod,
            assigned: state.node.is_some(),
            running: matches!(state.state, PodState::Running | PodState::Waiting | PodState::Lost),
            ready_since: state.ready.then_some(state.ready_since),
            neighbours: state.node.map_or(siblings.nowhere, |node| siblings.on(node)),
            restarts: state.restarts,
            created: state.created,
            uid: self.draws.once(key, "uid", 0),
        }
    }
}
