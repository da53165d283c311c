//! EndpointSlices and the nodes' kube-proxies that follow them.

use super::World;
use super::event::{Control, Event};
use crate::control::versions::{Backend, ProxyMark, Weight};
use crate::faults::Effect;
use crate::kernel::draws::below;
use crate::kernel::queue::EventClass;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::ids::{NodeId, PodId, ServicePortId};
use crate::model::settings::AddressModelKind;
use crate::trace::{Body, RecordId};

/// With more nodes than this that serve clients, a change of a list is not followed by a record of each of them.
const MOST_TELLING: u32 = 1_000;

/// What an EndpointSlice says of a pod that takes connections (B17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Serving {
    /// It is ready.
    Ready,
    /// It is terminating, and serves until it has stopped.
    Leaving,
}

/// What becomes of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Added,
    Leaves,
    Removed,
}

/// kube-proxy sorts by the string "ip:port" (C.2).
fn name_of(backend: &Backend) -> String {
    format!("{}:{}", backend.address, backend.port)
}

/// Puts a backend into a sorted list, behind those of the same name.
fn insert(list: &mut Vec<Backend>, backend: Backend) {
    let name = name_of(&backend);
    let place = list.partition_point(|other| name_of(other) <= name);
    list.insert(place, backend);
}

/// Whether a fault may keep a node from the control plane that is up.
fn may_keep_from_control(effect: &Effect) -> bool {
    match effect {
        Effect::CutLink(_) | Effect::MendLink(_) | Effect::Impair(_) | Effect::Restore(_) => true,
        Effect::StopNode(_)
        | Effect::StartNode(_)
        | Effect::RemovePod(_)
        | Effect::KillContainers(_)
        | Effect::SpareContainers(_) => false,
    }
}

impl World {
    /// A pod's readiness or existence has changed: the EndpointSlice controller will look at it.
    pub(super) fn slices_to_sync(&mut self, pod: PodId) {
        if self.model.address_model == AddressModelKind::FlatPodIp {
            let time = self.agenda.now() + self.model.cluster.controller_latency;
            let event = Event::Control { kind: Control::SyncSlices, subject: pod.0, detail: 0 };
            self.agenda.at(time, EventClass::Control, event);
        }
    }

    /// The EndpointSlice controller puts a pod in or out of every slice that it belongs to (B17).
    pub(super) fn sync_slices(&mut self, pod: PodId) {
        let cause = self.pods[pod.index()].condition;
        let workload = self.pods[pod.index()].workload;
        for place in 0..self.whereabouts.ports(workload).len() {
            let port = self.whereabouts.ports(workload)[place];
            let wanted = self.wanted_endpoint(port, pod);
            let newest = self.endpoints.newest(port);
            let of_pod = |list: &[Backend]| list.iter().find(|backend| backend.pod == pod).copied();
            let (ready, leaving) = (of_pod(&newest.backends), of_pod(&newest.leaving));
            match wanted {
                Some((backend, Serving::Ready)) if ready != Some(backend) => {
                    if let Some(old) = ready.or(leaving) {
                        self.change_endpoints(port, old, cause, Turn::Removed);
                    }
                    self.change_endpoints(port, backend, cause, Turn::Added);
                }
                Some((backend, Serving::Leaving)) if ready == Some(backend) => {
                    self.change_endpoints(port, backend, cause, Turn::Leaves);
                }
                // A slice that was made anew meanwhile does not take a leaving pod up again.
                Some(_) => {}
                None => {
                    if let Some(old) = ready.or(leaving) {
                        self.change_endpoints(port, old, cause, Turn::Removed);
                    }
                }
            }
        }
    }

    /// The slices of the start: one record per endpoint, and one list per Service port, as nobody has seen those before.
    pub(super) fn list_initial_endpoints(&mut self) {
        let now = self.agenda.now();
        let mut lists: Vec<Vec<Backend>> = vec![Vec::new(); self.model.service_ports.len()];
        let mut last: Vec<(u64, RecordId)> = vec![(0, 0); lists.len()];
        let mut version = self.endpoints.version();
        for pod in (0..self.pods.len()).map(PodId::from_index) {
            let (workload, cause) = (self.pods[pod.index()].workload, self.pods[pod.index()].condition);
            for port in self.whereabouts.ports(workload) {
                let Some((backend, Serving::Ready)) = self.wanted_endpoint(*port, pod) else { continue };
                version += 1;
                let Backend { pod, address, port: target } = backend;
                let body = Body::EndpointAdded { service_port: *port, pod, address, port: target, version };
                last[port.index()] = (version, self.journal.write(now, cause, 0, body));
                lists[port.index()].push(backend);
            }
        }
        for list in &mut lists {
            list.sort_by_cached_key(name_of);
        }
        self.endpoints.start(version, lists.into_iter().zip(last).collect());
    }

