//! Machines: they stop, boot, fall silent; the control plane notices, taints, evicts, and takes them back.

use super::World;
use super::event::{Control, Event};
use super::state::PodState;
use crate::addressing::port_mapping::DockerHost;
use crate::control::heartbeat::lost_at;
use crate::control::leases::Lease;
use crate::control::taint_queue::{ZoneState, next_loop, taint_interval, zone_state};
use crate::kernel::draws::below;
use crate::kernel::queue::EventClass;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::application::{RestartPolicy, WorkloadKind};
use crate::model::ids::{NodeId, PodId};
use crate::model::settings::{AddressModelKind, Rescheduler};
use crate::topology::NodeRole;
use crate::trace::words::DeleteReason;
use crate::trace::{Body, RecordId};

impl World {
    /// A machine stops dead: everything on it goes without a word.
    pub(super) fn stop_node(&mut self, node: NodeId, cause: RecordId) {
        if !self.up[node.index()] {
            return;
        }
        let record = self.journal.write(self.agenda.now(), cause, 0, Body::NodeDown { node });
        self.up[node.index()] = false;
        self.nodes[node.index()].power_record = record;
        self.targets_move(record);
        for pod in self.pods_on(node) {
            if matches!(self.pods[pod.index()].state, PodState::Pending | PodState::Bound) {
                continue;
            }
            self.pods[pod.index()].record = record;
            self.cut_conversations(pod, record, true);
            self.pods[pod.index()].state = PodState::Lost;
            self.release_host_ports(pod, record);
            self.watch_failures(pod, record, true);
        }
        self.pulls_break_off(node);
        self.forget_udp_entries(node);
        self.stop_node_clients(node, record);
        self.forget_processes(node);
        self.fall_silent(node, record);
    }

    /// A machine has booted: kubelet or daemon start what belongs there.
    pub(super) fn start_node(&mut self, node: NodeId, cause: RecordId) {
        if self.up[node.index()] {
            return;
        }
        let now = self.agenda.now();
        let record = self.journal.write(now, cause, 0, Body::NodeUp { node });
        self.up[node.index()] = true;
        self.nodes[node.index()].power_record = record;
        self.targets_move(record);
        self.nodes[node.index()].docker = DockerHost::new(&self.model.docker);
        self.daemon_boots(node);
        if self.is_in_contact(node) {
            self.reset_proxy(node);
            self.be_heard(node, record);
        }
        self.revive_node_clients(node, record);
        for pod in self.pods_on(node) {
            self.boot_pod(pod, record);
        }
    }

    /// A pod of a rebooted machine: finished off when it was deleted, else started again under a new address.
    fn boot_pod(&mut self, pod: PodId, cause: RecordId) {
        if self.pods[pod.index()].state != PodState::Lost {
            return;
        }
        let node = self.pods[pod.index()].node.expect("a lost pod has a node");
        self.pods[pod.index()].more_addresses = Box::default();
        // The new sandbox gets a new address; a Docker daemon has forgotten the old one with its boot.
        if let Some(address) = self.pods[pod.index()].address.take()
            && self.model.address_model == AddressModelKind::FlatPodIp
        {
            self.flat.release_pod(node, address);
        }
        if self.pods[pod.index()].deleted {
            return self.remove_pod(pod, DeleteReason::Finalised, cause);
        }
        if self.nodes[node.index()].silent.is_none() {
            self.become_unready(pod, cause);
        }
        if self.model.workload(self.pods[pod.index()].workload).restart_policy == RestartPolicy::Never {
            return;
        }
        let state = &mut self.pods[pod.index()];
        state.restarts += 1;
        state.back_off = 0;
        state.record = cause;
        self.start_pod(pod);
        self.die_if_hunted(pod);
    }

