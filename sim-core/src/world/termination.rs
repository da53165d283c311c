//! A pod's deletion with grace: marked, taken out of the slices, and at the same time stopped by its kubelet or daemon:
//! preStop hook, SIGTERM, the requests in service, SIGKILL (D17, A27).

use super::World;
use super::event::Control;
use super::resting::End;
use super::state::{PodState, Waiting};
use super::traffic::{Connection, ServerEnd};
use crate::control::termination::{docker_stop, kubelet_stop};
use crate::kernel::draws::below;
use crate::kernel::time::SimDuration;
use crate::model::ids::{NodeId, PodId};
use crate::model::settings::AddressModelKind;
use crate::trace::words::{DeleteReason, ExitReason};
use crate::trace::{Body, RecordId};

/// A process that has nothing left to do exits in the next instant.
const AT_ONCE: SimDuration = SimDuration::from_nanos(1);

impl World {
    /// Marks a pod for deletion; it serves until it has stopped, and counts no more for its controller.
    pub(super) fn delete_gracefully(&mut self, pod: PodId, reason: DeleteReason, cause: RecordId, because: RecordId) {
        let state = &self.pods[pod.index()];
        if state.deleted || state.state == PodState::Gone {
            return;
        }
        let record = self.journal.write(self.agenda.now(), cause, because, Body::PodDeleted { pod, reason });
        let state = &mut self.pods[pod.index()];
        state.deleted = true;
        state.serving = state.ready;
        state.ready = false;
        state.condition = record;
        let node = state.node;
        if let Some(event) = state.evict_event.take() {
            self.agenda.cancel(event);
        }
        self.stop_probing(pod);
        self.slices_to_sync(pod);
        if self.model.address_model == AddressModelKind::FlatPodIp && self.replaced_while_lost(pod) {
            self.replace(pod, record);
        }
        match node {
            // Nobody has to stop it.
            None => self.has_stopped(pod),
            Some(node) => self.stop_soon(pod, node),
        }
    }

    /// A pod's kubelet hears of its deletion, unless it is cut off; Docker's daemon is told directly.
    pub(super) fn stop_soon(&mut self, pod: PodId, node: NodeId) {
        if !self.up[node.index()] || self.nodes[node.index()].silent.is_some() || self.pods[pod.index()].stopping {
            return;
        }
        let wait = match self.model.address_model {
            AddressModelKind::FlatPodIp => self.time_to_kubelet(pod, node),
            AddressModelKind::PortMapping => SimDuration::ZERO,
        };
        self.control_event(wait, Control::BeginStop, pod.0);
    }

    fn time_to_kubelet(&mut self, pod: PodId, node: NodeId) -> SimDuration {
        let state = &self.pods[pod.index()];
        let key = super::pods::pod_key(self.model.workload(state.workload), state.number);
        let draw = self.draws.once(self.nodes[node.index()].key.with(key), "kubelet-watch", 0);
        let (low, high) = self.model.cluster.watch_latency;
        low + SimDuration::from_nanos(below(draw, high.saturating_sub(low).as_nanos() + 1))
    }

    /// The kubelet or daemon begins: the hook, or SIGTERM at once.
    pub(super) fn begin_stop(&mut self, pod: PodId) {
        let state = &self.pods[pod.index()];
        let node = state.node.expect("a pod that is stopped has a node");
        if state.stopping || self.nodes[node.index()].silent.is_some() {
            return;
        }
        match state.state {
            PodState::Gone | PodState::Lost => {}
            PodState::Pending | PodState::Bound | PodState::Waiting => self.has_stopped(pod),
            // No container of it has started yet.
            PodState::Starting if state.pulling => self.has_stopped(pod),
            PodState::Running | PodState::Starting | PodState::Draining => {
                self.pods[pod.index()].stopping = true;
                let stop = match self.model.address_model {
                    AddressModelKind::FlatPodIp => {
                        kubelet_stop(self.model.workload(self.pods[pod.index()].workload).termination)
                    }
                    AddressModelKind::PortMapping => docker_stop(),
                };
                self.control_event(stop.kill, Control::Kill, pod.0);
                // A process that does not listen yet has nothing that a hook would wait for.
                let hooked = !stop.term.is_zero() && self.pods[pod.index()].state == PodState::Running;
                if hooked {
                    self.control_event(stop.term, Control::Terminate, pod.0);
                } else {
                    self.terminate(pod);
                }
            }
        }
    }

    /// SIGTERM: the processes exit, or listen no more and finish what they serve.
    pub(super) fn terminate(&mut self, pod: PodId) {
        let state = &self.pods[pod.index()];
        // A container that is restarted is not deleted: what its probe found explains it.
        let cause = if state.health.restarting { state.record } else { state.condition };
        let phase = state.state;
        if !matches!(phase, PodState::Running | PodState::Starting) {
            return;
        }
        let record = self.journal.write(self.agenda.now(), cause, 0, Body::StopSignal { pod });
        self.pods[pod.index()].record = record;
        if !self.signal_waits(pod) {
            self.take_stop_signal(pod);
        }
    }