    /// What a slice should say of a pod: where to dial it, and whether it takes new connections; `None` when it is not
    /// there, or serves nobody (which no rule would use).
    fn wanted_endpoint(&self, port: ServicePortId, pod: PodId) -> Option<(Backend, Serving)> {
        let definition = self.model.service_port(port);
        if self.deleted_service(definition.service).is_some() {
            return None;
        }
        let state = &self.pods[pod.index()];
        let (_, target) = definition.backends.iter().find(|(workload, _)| *workload == state.workload)?;
        let publish = self.model.service(definition.service).publish_not_ready_addresses;
        let serving = if publish || (state.ready && !state.deleted) {
            Serving::Ready
        } else if state.deleted && state.serving {
            Serving::Leaving
        } else {
            return None;
        };
        Some((Backend { pod, address: state.address?, port: *target }, serving))
    }

    pub(super) fn change_endpoints(&mut self, port: ServicePortId, backend: Backend, cause: RecordId, turn: Turn) {
        let now = self.agenda.now();
        let version = self.endpoints.version() + 1;
        let Backend { pod, address, port: target } = backend;
        let body = match turn {
            Turn::Added => Body::EndpointAdded { service_port: port, pod, address, port: target, version },
            Turn::Leaves => Body::EndpointTerminating { service_port: port, pod, address, port: target, version },
            Turn::Removed => Body::EndpointRemoved { service_port: port, pod, address, port: target, version },
        };
        let record = self.journal.write(now, cause, 0, body);
        let newest = self.endpoints.newest(port);
        let (mut backends, mut leaving) = (newest.backends.to_vec(), newest.leaving.to_vec());
        let farewell = leaving.contains(&backend);
        backends.retain(|listed| *listed != backend);
        leaving.retain(|listed| *listed != backend);
        match turn {
            Turn::Added => insert(&mut backends, backend),
            Turn::Leaves => insert(&mut leaving, backend),
            Turn::Removed => {}
        }
        let weight = match farewell {
            false => Weight::Full,
            true if backends.is_empty() || self.has_local_policy(port) || self.is_udp(port) => Weight::Farewell,
            true => Weight::Quiet,
        };
        self.endpoints.push_slices(port, now, record, [backends, leaving], weight);
        self.plan_proxies(version);
        if self.endpoints.has_many_old() {
            self.forget_old_lists();
        }
    }

    /// Forgets the lists that the rules of every node have passed. What holds up a node's rules keeps them for it.
    fn forget_old_lists(&mut self) {
        let now = self.agenda.now();
        let (cluster, duration) = (&self.model.cluster, self.proxy_sync_time());
        let (min_sync, delay) = (cluster.proxy_min_sync_period, cluster.proxy_sync_delay);
        let lag = ProxyMark::settled(SimTime::ZERO + cluster.watch_latency.1, min_sync, duration, delay);
        let settled = now.saturating_sub(lag.since(SimTime::ZERO));
        let mut passed = self.endpoints.version_at(settled);
        let boots_hear = self.model.faults.iter().all(|fault| !may_keep_from_control(&fault.kind.begin));
        for node in (0..self.nodes.len()).map(NodeId::from_index) {
            let state = &mut self.nodes[node.index()];
            if !self.up[node.index()] && boots_hear {
                continue;
            }
            let follows = self.up[node.index()] && state.silent.is_none() && state.proxy_hears_from < settled;
            let held = (!follows).then(|| state.proxy.mark(now));
            passed = [held, self.stalled_rules(node)].into_iter().flatten().fold(passed, u64::min);
        }
        self.endpoints.forget_before(passed);
    }

    /// Nodes that serve clients tell when their rules hold the change; the others are asked when it matters. Where very many
    /// serve clients none tells, unless something hangs on the instant.
    pub(super) fn plan_proxies(&mut self, version: u64) {
        if self.setting_up {
            return;
        }
        let matters = self.load_balancers.ask_for_endpoints || self.is_udp(self.endpoints.change(version).port);
        if self.whereabouts.serving_nodes > MOST_TELLING && !matters {
            return;
        }
        for index in 0..self.nodes.len() {
            let node = NodeId::from_index(index);
            if !self.nodes[index].serves_clients || !self.up[index] {
                continue;
            }
            if self.nodes[index].silent.is_some() || self.stalled_rules(node).is_some() {
                continue;
            }
            let holds = self.follow_endpoints(node);
            if self.endpoints.change(version).weight == Weight::Quiet {
                continue;
            }
            let event = Event::Control {
                kind: Control::ProxySynced,
                subject: node.0,
                detail: u32::try_from(version).expect("changes number below 2^32"),
            };
            self.agenda.at(holds.max(self.agenda.now()), EventClass::Dataplane, event);
        }
    }