    /// The control plane hears nothing of a node from now on.
    pub(super) fn fall_silent(&mut self, node: NodeId, record: RecordId) {
        if self.nodes[node.index()].silent.is_some() {
            return;
        }
        if self.stalled_rules(node).is_none() {
            // It has heard what was said so far, whether or not somebody has asked for its rules since.
            self.follow_endpoints(node);
        }
        self.nodes[node.index()].silent = Some(record);
        self.nodes[node.index()].silences += 1;
        self.cancel_readiness(node);
        let now = self.agenda.now();
        let found = match (self.model.address_model, &self.model.rescheduler) {
            (AddressModelKind::FlatPodIp, _) => {
                let renewed = self.nodes[node.index()].lease.last_renewal(&mut self.draws, now);
                self.monitor.not_ready_at(renewed)
            }
            (AddressModelKind::PortMapping, Rescheduler::Heartbeat { period, grace }) => {
                let draw = self.draws.once(self.nodes[node.index()].key, "heartbeat-phase", 0);
                let phase = SimDuration::from_nanos(below(draw, period.as_nanos()));
                lost_at(*period, *grace, phase, now)
            }
            (AddressModelKind::PortMapping, Rescheduler::Swarm(_) | Rescheduler::Nomad(_)) => self.lost_by_beats(node),
            (AddressModelKind::PortMapping, Rescheduler::None) => return,
        };
        self.plan_readiness_change(node, Control::NodeNotReady, found.max(now));
    }

    /// A monitor pass at this time will give a silent node up, and none before.
    pub(super) fn plan_loss(&mut self, node: NodeId, at: SimTime) {
        self.cancel_readiness(node);
        self.plan_readiness_change(node, Control::NodeNotReady, at);
    }

    /// The control plane hears of a node again.
    pub(super) fn be_heard(&mut self, node: NodeId, cause: RecordId) {
        if self.nodes[node.index()].silent.take().is_none() {
            return;
        }
        self.cancel_readiness(node);
        let now = self.agenda.now();
        let cluster = &self.model.cluster;
        let state = &mut self.nodes[node.index()];
        state.heard_record = cause;
        state.rejoined = Some(now);
        state.lease =
            Lease::starting(state.key, cluster.node_lease_renew_interval, cluster.node_lease_renew_jitter_percent, now);
        if !state.ready {
            let found = match self.model.address_model {
                AddressModelKind::FlatPodIp => self.monitor.at_or_after(now),
                AddressModelKind::PortMapping => now,
            };
            self.plan_readiness_change(node, Control::NodeReady, found);
        }
        self.resume_proxy(node);
        self.checks_pass_again(node, cause);
        self.clients_catch_up(node);
        for pod in self.pods_on(node) {
            self.kubelet_reports(pod, cause);
        }
    }

    /// What a kubelet could not tell or hear while it was cut off.
    fn kubelet_reports(&mut self, pod: PodId, cause: RecordId) {
        let node = self.pods[pod.index()].node.expect("a pod of a node");
        let state = &self.pods[pod.index()];
        if state.deleted && self.nodes[node.index()].ready {
            // Its node was never given up, so it is stopped as it would have been.
            return self.stop_soon(pod, node);
        }
        match state.state {
            PodState::Bound if !state.deleted => self.start_pod(pod),
            PodState::Running if state.ready && !self.passes_readiness(pod) => self.tell_readiness(pod),
            PodState::Running if self.nodes[node.index()].ready => self.report_recovery(pod, cause),
            PodState::Starting | PodState::Waiting if state.ready => {
                let record = state.record;
                self.become_unready(pod, record);
            }
            PodState::Bound
            | PodState::Running
            | PodState::Draining
            | PodState::Starting
            | PodState::Waiting
            | PodState::Pending
            | PodState::Lost
            | PodState::Gone => {}
        }
    }

    /// A healthy pod counts as ready again.
    fn report_recovery(&mut self, pod: PodId, cause: RecordId) {
        let state = &self.pods[pod.index()];
        if !state.ready && !state.deleted && self.passes_readiness(pod) {
            self.pods[pod.index()].record = cause;
            self.become_ready(pod);
        }
    }

    fn plan_readiness_change(&mut self, node: NodeId, kind: Control, at: SimTime) {
        let event = Event::Control { kind, subject: node.0, detail: 0 };
        let id = self.agenda.at_cancellable(at, EventClass::Control, event);
        self.nodes[node.index()].readiness_event = Some(id);
    }

