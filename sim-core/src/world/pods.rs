//! The life of pods and containers: made, placed, started, ready, dead, started again.

use super::World;
use super::event::{Control, Event};
use super::probing::Health;
use super::resting::End;
use super::state::{Pod, PodState, Server};
use crate::control::names::suffix;
use crate::control::restarts;
use crate::control::scheduler::{Candidate, choose};
use crate::kernel::draws::EntityKey;
use crate::kernel::queue::{EventClass, EventId};
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::Model;
use crate::model::application::{HostPort, Protocol, RestartPolicy, Workload, WorkloadKind};
use crate::model::ids::{NodeId, PodId, WorkloadId};
use crate::model::settings::AddressModelKind;
use crate::trace::fields::Suffix;
use crate::trace::words::{ExitReason, PendingReason};
use crate::trace::{Body, RecordId};

impl World {
    /// Makes a pod object from one of its workload's templates; `because` is the change that asked for it, if any did.
    pub(super) fn create_pod(
        &mut self,
        workload: WorkloadId,
        ordinal: Option<u32>,
        revision: u32,
        cause: RecordId,
        because: RecordId,
    ) -> PodId {
        self.name_after(workload, revision, cause, because);
        let created = self.created[workload.index()];
        self.created[workload.index()] += 1;
        let definition = self.model.workload(workload);
        let key = pod_key(definition, created);
        let random = !matches!(definition.kind, WorkloadKind::StatefulSet | WorkloadKind::Pod);
        let end = if random { suffix(self.draws.once(key, "name", 0)) } else { Suffix::NONE };
        // Under port mapping each container has its own address, so ports never clash (A4).
        let flat = self.model.address_model == AddressModelKind::FlatPodIp;
        let port_clash = flat && has_port_clash(definition);
        let pod = PodId::from_index(self.pods.len());
        let ordinal = ordinal.unwrap_or(created);
        let body = Body::PodCreated { pod, workload, ordinal, suffix: end };
        let record = self.journal.write(self.agenda.now(), cause, because, body);
        self.whereabouts.made(pod, workload);
        if self.pods.len() == self.pods.capacity() {
            // By a little: twice as many would be a lot of room in a large cluster.
            self.pods.reserve_exact(self.pods.len() / 64 + 8);
        }
        self.pods.push(Pod {
            workload,
            ordinal,
            number: created,
            revision,
            created: self.agenda.now(),
            ready_since: SimTime::ZERO,
            stopping: false,
            pulling: false,
            node: None,
            address: None,
            more_addresses: Box::default(),
            host_ports: Box::default(),
            state: PodState::Pending,
            ready: false,
            deleted: false,
            serving: false,
            replaced: false,
            port_clash,
            record,
            condition: record,
            back_off: 0,
            restarts: 0,
            started: SimTime::ZERO,
            killers: Box::default(),
            life_event: None,
            health: Health::default(),
            evict_event: None,
            server: Server::default(),
            first_client: None,
            first_caller: None,
        });
        pod
    }

    /// The scheduler looks at a pod.
    pub(super) fn schedule_pod(&mut self, pod: PodId) {
        if self.pods[pod.index()].state != PodState::Pending {
            return;
        }
        if self.pods[pod.index()].node.is_some() {
            // The kubelet tries again to get an address; a Docker container that could not start is left alone (A15).
            if self.model.address_model == AddressModelKind::FlatPodIp {
                self.start_pod(pod);
            }
            return;
        }
        match self.choose_node(pod) {
            Ok(node) => self.bind(pod, node),
            Err(reason) => self.stays_pending(pod, reason),
        }
    }

    pub(super) fn choose_node(&mut self, pod: PodId) -> Result<NodeId, PendingReason> {
        let workload = self.pods[pod.index()].workload;
        let siblings = self.siblings(workload);
        let workers = self.whereabouts.by_pods();
        let candidates = workers.iter().map(|(pods, node)| self.candidate(workload, *node, *pods, siblings.on(*node)));
        let chosen = choose(candidates, siblings.least(workers.len()), self.model.cluster.max_pods);
        self.keep_siblings(workload, siblings);
        chosen
    }

    /// Whether a node that a placement names may take a pod: pods of a cluster obey `hostPort` and `maxPods`.
    pub(super) fn admits(&self, pod: PodId, node: NodeId) -> Result<NodeId, PendingReason> {
        if self.model.address_model == AddressModelKind::PortMapping {
            return Ok(node);
        }
        let pods = u32::try_from(self.whereabouts.on_node(node).len()).expect("pods number below 2^32");
        let seen = self.candidate(self.pods[pod.index()].workload, node, pods, 0);
        // A pod that is there from the start was there before its node was cordoned.
        choose([Candidate { ready: true, ..seen }], 0, self.model.cluster.max_pods)
    }

