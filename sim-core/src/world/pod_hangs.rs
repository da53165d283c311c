//! Pods that hang: their processes are stopped (SIGSTOP, a dead lock), while the kernel, the kubelet and all others run.
//! What the processes would have done meanwhile waits as it does on a machine that hangs.

use super::World;
use super::event::{Control, Event};
use super::hangs::Hang;
use super::state::PodState;
use crate::model::ids::{NodeId, PodId};
use crate::trace::{Body, RecordId};

/// What faults do to a pod's processes.
#[derive(Clone, Debug, Default)]
pub(super) struct PodTrouble {
    /// Faults that make it hang; the death of the processes ends the hang, the count goes on.
    hung_by: u32,
    /// What waits for the processes to go on.
    hang: Option<Hang>,
    /// SIGTERM waits for them, too.
    signalled: bool,
}

impl World {
    /// A pod's processes stand still from now on.
    #[cold]
    pub(super) fn hang_pod(&mut self, pod: PodId, cause: RecordId) {
        let trouble = self.impairments.pods.entry(pod).or_default();
        trouble.hung_by += 1;
        let state = &self.pods[pod.index()];
        let runs = !state.pulling && matches!(state.state, PodState::Running | PodState::Starting | PodState::Draining);
        if trouble.hang.is_some() || !runs {
            return;
        }
        let record = self.journal.write(self.agenda.now(), cause, 0, Body::PodHung { pod });
        let services = self.interrupt_service(|connection| connection.pod == Some(pod));
        self.impairments.pods.entry(pod).or_default().hang = Some(Hang { record, services, ..Hang::default() });
        self.impairments.hung += 1;
        for connection in self.connections.numbers() {
            let state = &mut self.connections[connection];
            if !state.freed && state.pod == Some(pod) && state.working > 0 {
                state.because = record;
            }
        }
        self.pods[pod.index()].record = record;
        self.probes_meet_hang(pod);
        self.watch_failures(pod, record, true);
    }

    /// One fault less makes a pod hang.
    pub(super) fn unhang_pod(&mut self, pod: PodId, cause: RecordId) {
        let Some(trouble) = self.impairments.pods.get_mut(&pod) else { return };
        trouble.hung_by -= 1;
        let with_node = self.pods[pod.index()].node.is_some_and(|node| self.hangs(node));
        if !with_node {
            self.wake_pod(pod, cause);
        }
    }

    /// A machine's processes go on: those of its pods that no fault of their own stops, too.
    pub(super) fn settle_pod_hangs(&mut self, node: NodeId, cause: RecordId) {
        for pod in self.pods_on(node) {
            self.wake_pod(pod, cause);
            self.probes_meet_hang(pod);
        }
    }

    /// A pod's processes go on where they were, if nothing makes them hang any more.
    fn wake_pod(&mut self, pod: PodId, cause: RecordId) {
        let Some(trouble) = self.impairments.pods.get_mut(&pod).filter(|trouble| trouble.hung_by == 0) else { return };
        let Some(hang) = trouble.hang.take() else { return };
        let signalled = std::mem::take(&mut trouble.signalled);
        self.impairments.hung -= 1;
        let record = self.journal.write(self.agenda.now(), cause, 0, Body::PodResumed { pod });
        self.pods[pod.index()].record = record;
        self.go_on(&[pod], hang);
        self.probes_meet_another_answer(pod);
        if self.pods[pod.index()].state == PodState::Running {
            self.register(pod, record);
        }
        if signalled {
            self.take_stop_signal(pod);
        }
    }

    /// The kubelet's probes meet silence from now on, unless it hangs as well or nobody has stopped the pod.
    fn probes_meet_hang(&mut self, pod: PodId) {
        let with_node = self.pods[pod.index()].node.is_some_and(|node| self.hangs(node));
        if self.hangs_alone(pod) && !with_node {
            self.probes_meet_another_answer(pod);
        }
    }

    /// Processes that die lose what they had before them; whoever waits for their calls is told.
    pub(super) fn forget_pod_processes(&mut self, pod: PodId) {
        let Some(trouble) = self.impairments.pods.get_mut(&pod) else { return };
        trouble.signalled = false;
        if let Some(hang) = trouble.hang.take() {
            self.impairments.hung -= 1;
            self.ended_calls.extend(hang.calls);
        }
    }

    /// Whether a pod's processes stand still by a fault of their own.
    pub(super) fn hangs_alone(&self, pod: PodId) -> bool {
        self.impairments.hung > 0 && self.lone_hang(pod).is_some()
    }

    /// What waits for a pod that hangs by a fault of its own.
    #[cold]
    pub(super) fn lone_hang(&self, pod: PodId) -> Option<&Hang> {
        self.impairments.pods.get(&pod)?.hang.as_ref()
    }

    /// The same, to change it.
    pub(super) fn lone_hang_mut(&mut self, pod: PodId) -> Option<&mut Hang> {
        self.impairments.pods.get_mut(&pod)?.hang.as_mut()
    }

    /// Keeps back what a hanging pod's own processes would do now; true when it waits.
    pub(super) fn waits_for_pod(&mut self, event: Event) -> bool {
        let Event::Control { kind, subject, .. } = event else { return false };
        if !matches!(kind, Control::ContainerUp | Control::AddressInUse | Control::Drained | Control::GiveUpDraining) {
            return false;
        }
        self.lone_hang_mut(PodId(subject)).map(|hang| hang.events.push(event)).is_some()
    }

    /// Keeps SIGTERM back, which stopped processes do not take; true when it waits. SIGKILL does not.
    pub(super) fn signal_waits(&mut self, pod: PodId) -> bool {
        let Some(trouble) = self.impairments.pods.get_mut(&pod).filter(|trouble| trouble.hang.is_some()) else {
            return false;
        };
        trouble.signalled = true;
        true
    }
}