    fn cancel_readiness(&mut self, node: NodeId) {
        if let Some(event) = self.nodes[node.index()].readiness_event.take() {
            self.agenda.cancel(event);
        }
    }

    /// A monitor pass (or the orchestrator's manager) gives a node up.
    pub(super) fn node_not_ready(&mut self, node: NodeId) {
        let state = &mut self.nodes[node.index()];
        state.readiness_event = None;
        if !state.ready {
            return;
        }
        state.ready = false;
        let cause = state.silent.unwrap_or(0);
        let record = self.journal.write(self.agenda.now(), cause, 0, Body::NodeNotReady { node });
        self.nodes[node.index()].not_ready_record = record;
        match self.model.address_model {
            AddressModelKind::FlatPodIp => {
                for pod in self.pods_on(node) {
                    self.become_unready(pod, record);
                }
                self.plan_queueing();
            }
            AddressModelKind::PortMapping => self.give_up_containers(node, record),
        }
    }

    /// A monitor pass sees a node's lease again.
    pub(super) fn node_ready(&mut self, node: NodeId) {
        let state = &mut self.nodes[node.index()];
        state.readiness_event = None;
        state.ready = true;
        state.tainted = false;
        if let Some(event) = state.taint_event.take() {
            self.agenda.cancel(event);
        }
        let cause = self.nodes[node.index()].heard_record;
        let record = self.journal.write(self.agenda.now(), cause, 0, Body::NodeReady { node });
        for pod in self.pods_on(node) {
            self.cancel_eviction(pod);
            if self.pods[pod.index()].deleted {
                self.remove_pod(pod, DeleteReason::Finalised, record);
            } else if self.pods[pod.index()].state == PodState::Running {
                self.report_recovery(pod, record);
            }
        }
        self.plan_queueing();
        self.reconsider_pending();
    }

    /// The pass that finds a node lost still holds the old condition: the next one queues it (D8).
    pub(super) fn plan_queueing(&mut self) {
        let next = self.monitor.next(self.monitor.at_or_after(self.agenda.now()));
        if self.model.address_model == AddressModelKind::FlatPodIp && self.queueing_pass != Some(next) {
            self.queueing_pass = Some(next);
            let event = Event::Control { kind: Control::QueueTaints, subject: 0, detail: 0 };
            self.agenda.at(next, EventClass::Control, event);
        }
    }

    /// One monitor pass: the zones' states decide how fast lost nodes are tainted, or whether at all (D8, D9).
    pub(super) fn queue_taints(&mut self) {
        let workers: Vec<NodeId> = self.model.topology.with_role(NodeRole::Worker).collect();
        let all_lost = workers.iter().all(|node| !self.nodes[node.index()].ready);
        let lost: Vec<NodeId> = workers.into_iter().filter(|node| !self.nodes[node.index()].ready).collect();
        for node in lost {
            match self.taint_interval_of(node, all_lost) {
                _ if all_lost => self.stop_evictions(node),
                None => self.cancel_taint(node),
                Some(interval) => self.plan_taint(node, interval),
            }
        }
    }

    /// Time between two taints in a node's zone now.
    fn taint_interval_of(&self, node: NodeId, all_lost: bool) -> Option<SimDuration> {
        let cluster = &self.model.cluster;
        let zone = &self.model.topology.node(node).zone;
        let workers = self.model.topology.with_role(NodeRole::Worker);
        let in_zone: Vec<NodeId> = workers.filter(|other| self.model.topology.node(*other).zone == *zone).collect();
        let lost = in_zone.iter().filter(|other| !self.nodes[other.index()].ready).count();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let state: ZoneState = zone_state(cluster, count(in_zone.len() - lost), count(lost));
        taint_interval(cluster, state, count(in_zone.len()), all_lost)
    }

