//! The end of pods and containers, and what their controllers make in their place.

use super::World;
use super::event::{Control, Event};
use super::state::{Pod, PodState};
use crate::kernel::queue::EventClass;
use crate::model::application::WorkloadKind;
use crate::model::ids::PodId;
use crate::model::settings::{AddressModelKind, Rescheduler};
use crate::trace::words::{DeleteReason, ExitReason};
use crate::trace::{Body, RecordId};

impl World {
    /// Removes a pod object at once; its controller may make another one.
    pub(super) fn remove_pod(&mut self, pod: PodId, reason: DeleteReason, cause: RecordId) {
        if self.pods[pod.index()].state == PodState::Gone {
            return;
        }
        let now = self.agenda.now();
        let deleted = if self.pods[pod.index()].deleted {
            self.pods[pod.index()].condition
        } else {
            self.journal.write(now, cause, 0, Body::PodDeleted { pod, reason })
        };
        let Pod { state, pulling, .. } = self.pods[pod.index()];
        let started = !pulling && matches!(state, PodState::Running | PodState::Starting | PodState::Draining);
        let record = if started { self.containers_exit(pod, ExitReason::Removed, deleted) } else { deleted };
        self.cut_conversations(pod, record, !started);
        self.erase_pod(pod, deleted, record);
    }

    /// The object and the addresses of a pod whose processes are gone go, too.
    pub(super) fn erase_pod(&mut self, pod: PodId, deleted: RecordId, record: RecordId) {
        let now = self.agenda.now();
        self.release_addresses(pod, record);
        let gone = self.journal.write(now, deleted, 0, Body::PodGone { pod });
        let state = &mut self.pods[pod.index()];
        state.state = PodState::Gone;
        state.deleted = true;
        state.ready = false;
        state.condition = deleted;
        if let Some(event) = self.pods[pod.index()].evict_event.take() {
            self.agenda.cancel(event);
        }
        self.forget_pod(pod);
        self.slices_to_sync(pod);
        self.watch_failures(pod, record, false);
        if !self.swap_container(pod, gone) {
            self.replace(pod, gone);
        }
        self.reconsider_pending();
        self.controller_sees(self.pods[pod.index()].workload, gone);
        self.check_goals();
    }

    fn release_addresses(&mut self, pod: PodId, cause: RecordId) {
        let Some(node) = self.pods[pod.index()].node else { return };
        if self.daemon_out(node).is_some() {
            // The rules and the address stay taken until a daemon starts that clears them away.
            return;
        }
        self.release_host_ports(pod, cause);
        if self.model.address_model == AddressModelKind::PortMapping {
            return self.give_back_addresses(pod);
        }
        if let Some(address) = self.pods[pod.index()].address.take() {
            self.flat.release_pod(node, address);
        }
    }

    /// A pod's controller makes another one, if it has one that does so.
    pub(super) fn replace(&mut self, pod: PodId, cause: RecordId) {
        let managed =
            self.model.address_model == AddressModelKind::FlatPodIp || self.model.rescheduler != Rescheduler::None;
        if !managed || self.kind_of(pod) == WorkloadKind::Pod || self.pods[pod.index()].replaced {
            return;
        }
        self.pods[pod.index()].replaced = true;
        self.replaced_because.push(cause);
        let event = Event::Control {
            kind: Control::Replace,
            subject: pod.0,
            detail: u32::try_from(self.replaced_because.len() - 1).expect("replacements number below 2^32"),
        };
        let wait = self.model.cluster.controller_latency + self.restart_delay(pod);
        self.agenda.after(wait, EventClass::Control, event);
    }

    /// The controller makes the replacement of a pod.
    pub(super) fn make_replacement(&mut self, old: PodId, because: usize) {
        let state = &self.pods[old.index()];
        let (workload, node, ordinal) = (state.workload, state.node, state.ordinal);
        let kind = self.kind_of(old);
        let Some(revision) = self.missing_template(old) else { return };
        let keeps_name = kind == WorkloadKind::StatefulSet;
        let cause = self.replaced_because[because];
        let pod = self.create_pod(workload, keeps_name.then_some(ordinal), revision, cause, 0);
        if let (WorkloadKind::DaemonSet, Some(node)) = (kind, node) {
            return self.bind(pod, node);
        }
        self.schedule_soon(pod);
    }

    /// The scheduler will look at a pod.
    pub(super) fn schedule_soon(&mut self, pod: PodId) {
        let event = Event::Control { kind: Control::Schedule, subject: pod.0, detail: 0 };
        self.agenda.after(self.model.cluster.scheduler_latency, EventClass::Control, event);
    }

    /// Room may have come free: the scheduler looks at waiting pods again.
    pub(super) fn reconsider_pending(&mut self) {
        for pod in self.pending_pods() {
            self.schedule_soon(pod);
        }
    }
}
