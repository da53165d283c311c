//! The StatefulSet controller (D22, OrderedReady): up one by one from the lowest ordinal, down and through updates one
//! by one from the highest, and nothing while a pod is missing, not ready or still going.

use super::World;
use super::state::PodState;
use crate::model::ids::{PodId, WorkloadId};
use crate::model::lifecycle::UpdateStrategy;
use crate::trace::words::DeleteReason;

impl World {
    /// One pass of a StatefulSet's controller: at most one pod is made or deleted.
    pub(super) fn stateful_pass(&mut self, workload: WorkloadId) {
        let controller = &self.controllers[workload.index()];
        let (replicas, newest) = (controller.replicas, controller.newest());
        let (cause, because) = (controller.trigger, controller.changed);
        for ordinal in 0..replicas {
            let Some(pod) = self.pod_of_ordinal(workload, ordinal) else {
                return self.make_pod(workload, Some(ordinal), newest);
            };
            if !self.is_available(pod) {
                return;
            }
        }
        let beyond = self
            .pods
            .iter()
            .enumerate()
            .filter(|(_, pod)| pod.workload == workload && pod.ordinal >= replicas && pod.state != PodState::Gone);
        if let Some((index, _)) = beyond.max_by_key(|(_, pod)| pod.ordinal) {
            let pod = PodId::from_index(index);
            return self.delete_gracefully(pod, DeleteReason::ScaledDown, cause, because);
        }
        if !matches!(self.model.workload(workload).updates.strategy, UpdateStrategy::RollingUpdate { .. }) {
            return;
        }
        let old = self.active_pods(workload).filter(|pod| self.pods[pod.index()].revision != newest);
        let highest = old.max_by_key(|pod| self.pods[pod.index()].ordinal);
        if let Some(pod) = highest {
            self.delete_gracefully(pod, DeleteReason::Updated, cause, because);
        }
    }

    fn pod_of_ordinal(&self, workload: WorkloadId, ordinal: u32) -> Option<PodId> {
        let fits =
            |pod: &super::state::Pod| pod.workload == workload && pod.ordinal == ordinal && pod.state != PodState::Gone;
        self.pods.iter().position(fits).map(PodId::from_index)
    }
}