    /// What the scheduler sees of a node with so many pods, some of them of the same workload, for one more of it. A pod
    /// that terminates holds its place and its ports until it is gone.
    fn candidate(&self, workload: WorkloadId, node: NodeId, pods: u32, siblings: u32) -> Candidate {
        let state = &self.nodes[node.index()];
        let ready = state.ready && !state.tainted && !state.cordoned;
        // An orchestrator of Docker hosts minds fixed host ports; before the run, the plan is the same in both models.
        let published = self.model.address_model == AddressModelKind::PortMapping && !self.setting_up;
        let ports_free = ready_for_ports(&self.model, workload, published, || {
            self.whereabouts.on_node(node).iter().map(|other| self.pods[other.index()].workload)
        });
        Candidate { node, ready, ports_free, pods, siblings }
    }

    pub(super) fn stays_pending(&mut self, pod: PodId, reason: PendingReason) {
        let cause = self.pods[pod.index()].record;
        self.journal.write(self.agenda.now(), cause, 0, Body::PodPending { pod, reason });
    }

    /// Binds a pod to a node, whose kubelet or daemon starts it.
    pub(super) fn bind(&mut self, pod: PodId, node: NodeId) {
        self.assign_node(pod, node);
        let state = &self.nodes[node.index()];
        if self.up[node.index()] && state.silent.is_none() && self.daemon_out(node).is_none() {
            self.start_pod(pod);
        } else {
            self.pods[pod.index()].state = PodState::Bound;
        }
    }

    pub(super) fn assign_node(&mut self, pod: PodId, node: NodeId) {
        let cause = self.pods[pod.index()].record;
        let record = self.journal.write(self.agenda.now(), cause, 0, Body::PodScheduled { pod, node });
        let state = &mut self.pods[pod.index()];
        state.node = Some(node);
        state.record = record;
        self.whereabouts.placed(pod, state.workload, node);
    }

    /// Starts the containers of a placed pod.
    pub(super) fn start_pod(&mut self, pod: PodId) {
        if !self.give_addresses(pod) {
            return;
        }
        self.pull_and_start(pod);
    }

    /// The processes of a pod begin.
    pub(super) fn start_containers(&mut self, pod: PodId) {
        let state = &mut self.pods[pod.index()];
        state.state = PodState::Starting;
        state.started = self.agenda.now();
        self.begin_probing(pod);
        let startup = self.model.workload(self.pods[pod.index()].workload).behaviour.startup;
        let id = self.control_event(startup, Control::ContainerUp, pod.0);
        self.pods[pod.index()].life_event = Some(id);
    }

    /// Gives a pod its address and, under port mapping, its host ports; false when it cannot start.
    pub(super) fn give_addresses(&mut self, pod: PodId) -> bool {
        match self.model.address_model {
            AddressModelKind::FlatPodIp => self.give_pod_address(pod),
            AddressModelKind::PortMapping => self.publish_container(pod),
        }
    }

    fn give_pod_address(&mut self, pod: PodId) -> bool {
        if self.pods[pod.index()].address.is_some() {
            return true;
        }
        let node = self.pods[pod.index()].node.expect("a starting pod has a node");
        let Some(address) = self.flat.allocate_pod(node) else {
            self.stays_pending(pod, PendingReason::NoAddress);
            return false;
        };
        self.pods[pod.index()].address = Some(address);
        let cause = self.pods[pod.index()].record;
        self.journal.write(self.agenda.now(), cause, 0, Body::AddressAssigned { pod, address });
        true
    }

    /// A pod's processes listen.
    pub(super) fn container_up(&mut self, pod: PodId) {
        self.pods[pod.index()].life_event = None;
        let state = &mut self.pods[pod.index()];
        state.state = PodState::Running;
        let (workload, cause, clash) = (state.workload, state.record, state.port_clash);
        let containers = self.model.workload(workload).containers.len();
        let running = if clash { containers - 1 } else { containers };
        let now = self.agenda.now();
        let mut record = cause;
        for container in 0..running {
            let container = u8::try_from(container).unwrap_or(u8::MAX);
            record = self.journal.write(now, cause, 0, Body::ContainerStarted { pod, container });
        }
        self.pods[pod.index()].record = record;
        self.targets_move(record);
        if self.setting_up {
            self.begin_probing(pod);
        }
        if clash {
            self.container_cannot_bind(pod);
        }
        self.probes_meet_another_answer(pod);
        if !self.setting_up {
            self.register(pod, record);
            self.start_pod_clients(pod, record);
        }
    }