    /// The processes of a pod take SIGTERM.
    pub(super) fn take_stop_signal(&mut self, pod: PodId) {
        let (phase, record) = (self.pods[pod.index()].state, self.pods[pod.index()].record);
        let shutdown = self.model.workload(self.pods[pod.index()].workload).behaviour.shutdown;
        if phase == PodState::Starting || !shutdown.drain {
            return self.exit(pod, ExitReason::Stopped);
        }
        self.pods[pod.index()].state = PodState::Draining;
        self.watch_failures(pod, record, false);
        self.close_listeners(pod, record);
        self.retire_clients(pod);
        if let Some(timeout) = shutdown.timeout {
            let give_up = self.control_event(timeout, Control::GiveUpDraining, pod.0);
            if self.pods[pod.index()].health.restarting {
                self.pods[pod.index()].health.stop_events.push(give_up);
            }
        }
        self.probes_meet_another_answer(pod);
        self.drain_goes_on(pod);
    }

    /// The kernel resets what no worker has accepted; kept connections without a request are closed.
    fn close_listeners(&mut self, pod: PodId, because: RecordId) {
        let server = &mut self.pods[pod.index()].server;
        server.queue.retain(|waiting| matches!(waiting, Waiting::Exchange(_)));
        server.unaccepted = 0;
        let is_closed = |state: &Connection| {
            let waiting = matches!(state.server_end, ServerEnd::SynReceived | ServerEnd::Queued);
            let idle = state.server_end == ServerEnd::Accepted && state.working == 0 && !state.reserved;
            waiting || idle
        };
        for connection in self.connections_at(End::Pod(pod), is_closed) {
            self.server_dies(connection, because, false);
        }
    }

    /// The pod begins no requests of its own any more; those under way go on.
    fn retire_clients(&mut self, pod: PodId) {
        for (index, client) in self.clients.iter_mut().enumerate().filter(|(_, client)| client.pod == Some(pod)) {
            client.pod_drains = true;
            if let Some(source) = self.sources.get_mut(client.edge as usize) {
                source.live.retain(|live| *live as usize != index);
            }
        }
    }

    /// A request of a client has ended: a pod that was asked to stop may have no other.
    pub(super) fn client_finished(&mut self, client: u32) {
        let state = &self.clients[client as usize];
        if let Some(pod) = state.pod.filter(|_| state.pod_drains) {
            self.drain_goes_on(pod);
        }
    }

    /// A pod that was asked to stop exits once it has nothing more to do.
    #[inline]
    pub(super) fn drain_goes_on(&mut self, pod: PodId) {
        if self.pods[pod.index()].state == PodState::Draining {
            self.exit_when_idle(pod);
        }
    }

    #[cold]
    fn exit_when_idle(&mut self, pod: PodId) {
        if self.is_idle(pod) {
            self.control_event(AT_ONCE, Control::Drained, pod.0);
        }
    }

    fn is_idle(&self, pod: PodId) -> bool {
        let asks = |request: u32| {
            let state = &self.requests[request];
            !state.freed && self.clients[state.client as usize].pod == Some(pod)
        };
        let serves = |connection: u32| {
            let state = &self.connections[connection];
            !state.freed && state.pod == Some(pod) && state.working > 0
        };
        let idle = self.pods[pod.index()].server.busy == 0;
        idle && !self.connections.numbers().any(serves) && !self.requests.numbers().any(asks)
    }

    pub(super) fn leave_if_drained(&mut self, pod: PodId) {
        if self.pods[pod.index()].state == PodState::Draining && self.is_idle(pod) {
            self.exit(pod, ExitReason::Stopped);
        }
    }

    /// The server's own patience with its last requests ends.
    pub(super) fn give_up_draining(&mut self, pod: PodId) {
        if self.pods[pod.index()].state == PodState::Draining {
            self.exit(pod, ExitReason::Stopped);
        }
    }

    /// The grace is over.
    pub(super) fn kill_stopping(&mut self, pod: PodId) {
        let state = &self.pods[pod.index()];
        let runs = matches!(state.state, PodState::Running | PodState::Starting | PodState::Draining);
        if (state.stopping || state.health.restarting) && runs {
            self.exit(pod, ExitReason::Killed);
        }
    }

    fn exit(&mut self, pod: PodId, reason: ExitReason) {
        let state = &self.pods[pod.index()];
        let restarting = state.health.restarting;
        // What explains the exit is the signal, or the deletion when a hook outlasted the grace.
        let cause = if restarting { state.record } else { state.record.max(state.condition) };
        let record = self.containers_exit(pod, reason, cause);
        self.cut_conversations(pod, record, false);
        self.pods[pod.index()].state = PodState::Waiting;
        if restarting {
            return self.restart_by_kubelet(pod);
        }
        self.has_stopped(pod);
    }

    /// Nothing of a deleted pod runs any more: its object goes.
    pub(super) fn has_stopped(&mut self, pod: PodId) {
        let state = &self.pods[pod.index()];
        let (deleted, record) = (state.condition, state.record.max(state.condition));
        if let Some(event) = self.pods[pod.index()].life_event.take() {
            self.agenda.cancel(event);
        }
        self.erase_pod(pod, deleted, record);
    }
}