    /// Clients of a Service live on a node, or it is a front of outside traffic.
    pub(super) fn serve_clients(&mut self, node: NodeId) {
        if !std::mem::replace(&mut self.nodes[node.index()].serves_clients, true) {
            self.whereabouts.serving_nodes += 1;
        }
    }

    /// A node that has not looked for so long that its rules surely hold every change, whatever its draws are, takes the
    /// newest version: it is where following them one by one would have led it.
    fn catch_up(&mut self, node: NodeId) {
        let version = self.endpoints.version();
        let (cluster, duration) = (&self.model.cluster, self.proxy_sync_time());
        let state = &self.nodes[node.index()];
        if state.proxy.next_unplanned() > version {
            return;
        }
        let heard = self.endpoints.change(version).at.max(state.proxy_hears_from) + cluster.watch_latency.1;
        let held = ProxyMark::settled(heard, cluster.proxy_min_sync_period, duration, cluster.proxy_sync_delay);
        if held < self.agenda.now() {
            self.nodes[node.index()].proxy = ProxyMark::synced(version, None);
        }
    }

    /// Plans every change a node has not planned yet; returns when its rules hold the last one.
    pub(super) fn follow_endpoints(&mut self, node: NodeId) -> SimTime {
        self.catch_up(node);
        let duration = self.proxy_sync_time();
        let cluster = &self.model.cluster;
        let (low, high) = cluster.watch_latency;
        let state = &mut self.nodes[node.index()];
        let mut holds = SimTime::ZERO;
        while state.proxy.next_unplanned() <= self.endpoints.version() {
            let version = state.proxy.next_unplanned();
            let change = self.endpoints.change(version);
            let key = state.key.with(self.port_keys[change.port.index()]);
            let purpose = if change.weight == Weight::Full { "watch" } else { "watch-farewell" };
            let draw = self.draws.once(key, purpose, change.number);
            let spread = high.saturating_sub(low).as_nanos() + 1;
            let latency = low + SimDuration::from_nanos(below(draw, spread));
            let heard = change.at.max(state.proxy_hears_from) + latency;
            holds = match change.weight {
                Weight::Quiet => state.proxy.pass(heard),
                Weight::Full | Weight::Farewell => {
                    state.proxy.plan(heard, cluster.proxy_min_sync_period, duration, cluster.proxy_sync_delay)
                }
            };
        }
        holds
    }

    /// The last change in a node's rules now.
    pub(super) fn proxy_mark(&mut self, node: NodeId) -> u64 {
        if let Some(rules) = self.stalled_rules(node) {
            return rules;
        }
        if self.nodes[node.index()].silent.is_none() {
            self.follow_endpoints(node);
        }
        let now = self.agenda.now();
        self.nodes[node.index()].proxy.mark(now)
    }

    /// A node that serves clients holds a version in its rules now.
    pub(super) fn proxy_synced(&mut self, node: NodeId, version: u64) {
        if !self.up[node.index()] || self.proxy_mark(node) < version {
            return;
        }
        let cause = self.endpoints.change(version).record;
        let record = self.journal.write(self.agenda.now(), cause, 0, Body::ProxySynced { node, version });
        self.node_rules_move(record);
        self.delete_stale_flows(node, record);
    }

    /// After a boot, kube-proxy syncs everything at once.
    pub(super) fn reset_proxy(&mut self, node: NodeId) {
        let now = self.agenda.now();
        let version = self.endpoints.version();
        self.nodes[node.index()].proxy = ProxyMark::synced(version, Some(now));
        if let Some(ipvs) = &mut self.ipvs {
            ipvs.boot(node);
        }
        self.proxies.balancers.retain(|(of, _), _| *of != node);
        self.node_rules.retain(|(of, _), _| *of != node);
        self.forget_counts_of(node);
        if self.nodes[node.index()].serves_clients && version > 0 {
            let cause = self.nodes[node.index()].power_record;
            self.journal.write(now, cause, 0, Body::ProxySynced { node, version });
        }
    }

    /// After a silence, the watch delivers what was missed.
    pub(super) fn resume_proxy(&mut self, node: NodeId) {
        let now = self.agenda.now();
        self.nodes[node.index()].proxy_hears_from = now;
        if self.stalled_rules(node).is_some() {
            return;
        }
        let version = self.endpoints.version();
        if self.nodes[node.index()].serves_clients && self.nodes[node.index()].proxy.next_unplanned() <= version {
            let holds = self.follow_endpoints(node);
            let detail = u32::try_from(version).expect("changes number below 2^32");
            let event = Event::Control { kind: Control::ProxySynced, subject: node.0, detail };
            self.agenda.at(holds.max(now), EventClass::Dataplane, event);
        }
    }
}