    /// The kubelet reports a pod as ready.
    pub(super) fn become_ready(&mut self, pod: PodId) {
        let state = &mut self.pods[pod.index()];
        if state.node.is_some_and(|node| self.nodes[node.index()].silent.is_some()) {
            // Nobody hears it; it is told when the node is heard again.
            return;
        }
        if state.deleted {
            // Its controller and its Services count it no more.
            return;
        }
        state.ready = true;
        state.ready_since = self.agenda.now();
        let cause = state.record;
        let record = self.journal.write(self.agenda.now(), cause, 0, Body::PodReady { pod });
        self.pods[pod.index()].condition = record;
        if !self.setting_up {
            self.slices_to_sync(pod);
            self.controller_sees_ready(pod, record);
        }
    }

    /// A pod counts as not ready.
    pub(super) fn become_unready(&mut self, pod: PodId, cause: RecordId) {
        if std::mem::take(&mut self.pods[pod.index()].serving) {
            self.slices_to_sync(pod);
        }
        if !self.pods[pod.index()].ready {
            return;
        }
        self.pods[pod.index()].ready = false;
        let record = self.journal.write(self.agenda.now(), cause, 0, Body::PodNotReady { pod });
        self.pods[pod.index()].condition = record;
        self.slices_to_sync(pod);
        self.controller_sees(self.pods[pod.index()].workload, record);
    }

    /// The last container of a pod cannot bind the port of another one and dies; it will try again.
    pub(super) fn container_cannot_bind(&mut self, pod: PodId) {
        let mut cause = self.pods[pod.index()].record;
        let last = self.model.workload(self.pods[pod.index()].workload).containers.len() - 1;
        let container = u8::try_from(last).unwrap_or(u8::MAX);
        if self.pods[pod.index()].back_off > 0 {
            self.pods[pod.index()].restarts += 1;
            cause = self.journal.write(self.agenda.now(), cause, 0, Body::ContainerStarted { pod, container });
        }
        let body = Body::ContainerExited { pod, container, reason: ExitReason::AddressInUse };
        self.journal.write(self.agenda.now(), cause, 0, body);
        let wait = restarts::kubelet_wait(&self.model.cluster, self.pods[pod.index()].back_off);
        self.pods[pod.index()].back_off += 1;
        let wait = wait.max(self.model.cluster.pleg_relist_period);
        let id = self.control_event(wait, Control::AddressInUse, pod.0);
        self.pods[pod.index()].life_event = Some(id);
    }

    /// The processes of a pod die.
    pub(super) fn kill_processes(&mut self, pod: PodId, cause: RecordId) {
        let state = &self.pods[pod.index()];
        if state.pulling || !matches!(state.state, PodState::Running | PodState::Starting | PodState::Draining) {
            return;
        }
        let record = self.containers_exit(pod, ExitReason::Killed, cause);
        self.cut_conversations(pod, record, false);
        self.pods[pod.index()].state = PodState::Waiting;
        match self.model.address_model {
            AddressModelKind::FlatPodIp => self.wait_for_relist(pod),
            AddressModelKind::PortMapping => self.daemon_sees_exit(pod, record),
        }
    }

    /// Writes that all containers of a pod stopped; the last record explains the pod's state from now on.
    pub(super) fn containers_exit(&mut self, pod: PodId, reason: ExitReason, cause: RecordId) -> RecordId {
        let containers = self.model.workload(self.pods[pod.index()].workload).containers.len();
        let mut record = cause;
        for container in 0..containers {
            let container = u8::try_from(container).unwrap_or(u8::MAX);
            record = self.journal.write(self.agenda.now(), cause, 0, Body::ContainerExited { pod, container, reason });
        }
        self.pods[pod.index()].record = record;
        self.targets_move(record);
        record
    }

    /// Ends every connection to and from a pod's processes.
    pub(super) fn cut_conversations(&mut self, pod: PodId, because: RecordId, silently: bool) {
        self.cancel_life(pod);
        self.forget_pod_processes(pod);
        self.stop_pod_clients(pod, because, silently);
        self.pods[pod.index()].server = Server::default();
        for connection in self.connections_at(End::Pod(pod), |_| true) {
            self.server_dies(connection, because, silently);
        }
    }

    pub(super) fn cancel_life(&mut self, pod: PodId) {
        if let Some(event) = self.pods[pod.index()].life_event.take() {
            self.agenda.cancel(event);
        }
        self.pods[pod.index()].pulling = false;
        self.stop_probing(pod);
    }

    /// The kubelet finds dead containers at its next relist (D19).
    fn wait_for_relist(&mut self, pod: PodId) {
        let node = self.pods[pod.index()].node.expect("a started pod has a node");
        let period = self.model.cluster.pleg_relist_period.as_nanos();
        let phase = self.nodes[node.index()].relist_phase.as_nanos() % period;
        let now = self.agenda.now().as_nanos();
        let relist = phase + now.saturating_sub(phase).div_ceil(period) * period;
        let wait = SimDuration::from_nanos(relist.saturating_sub(now));
        let id = self.control_event(wait, Control::NoticeExit, pod.0);
        self.pods[pod.index()].life_event = Some(id);
    }

