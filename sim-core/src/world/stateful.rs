//! The StatefulSet controller (D22). `OrderedReady`: up one by one from the lowest ordinal, down one by one from the
//! highest, and nothing while a pod is missing, not ready or still going. `Parallel`: up and down at once. Updates go one by
//! one from the highest ordinal down to the partition, under either policy.

use super::World;
use crate::model::application::WorkloadKind;
use crate::model::ids::{PodId, WorkloadId};
use crate::model::lifecycle::UpdateStrategy;
use crate::model::settings::AddressModelKind;
use crate::trace::words::DeleteReason;

impl World {
    /// One pass of a StatefulSet's controller.
    pub(super) fn stateful_pass(&mut self, workload: WorkloadId) {
        let parallel = self.model.workload(workload).updates.parallel;
        let replicas = self.controllers[workload.index()].replicas;
        for ordinal in 0..replicas {
            let pod = self.pod_of_ordinal(workload, ordinal);
            if pod.is_none() {
                let template = self.template_of_ordinal(workload, ordinal);
                self.make_pod(workload, Some(ordinal), template);
            }
            if !parallel && pod.is_none_or(|pod| !self.is_available(pod)) {
                return;
            }
        }
        if !self.delete_beyond(workload, replicas, parallel) {
            self.update_highest(workload);
        }
    }

    /// Deletes pods that are too many: the highest, or all at once; true when there are any.
    fn delete_beyond(&mut self, workload: WorkloadId, replicas: u32, all: bool) -> bool {
        let pods = self.whereabouts.of_workload(workload).iter().map(|pod| (self.pods[pod.index()].ordinal, *pod));
        let mut beyond: Vec<(u32, PodId)> = pods.filter(|(ordinal, _)| *ordinal >= replicas).collect();
        beyond.sort_unstable_by(|one, other| other.cmp(one));
        for (_, pod) in &beyond[..beyond.len().min(if all { usize::MAX } else { 1 })] {
            self.delete_old(*pod, DeleteReason::ScaledDown);
        }
        !beyond.is_empty()
    }

    /// The next step of an update: down from the highest ordinal, each pod once those above it are well.
    fn update_highest(&mut self, workload: WorkloadId) {
        if !matches!(self.model.workload(workload).updates.strategy, UpdateStrategy::RollingUpdate { .. }) {
            return;
        }
        for ordinal in (0..self.controllers[workload.index()].replicas).rev() {
            let Some(pod) = self.pod_of_ordinal(workload, ordinal) else { return };
            if self.pods[pod.index()].revision != self.template_of_ordinal(workload, ordinal) {
                return self.delete_old(pod, DeleteReason::Updated);
            }
            if !self.is_available(pod) {
                return;
            }
        }
    }

    fn delete_old(&mut self, pod: PodId, reason: DeleteReason) {
        let controller = &self.controllers[self.pods[pod.index()].workload.index()];
        let (cause, because) = (controller.trigger, controller.changed);
        self.delete_gracefully(pod, reason, cause, because);
    }

    /// The template that a pod of this ordinal should have: below a StatefulSet's partition that of the start, because an
    /// update that stops there never completes.
    pub(super) fn template_of_ordinal(&self, workload: WorkloadId, ordinal: u32) -> u32 {
        let definition = self.model.workload(workload);
        let kept = definition.kind == WorkloadKind::StatefulSet && ordinal < definition.updates.partition;
        let in_cluster = self.model.address_model == AddressModelKind::FlatPodIp;
        if kept && in_cluster { 0 } else { self.controllers[workload.index()].newest() }
    }

    fn pod_of_ordinal(&self, workload: WorkloadId, ordinal: u32) -> Option<PodId> {
        let mut pods = self.whereabouts.of_workload(workload).iter().copied();
        pods.find(|pod| self.pods[pod.index()].ordinal == ordinal)
    }
}
