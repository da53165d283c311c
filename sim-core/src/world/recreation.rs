//! What an operator of Docker hosts does for a rollout or another number of containers: stop, remove and start them one
//! after the other on their hosts (`docker compose up --force-recreate`), add some, or take the last ones away.

use super::World;
use super::state::PodState;
use crate::model::ids::{PodId, WorkloadId};
use crate::trace::RecordId;
use crate::trace::words::DeleteReason;

impl World {
    /// The next step for a workload's containers; the next one is touched when the last one listens again.
    pub(super) fn recreate_in_turn(&mut self, workload: WorkloadId) {
        if std::mem::replace(&mut self.controllers[workload.index()].resized, false) {
            self.settle_number(workload);
        }
        if self.controllers[workload.index()].swapping.is_some_and(|pod| self.is_under_way(pod)) {
            return;
        }
        let controller = &mut self.controllers[workload.index()];
        controller.swapping = None;
        let (newest, cause, because) = (controller.newest(), controller.trigger, controller.changed);
        // A container of a dead host cannot be touched.
        let next = self.active_pods(workload).find(|pod| {
            let state = &self.pods[pod.index()];
            state.revision != newest && state.state != PodState::Lost
        });
        if let Some(pod) = next {
            self.controllers[workload.index()].swapping = Some(pod);
            self.delete_gracefully(pod, DeleteReason::Updated, cause, because);
        }
    }

    /// Being stopped, or started and not listening yet.
    fn is_under_way(&self, pod: PodId) -> bool {
        let state = &self.pods[pod.index()];
        match state.state {
            PodState::Gone | PodState::Lost | PodState::Pending => false,
            // One that died by itself is left to its restart policy.
            PodState::Running | PodState::Waiting => state.deleted,
            PodState::Bound | PodState::Starting | PodState::Draining => true,
        }
    }

    /// A container is gone that was to be replaced on its host: the new one starts. False for any other.
    pub(super) fn swap_container(&mut self, pod: PodId, gone: RecordId) -> bool {
        let state = &self.pods[pod.index()];
        let (workload, ordinal, node) = (state.workload, state.ordinal, state.node);
        let controller = &self.controllers[workload.index()];
        let Some(node) = node.filter(|_| controller.swapping == Some(pod)) else { return false };
        let (newest, because) = (controller.newest(), controller.changed);
        let new = self.create_pod(workload, Some(ordinal), newest, gone, because);
        self.controllers[workload.index()].swapping = Some(new);
        self.bind(new, node);
        true
    }

    /// As many containers as asked for: new ones go where the scheduler's rule puts them, the last ones go first.
    fn settle_number(&mut self, workload: WorkloadId) {
        let controller = &self.controllers[workload.index()];
        let (wanted, newest) = (controller.replicas as usize, controller.newest());
        let (cause, because) = (controller.trigger, controller.changed);
        let swapping = controller.swapping.filter(|pod| self.pods[pod.index()].deleted);
        // One that is being replaced will be there again.
        let active: Vec<PodId> = self.active_pods(workload).collect();
        let count = active.len() + usize::from(swapping.is_some());
        for _ in count..wanted {
            self.make_pod(workload, None, newest);
        }
        for pod in active.into_iter().rev().take(count.saturating_sub(wanted)) {
            self.delete_gracefully(pod, DeleteReason::ScaledDown, cause, because);
        }
    }
}