    /// The kubelet has noticed: not ready, and a restart after the back-off (D18).
    pub(super) fn notice_exit(&mut self, pod: PodId) {
        let state = &self.pods[pod.index()];
        if state.stopping {
            return self.has_stopped(pod);
        }
        self.restart_by_kubelet(pod);
    }

    /// The kubelet knows that a pod's processes are gone.
    pub(super) fn restart_by_kubelet(&mut self, pod: PodId) {
        let state = &self.pods[pod.index()];
        let (cause, node) = (state.record, state.node.expect("a started pod has a node"));
        if self.nodes[node.index()].silent.is_none() {
            self.become_unready(pod, cause);
        }
        let now = self.agenda.now();
        let state = &mut self.pods[pod.index()];
        if restarts::kubelet_resets(&self.model.cluster, now.since(state.started)) {
            state.back_off = 0;
        }
        let wait = restarts::kubelet_wait(&self.model.cluster, state.back_off);
        self.plan_restart(pod, wait);
    }

    /// Plans the next start if the restart policy allows one.
    pub(super) fn plan_restart(&mut self, pod: PodId, wait: SimDuration) {
        let restarts = self.pods[pod.index()].restarts;
        let allowed = match self.model.workload(self.pods[pod.index()].workload).restart_policy {
            RestartPolicy::Always => true,
            RestartPolicy::OnFailure { max } => max == 0 || restarts < max,
            RestartPolicy::Never => false,
        };
        if allowed {
            self.pods[pod.index()].back_off += 1;
            let id = self.control_event(wait, Control::Restart, pod.0);
            self.pods[pod.index()].life_event = Some(id);
        }
    }

    /// A dead container is started again; it dies at once while a fault kills it.
    pub(super) fn restart(&mut self, pod: PodId) {
        let state = &mut self.pods[pod.index()];
        state.life_event = None;
        state.restarts += 1;
        self.start_pod(pod);
        self.die_if_hunted(pod);
    }

    /// A started pod dies at once while a fault kills it at every start.
    pub(super) fn die_if_hunted(&mut self, pod: PodId) {
        let state = &self.pods[pod.index()];
        if let (Some(killer), PodState::Starting) = (state.killers.last().copied(), state.state) {
            self.kill_processes(pod, killer);
        }
    }

    pub(super) fn kind_of(&self, pod: PodId) -> WorkloadKind {
        self.model.workload(self.pods[pod.index()].workload).kind
    }

    /// Schedules something of the control plane `wait` from now.
    pub(super) fn control_event(&mut self, wait: SimDuration, kind: Control, subject: u32) -> EventId {
        let event = Event::Control { kind, subject, detail: 0 };
        let time = self.agenda.now().saturating_add(wait);
        self.agenda.at_cancellable(time, EventClass::Control, event)
    }
}

/// The stable name of the draws of a workload's pod, by its number in order of creation.
pub(super) fn pod_key(workload: &Workload, number: u32) -> EntityKey {
    EntityKey::of(&workload.key()).part("pod", u64::from(number))
}

/// Two containers of the pod that want one port: they share the pod's address (B1).
fn has_port_clash(workload: &Workload) -> bool {
    let mut seen = Vec::new();
    for (index, container) in workload.containers.iter().enumerate() {
        for port in &container.ports {
            if seen.iter().any(|(other, known)| *other != index && *known == (port.port, port.protocol)) {
                return true;
            }
            seen.push((index, (port.port, port.protocol)));
        }
    }
    false
}

/// Whether no pod of these workloads asks for a host port that a workload wants (B13), or publishes one that it does. Most
/// want none, so that nobody has to be looked at.
fn ready_for_ports<I: Iterator<Item = WorkloadId>>(
    model: &Model,
    workload: WorkloadId,
    published: bool,
    others: impl FnOnce() -> I,
) -> bool {
    let wanted = host_ports(model.workload(workload), published);
    let clashes = |other| host_ports(model.workload(other), published).iter().any(|port| wanted.contains(port));
    wanted.is_empty() || !others().any(clashes)
}

fn host_ports(workload: &Workload, published: bool) -> Vec<(u16, Protocol)> {
    if published {
        let fixed = workload.publish.iter().filter_map(|publish| match publish.host_port {
            HostPort::Fixed(port) => Some((port, publish.protocol)),
            HostPort::Dynamic => None,
        });
        return fixed.collect();
    }
    let ports = workload.containers.iter().flat_map(|container| &container.ports);
    ports.filter_map(|port| port.host_port.map(|host| (host, port.protocol))).collect()
}
