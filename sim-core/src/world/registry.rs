//! The service registry: containers register, a checker on the control-plane node finds the dead, clients hear of it.

use super::World;
use super::event::{Control, Event};
use crate::control::gossip::{Prober, dead_at};
use crate::control::registry_checks::failed_at;
use crate::control::versions::Backend;
use crate::kernel::draws::{EntityKey, below};
use crate::kernel::queue::{EventClass, EventId};
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::application::{ServicePort, Target};
use crate::model::ids::{NodeId, PodId, ServicePortId};
use crate::model::settings::{Discovery, GossipSettings, HealthKind, RegistrySettings};
use crate::topology::NodeRole;
use crate::trace::{Body, RecordId};

/// One registered address.
#[derive(Clone, Debug)]
pub(super) struct RegistryEntry {
    port: ServicePortId,
    backend: Backend,
    listed: bool,
    /// Phase of its checks.
    phase: SimDuration,
    /// The check that will give it up.
    failing: Option<EventId>,
    /// Why it does not answer.
    because: RecordId,
    /// No answer comes at all; otherwise it is refused.
    silent: bool,
    /// It does not answer, and nobody checks it while the registry is away.
    suspended: bool,
}

impl RegistryEntry {
    /// Its checks succeed.
    pub(super) fn answers(&self) -> bool {
        self.listed && self.failing.is_none() && !self.suspended
    }
}

impl World {
    fn registry_settings(&self) -> Option<RegistrySettings> {
        self.model.discovery.registry().cloned()
    }

    /// A container listens: its published addresses stand in the registry.
    pub(super) fn register(&mut self, pod: PodId, cause: RecordId) {
        let Some(settings) = self.registry_settings() else { return };
        let state = &self.pods[pod.index()];
        let (workload, Some(node)) = (state.workload, state.node) else { return };
        let unheard = self.nodes[node.index()].silent.is_some() && !self.answers_checks(node);
        if unheard || self.is_registry_out() {
            return;
        }
        let address = self.model.topology.node(node).address;
        for index in 0..self.model.service_ports.len() {
            let port = ServicePortId::from_index(index);
            let ServicePort { backends, protocol, .. } = &self.model.service_ports[index];
            let Some((_, target)) = backends.iter().find(|(backend, _)| *backend == workload) else { continue };
            let published = self.pods[pod.index()].host_port(*protocol, *target);
            if let Some(host_port) = published {
                self.register_address(&settings, port, Backend { pod, address, port: host_port }, cause);
            }
        }
    }

    fn register_address(
        &mut self,
        settings: &RegistrySettings,
        port: ServicePortId,
        backend: Backend,
        cause: RecordId,
    ) {
        let known = self.registry.iter().position(|entry| {
            let same = (entry.backend.address, entry.backend.port) == (backend.address, backend.port);
            entry.port == port && same
        });
        let index = known.unwrap_or_else(|| {
            let address = EntityKey::of(&format!("{}:{}", backend.address, backend.port));
            let draw = self.draws.once(self.port_keys[port.index()].with(address), "check-phase", 0);
            let phase = SimDuration::from_nanos(below(draw, settings.interval.as_nanos()));
            let (because, silent, suspended) = (0, false, false);
            let failing = None;
            let entry = RegistryEntry { port, backend, listed: false, phase, failing, because, silent, suspended };
            self.registry.push(entry);
            self.registry.len() - 1
        });
        if let Some(check) = self.registry[index].failing.take() {
            self.agenda.cancel(check);
        }
        let entry = &mut self.registry[index];
        entry.suspended = false;
        let replaced = entry.backend.pod != backend.pod;
        if entry.listed && !replaced {
            return;
        }
        let before = entry.listed.then_some(entry.backend);
        entry.backend = backend;
        entry.listed = true;
        if let Some(before) = before {
            self.change_registry(port, before, cause, false);
        }
        self.change_registry(port, backend, cause, true);
    }

    /// A container answers no more: its addresses are given up by a later check.
    pub(super) fn watch_failures(&mut self, pod: PodId, because: RecordId, silent: bool) {
        let Some(settings) = self.registry_settings() else { return };
        let away = self.is_registry_out();
        for index in 0..self.registry.len() {
            let entry = &mut self.registry[index];
            if !entry.listed || entry.backend.pod != pod || entry.failing.is_some() || entry.suspended {
                continue;
            }
            (entry.because, entry.silent, entry.suspended) = (because, silent, away);
            if !away {
                self.plan_failure(&settings, index);
            }
        }
    }

    /// Plans the check that gives an address up that does not answer from now on.
    fn plan_failure(&mut self, settings: &RegistrySettings, index: usize) {
        let now = self.agenda.now();
        let RegistryEntry { phase, silent, backend, .. } = self.registry[index];
        // A process that died or hangs is found by its own host's agent, in either kind.
        let gossip = silent && settings.health == HealthKind::Gossip && !self.hangs_alone(backend.pod);
        let host = self.pods[backend.pod.index()].node.filter(|_| gossip);
        let at = match host {
            Some(node) => self.declared_dead_at(&settings.gossip, node, now),
            None => failed_at(settings, phase, now, silent),
        };
        let subject = u32::try_from(index).expect("registered addresses number below 2^32");
        let event = Event::Control { kind: Control::CheckFailed, subject, detail: 0 };
        let id = self.agenda.at_cancellable(at, EventClass::Control, event);
        self.registry[index].failing = Some(id);
    }