    fn plan_taint(&mut self, node: NodeId, interval: SimDuration) {
        if self.nodes[node.index()].tainted || self.nodes[node.index()].taint_event.is_some() {
            return;
        }
        let zone = self.model.topology.node(node).zone.clone();
        let bucket = self.zone_buckets.entry(zone).or_default();
        let ready = bucket.ready_at(self.agenda.now(), interval);
        let at = next_loop(&self.model.cluster, self.taint_phase, ready);
        bucket.take(at);
        let event = Event::Control { kind: Control::TaintNode, subject: node.0, detail: 0 };
        let id = self.agenda.at_cancellable(at, EventClass::Control, event);
        self.nodes[node.index()].taint_event = Some(id);
    }

    pub(super) fn cancel_taint(&mut self, node: NodeId) {
        if let Some(event) = self.nodes[node.index()].taint_event.take() {
            self.agenda.cancel(event);
        }
    }

    /// All zones are lost: the fault is taken to be the control plane's own, and evictions stop (D9).
    fn stop_evictions(&mut self, node: NodeId) {
        self.nodes[node.index()].tainted = false;
        self.cancel_taint(node);
        for pod in self.pods_on(node) {
            self.cancel_eviction(pod);
        }
    }

    fn cancel_eviction(&mut self, pod: PodId) {
        if let Some(event) = self.pods[pod.index()].evict_event.take() {
            self.agenda.cancel(event);
        }
    }

    /// The taint queue reaches a node: its pods' tolerations begin to run (D10, D11).
    pub(super) fn taint_node(&mut self, node: NodeId) {
        let cause = self.nodes[node.index()].not_ready_record;
        self.nodes[node.index()].taint_event = None;
        self.nodes[node.index()].tainted = true;
        let record = self.journal.write(self.agenda.now(), cause, 0, Body::NodeTainted { node });
        for pod in self.pods_on(node) {
            let workload = self.model.workload(self.pods[pod.index()].workload);
            let Some(toleration) = workload.unreachable_toleration else { continue };
            if self.pods[pod.index()].deleted {
                continue;
            }
            self.taint_records.insert(pod, record);
            let id = self.control_event(toleration, Control::Evict, pod.0);
            self.pods[pod.index()].evict_event = Some(id);
        }
    }

    /// A pod's toleration has run out.
    pub(super) fn evict(&mut self, pod: PodId) {
        if self.pods[pod.index()].evict_event.take().is_none() {
            // Its node came back while nobody could evict.
            return;
        }
        let cause = self.taint_records.get(&pod).copied().unwrap_or(0);
        let reason = match self.model.address_model {
            AddressModelKind::FlatPodIp => DeleteReason::TaintEviction,
            AddressModelKind::PortMapping => DeleteReason::HostLost,
        };
        self.mark_deleted(pod, reason, cause);
    }

    /// Marks a pod for deletion; it stays until its node answers (D12), its replacement comes at once
    /// unless the name is needed again.
    pub(super) fn mark_deleted(&mut self, pod: PodId, reason: DeleteReason, cause: RecordId) {
        if self.pods[pod.index()].deleted {
            return;
        }
        let record = self.journal.write(self.agenda.now(), cause, 0, Body::PodDeleted { pod, reason });
        self.pods[pod.index()].deleted = true;
        self.pods[pod.index()].ready = false;
        self.pods[pod.index()].condition = record;
        self.slices_to_sync(pod);
        self.watch_failures(pod, record, true);
        if self.replaced_while_lost(pod) {
            self.replace(pod, record);
        }
    }

    /// Whether a pod's controller makes another one before the lost one is known to be gone: Kubernetes' for workloads
    /// whose pods have no identity (D12), an orchestrator of Docker hosts for all that are not bound to their host.
    pub(super) fn replaced_while_lost(&self, pod: PodId) -> bool {
        match self.kind_of(pod) {
            WorkloadKind::Deployment | WorkloadKind::ReplicaSet | WorkloadKind::ReplicationController => true,
            WorkloadKind::StatefulSet => self.model.address_model == AddressModelKind::PortMapping,
            WorkloadKind::DaemonSet | WorkloadKind::Pod => false,
        }
    }
}
