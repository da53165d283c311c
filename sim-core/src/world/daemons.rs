//! The DaemonSet controller: an update deletes old pods as far as `maxUnavailable` (1) allows; each node's new pod
//! comes once the old one is gone.

use super::World;
use super::state::PodState;
use crate::model::ids::{PodId, WorkloadId};
use crate::model::lifecycle::UpdateStrategy;
use crate::trace::words::DeleteReason;

impl World {
    /// One pass of a DaemonSet's controller.
    pub(super) fn daemon_pass(&mut self, workload: WorkloadId) {
        let UpdateStrategy::RollingUpdate { max_unavailable, .. } = self.model.workload(workload).updates.strategy
        else {
            return;
        };
        let controller = &self.controllers[workload.index()];
        let (replicas, newest) = (controller.replicas, controller.newest());
        let (cause, because) = (controller.trigger, controller.changed);
        let available = self.active_pods(workload).filter(|pod| self.is_available(*pod)).count();
        let available = u32::try_from(available).unwrap_or(u32::MAX);
        // Unlike a Deployment's, this share is rounded up.
        let allowed = max_unavailable.rounded_up(replicas).max(1);
        let mut budget = allowed.saturating_sub(replicas.saturating_sub(available));
        let old: Vec<PodId> =
            self.active_pods(workload).filter(|pod| self.pods[pod.index()].revision != newest).collect();
        for pod in old {
            // What serves nobody costs nothing.
            if self.is_available(pod) {
                if budget == 0 {
                    continue;
                }
                budget -= 1;
            } else if self.pods[pod.index()].state == PodState::Lost {
                continue;
            }
            self.delete_gracefully(pod, DeleteReason::Updated, cause, because);
        }
    }
}