    /// Nobody checks any more.
    pub(super) fn suspend_checks(&mut self) {
        for entry in &mut self.registry {
            if let Some(check) = entry.failing.take() {
                self.agenda.cancel(check);
                entry.suspended = true;
            }
        }
    }

    /// Checks begin again: whoever does not answer has all its failures before it.
    pub(super) fn resume_checks(&mut self) {
        let Some(settings) = self.registry_settings() else { return };
        for index in 0..self.registry.len() {
            if std::mem::take(&mut self.registry[index].suspended) {
                self.plan_failure(&settings, index);
            }
        }
    }

    /// When the gossip pool of the cluster's nodes declares one of them dead; never when nobody else is left.
    fn declared_dead_at(&mut self, settings: &GossipSettings, dead: NodeId, now: SimTime) -> SimTime {
        let topology = &self.model.topology;
        let members: Vec<NodeId> =
            topology.with_role(NodeRole::Worker).chain(topology.with_role(NodeRole::ControlPlane)).collect();
        let count = members.len() as u64;
        let silences = self.nodes[dead.index()].silences;
        let mut probers = Vec::new();
        for node in members {
            let state = &self.nodes[node.index()];
            if node == dead || !self.up[node.index()] || state.silent.is_some() {
                continue;
            }
            let phase = below(self.draws.once(state.key, "gossip-phase", 0), settings.probe_interval.as_nanos());
            let pair = state.key.with(self.nodes[dead.index()].key);
            let turn = below(self.draws.once(pair, "gossip-turn", silences), count - 1);
            probers.push(Prober { phase: SimDuration::from_nanos(phase), turn });
        }
        dead_at(settings, count, &probers, now).unwrap_or(SimTime::MAX)
    }

    /// Addresses of a host that can be reached again answer their checks again.
    pub(super) fn checks_pass_again(&mut self, node: NodeId, cause: RecordId) {
        let running: Vec<PodId> = (0..self.pods.len())
            .map(PodId::from_index)
            .filter(|pod| self.pods[pod.index()].node == Some(node) && self.is_running(*pod))
            .collect();
        for pod in running {
            self.register(pod, cause);
        }
    }

    /// The last of the failed checks that count.
    pub(super) fn check_failed(&mut self, index: usize) {
        let entry = &mut self.registry[index];
        entry.failing = None;
        entry.listed = false;
        let (port, backend, because) = (entry.port, entry.backend, entry.because);
        let body = Body::CheckFailed { service_port: port, pod: backend.pod };
        let failed = self.journal.write(self.agenda.now(), because, 0, body);
        self.change_registry(port, backend, failed, false);
    }

    fn change_registry(&mut self, port: ServicePortId, backend: Backend, cause: RecordId, add: bool) {
        let now = self.agenda.now();
        let version = self.registry_lists.version() + 1;
        let Backend { pod, address, port: host_port } = backend;
        let body = if add {
            Body::RegistryAdded { service_port: port, pod, address, port: host_port, version }
        } else {
            Body::RegistryRemoved { service_port: port, pod, address, port: host_port, version }
        };
        let record = self.journal.write(now, cause, 0, body);
        let mut backends: Vec<Backend> = self.registry_lists.newest(port).backends.to_vec();
        if add {
            backends.push(backend);
            backends.sort_by_key(|backend| backend.pod);
        } else {
            backends.retain(|listed| *listed != backend);
        }
        self.registry_lists.push(port, now, record, backends);
        self.propagate(port, version);
    }

    /// Each client of the Service hears of the change after its own share of the propagation time.
    fn propagate(&mut self, port: ServicePortId, version: u64) {
        if self.setting_up {
            return;
        }
        let Some(settings) = self.registry_settings() else { return };
        for index in 0..self.clients.len() {
            let edge = self.clients[index].edge as usize;
            if self.model.graph().edges[edge].call.to != Target::Service(port) || !self.follows_registry(edge) {
                continue;
            }
            let number = self.registry_lists.change(version).number;
            let draw = self.draws.once(self.clients[index].key, "registry-propagation", number);
            let delay = below(draw, settings.propagation.as_nanos() + 1);
            self.tell_client(index, version, SimDuration::from_nanos(delay));
        }
    }

    /// Whether who makes a call follows the registry, if there is one: where front proxies are, they alone do.
    pub(super) fn follows_registry(&self, edge: usize) -> bool {
        let proxied = matches!(self.model.discovery, Discovery::FrontProxy(_));
        !proxied || self.model.graph().edges[edge].call.upstreams.is_some()
    }

    fn tell_client(&mut self, index: usize, version: u64, delay: SimDuration) {
        let subject = u32::try_from(index).expect("clients number below 2^32");
        let detail = u32::try_from(version).expect("changes number below 2^32");
        let event = Event::Control { kind: Control::ClientLearns, subject, detail };
        self.agenda.at(self.agenda.now() + delay, EventClass::Control, event);
    }

    /// Clients on a node that was cut off catch up.
    pub(super) fn clients_catch_up(&mut self, node: NodeId) {
        let version = self.registry_lists.version();
        for index in 0..self.clients.len() {
            if self.clients[index].node == node && self.clients[index].version < version {
                self.tell_client(index, version, SimDuration::ZERO);
            }
        }
    }
}
