//! Load balancers before traffic from outside: their targets, which of them are healthy, where a new connection goes,
//! and what becomes of the kept ones of a target that is out. They stand at the node outside and cost no hop.

use std::net::IpAddr;
use std::sync::Arc;

use super::World;
use super::connect::{Dial, dial_into_nothing};
use super::event::{Control, Event};
use super::path_draws::Purpose;
use super::resting::End;
use super::server_tcp::Listener;
use super::traffic::{Aim, ClientEnd, Connection, Exchange, ServerEnd};
use crate::addressing::outside::load_balancer_address;
use crate::control::front_checks::{Answer, TargetChecks, Turn};
use crate::control::versions::Backend;
use crate::dataplane::translation::Way;
use crate::kernel::draws::{EntityKey, below};
use crate::kernel::queue::{EventClass, EventId};
use crate::kernel::time::SimDuration;
use crate::model::application::{Origin, Protocol, Target};
use crate::model::ids::{NodeId, ServicePortId, SourceId};
use crate::model::settings::{AddressModelKind, Discovery, Front, LoadBalancerSettings};
use crate::trace::words::{Outcome, SegmentKind};
use crate::trace::{Body, RecordId};

/// All load balancers, one for each traffic source that has one.
#[derive(Clone, Debug, Default)]
pub(super) struct LoadBalancers {
    /// By number of the source.
    of_sources: Vec<Option<LoadBalancer>>,
    /// Every target that any of them ever had.
    targets: Vec<FrontTarget>,
    /// Some of them ask nodes whether they have endpoints of their own (`healthCheckNodePort`).
    pub(super) ask_for_endpoints: bool,
    /// The record of what may have changed their answers in this event.
    pub(super) moved: Option<RecordId>,
}

#[derive(Clone, Debug)]
struct LoadBalancer {
    /// Where clients dial.
    address: (IpAddr, u16),
    /// Registered targets, by address and port.
    targets: Vec<u32>,
    /// The last change of who takes part.
    record: RecordId,
}

#[derive(Clone, Debug)]
struct FrontTarget {
    source: u32,
    node: NodeId,
    address: (IpAddr, u16),
    registered: bool,
    checks: TargetChecks,
    /// The pending change of its health, and why it will come.
    turn: Option<(Turn, EventId, RecordId)>,
    /// The end of its kept connections.
    drain: Option<EventId>,
    /// What changed its answer last.
    moved: RecordId,
    /// What took it out or in last.
    record: RecordId,
}

impl World {
    /// The load balancer's settings of a source whose requests come through one.
    pub(super) fn load_balancer_settings(&self, source: usize) -> Option<&LoadBalancerSettings> {
        match &self.model.sources.get(source)?.front {
            Front::LoadBalancer(settings) => Some(settings),
            Front::NodePort => None,
        }
    }

    /// A source's load balancer starts with the run; the client outside knows its address alone.
    pub(super) fn start_load_balancer(&mut self, index: usize, port: ServicePortId, cause: RecordId) {
        let source = self.clients[index].edge as usize;
        let (list, version): (Arc<[Backend]>, u64) = match (self.model.address_model, &self.model.discovery) {
            (AddressModelKind::FlatPodIp, _) => (Arc::from([]), 0),
            (AddressModelKind::PortMapping, Discovery::Registry(_)) => {
                (Arc::clone(&self.registry_lists.newest(port).backends), self.registry_lists.version())
            }
            (AddressModelKind::PortMapping, _) => (Arc::from(self.planned_backends(source)), 0),
        };
        self.configure(index, list, 1, version, (cause, 0));
        let service_port = self.model.service_port(port);
        let service = EntityKey::of(&self.model.service(service_port.service).key());
        let number = service_port.port;
        let address = (load_balancer_address(self.draws.once(service, "load-balancer-address", 0)), number);
        let record = self.clients[index].list_record;
        let balancers = &mut self.load_balancers.of_sources;
        balancers.resize(balancers.len().max(source + 1), None);
        balancers[source] = Some(LoadBalancer { address, targets: Vec::new(), record });
        let flat = self.model.address_model == AddressModelKind::FlatPodIp;
        self.load_balancers.ask_for_endpoints |= flat && self.keeps_sources(port);
        self.register_targets(index, port);
    }

    /// The targets of a load balancer are those that its list (or the cluster) has now.
    pub(super) fn register_targets(&mut self, index: usize, port: ServicePortId) {
        let (source, record) = (self.clients[index].edge, self.clients[index].list_record);
        if self.load_balancer(source).is_none() {
            return;
        }
        let wanted = self.wanted_targets(index, port);
        for (node, address) in &wanted {
            let known = self.load_balancers.targets.iter().position(|it| (it.source, it.address) == (source, *address));
            match known {
                Some(target) if self.load_balancers.targets[target].registered => {}
                _ => self.register_target(source, *node, *address, known, record),
            }
        }
        let mut registered = Vec::new();
        for number in 0..self.load_balancers.targets.len() {
            let target = &self.load_balancers.targets[number];
            if target.source != source || !target.registered {
                continue;
            }
            if wanted.iter().any(|(_, address)| *address == target.address) {
                registered.push(u32::try_from(number).expect("targets number below 2^32"));
            } else {
                self.deregister_target(number, record);
            }
        }
        registered.sort_by_key(|target| self.load_balancers.targets[*target as usize].address);
        if let Some(balancer) = &mut self.load_balancers.of_sources[source as usize] {
            balancer.targets = registered;
            balancer.record = record;
        }
    }

    /// Every worker's node port; or the published ports of the list.
    fn wanted_targets(&self, index: usize, port: ServicePortId) -> Vec<(NodeId, (IpAddr, u16))> {
        if self.model.address_model == AddressModelKind::FlatPodIp {
            let Some(node_port) = self.node_ports[port.index()] else { return Vec::new() };
            let address = |node: &NodeId| (*node, (self.model.topology.node(*node).address, node_port));
            return self.fronts.iter().map(address).collect();
        }
        let host = |backend: &Backend| {
            let node = self.pods[backend.pod.index()].node.expect("a listed container has a host");
            (node, (backend.address, backend.port))
        };
        self.clients[index].list.iter().map(host).collect()
    }

    fn register_target(
        &mut self,
        source: u32,
        node: NodeId,
        address: (IpAddr, u16),
        known: Option<usize>,
        record: RecordId,
    ) {
        let Some(settings) = self.load_balancer_settings(source as usize).cloned() else { return };
        let key = self.paths[source as usize].key.with(self.nodes[node.index()].key);
        let draw = self.draws.once(key.part("port", u64::from(address.1)), "front-check-phase", 0);
        let phase = SimDuration::from_nanos(below(draw, settings.interval.as_nanos()));
        let now = self.agenda.now();
        let answer = self.answer_of(source, node, address.1);
        let checks = if self.setting_up {
            TargetChecks::settled(phase, answer, now)
        } else {
            TargetChecks::registered(&settings, phase, answer, now)
        };
        let (turn, drain) = (None, None);
        let mut new =
            FrontTarget { source, node, address, registered: true, checks, turn, drain, moved: record, record };
        if self.setting_up && !checks.is_healthy() {
            let body = Body::TargetUnhealthy { source: SourceId(source), address: address.0, port: address.1 };
            new.record = self.journal.write(now, record, 0, body);
        }
        let targets = &mut self.load_balancers.targets;
        let number = known.unwrap_or(targets.len());
        if number == targets.len() {
            targets.push(new);
        } else {
            let drain = std::mem::replace(&mut targets[number], new).drain;
            self.keep_connections(drain);
        }
        self.plan_turn(number);
    }

    fn deregister_target(&mut self, number: usize, record: RecordId) {
        self.forget_turn(number);
        let target = &mut self.load_balancers.targets[number];
        target.registered = false;
        target.record = record;
        if target.drain.is_none() {
            self.plan_drain(number);
        }
    }

    fn load_balancer(&self, source: u32) -> Option<&LoadBalancer> {
        self.load_balancers.of_sources.get(source as usize)?.as_ref()
    }

    /// Something has happened that targets' answers may depend on; they are looked at when this event is over.
    pub(super) fn targets_move(&mut self, record: RecordId) {
        if !self.load_balancers.targets.is_empty() {
            self.load_balancers.moved = Some(record);
        }
    }

    /// Brings the answers of all targets in line with the world.
    pub(super) fn look_at_targets(&mut self) {
        let Some(record) = self.load_balancers.moved.take() else { return };
        let now = self.agenda.now();
        for number in 0..self.load_balancers.targets.len() {
            let FrontTarget { source, node, address, registered, checks, turn, .. } =
                self.load_balancers.targets[number];
            let answer = self.answer_of(source, node, address.1);
            if !registered || answer == checks.answer() {
                continue;
            }
            let Some(settings) = self.load_balancer_settings(source as usize).cloned() else { continue };
            let target = &mut self.load_balancers.targets[number];
            target.checks.change(&settings, answer, now);
            target.moved = record;
            // The check that decides has started; its outcome comes whatever happens now.
            if turn.is_none_or(|(turn, _, _)| turn.decided >= now) {
                self.forget_turn(number);
                self.plan_turn(number);
            }
        }
    }

    /// What a check of a target meets now: under a node port of policy Cluster every node that lives answers; under one of
    /// policy Local its kube-proxy tells whether the node has a ready endpoint of its own.
    fn answer_of(&mut self, source: u32, node: NodeId, port: u16) -> Answer {
        let (Origin::External(outside) | Origin::Node(outside)) = self.model.sources[source as usize].from else {
            return Answer::Silent;
        };
        if !self.up[node.index()] || !self.reaches(outside, node) {
            return Answer::Silent;
        }
        match self.model.address_model {
            AddressModelKind::FlatPodIp => {
                let asked = self.dialled_service_port(source, 0).filter(|port| self.keeps_sources(*port));
                match asked {
                    Some(_) if self.hangs(node) => Answer::Silent,
                    Some(port) if self.ready_on(node, port) == 0 => Answer::Refuses,
                    Some(_) | None => Answer::Accepts,
                }
            }
            AddressModelKind::PortMapping => match self.behind_host_port(node, Protocol::Tcp, port) {
                Listener::Listens(_) => Answer::Accepts,
                Listener::Refuses(_) | Listener::NoHost(_) => Answer::Refuses,
                Listener::Silent(_) => Answer::Silent,
            },
        }
    }

    fn plan_turn(&mut self, number: usize) {
        let target = &self.load_balancers.targets[number];
        let Some(settings) = self.load_balancer_settings(target.source as usize) else { return };
        let Some(turn) = target.checks.next_turn(settings) else { return };
        let moved = target.moved;
        let event = self.target_event(Control::TargetTurns, number);
        let id = self.agenda.at_cancellable(turn.at, EventClass::Control, event);
        self.load_balancers.targets[number].turn = Some((turn, id, moved));
    }

    fn target_event(&self, kind: Control, number: usize) -> Event {
        debug_assert!(number < self.load_balancers.targets.len());
        Event::Control { kind, subject: u32::try_from(number).expect("targets number below 2^32"), detail: 0 }
    }

    fn forget_turn(&mut self, number: usize) {
        if let Some((_, event, _)) = self.load_balancers.targets[number].turn.take() {
            self.agenda.cancel(event);
        }
    }

    /// The check that decides is over: the target is out, or in again.
    pub(super) fn target_turns(&mut self, number: usize) {
        let target = &mut self.load_balancers.targets[number];
        let (turn, _, moved) = target.turn.take().expect("a target turns by its own event");
        target.checks.turn(turn.decided);
        let (source, (address, port), healthy) = (target.source, target.address, target.checks.is_healthy());
        let named = SourceId(source);
        let body = if healthy {
            Body::TargetHealthy { source: named, address, port }
        } else {
            Body::TargetUnhealthy { source: named, address, port }
        };
        let record = self.journal.write(self.agenda.now(), moved, 0, body);
        self.load_balancers.targets[number].record = record;
        if let Some(balancer) = &mut self.load_balancers.of_sources[source as usize] {
            balancer.record = record;
        }
        if healthy {
            let drain = self.load_balancers.targets[number].drain.take();
            self.keep_connections(drain);
        } else {
            self.plan_drain(number);
        }
        self.plan_turn(number);
    }

    fn plan_drain(&mut self, number: usize) {
        let source = self.load_balancers.targets[number].source as usize;
        let Some(delay) = self.load_balancer_settings(source).map(|settings| settings.deregistration_delay) else {
            return;
        };
        let event = self.target_event(Control::TargetDrained, number);
        let id = self.agenda.at_cancellable(self.agenda.now().saturating_add(delay), EventClass::Control, event);
        self.load_balancers.targets[number].drain = Some(id);
    }

    /// A target is back before its kept connections were closed.
    fn keep_connections(&mut self, drain: Option<EventId>) {
        if let Some(event) = drain {
            self.agenda.cancel(event);
        }
    }

    /// The kept connections of a target that is out are reset, unless it is all the same because every target is out.
    pub(super) fn target_drained(&mut self, number: usize) {
        let FrontTarget { source, node, address, record, .. } = self.load_balancers.targets[number];
        self.load_balancers.targets[number].drain = None;
        if self.healthy_targets(source).is_empty() {
            return;
        }
        let through = |state: &Connection| match state.via {
            Some(via) => via == node,
            None => (state.target, state.target_port) == address,
        };
        let established = |state: &Connection| through(state) && state.client_end == ClientEnd::Established;
        for connection in self.connections_at(End::Anywhere, established) {
            let Connection { client, client_node, server_end, .. } = self.connections[connection];
            if self.clients[client as usize].edge != source {
                continue;
            }
            let known = server_end != ServerEnd::None;
            self.connections[connection].because = record;
            if known {
                self.send(client_node, connection, SegmentKind::Reset, 0, 0);
            }
            self.client_fails(connection, Outcome::ConnectionReset);
        }
    }

    fn healthy_targets(&self, source: u32) -> Vec<u32> {
        let targets = self.load_balancer(source).map_or(&[][..], |balancer| &balancer.targets);
        targets.iter().copied().filter(|it| self.load_balancers.targets[*it as usize].checks.is_healthy()).collect()
    }

    /// Clients dial the load balancer, whoever stands behind it.
    pub(super) fn aim_at_load_balancer(&self, source: u32, client: u32) -> Option<Result<Aim, (Outcome, RecordId)>> {
        let balancer = self.load_balancer(source)?;
        Some(if balancer.targets.is_empty() {
            Err((Outcome::NoAddress, balancer.record))
        } else if self.is_ejected(client, balancer.address) {
            Err((Outcome::CircuitOpen, balancer.record))
        } else {
            Ok(Aim::LoadBalancer { address: balancer.address })
        })
    }

    /// A new connection goes to a healthy target, by the hash of its flow; to any, when none is healthy (fail-open).
    pub(super) fn dial_load_balancer(&mut self, exchange: u32, dialled: (IpAddr, u16)) {
        let Exchange { source, number, attempt, .. } = self.exchanges[exchange];
        let Some(balancer) = self.load_balancer(source) else { return };
        let (because, all) = (balancer.record, balancer.targets.clone());
        if !self.admits_source(exchange) {
            let node = self.clients[self.exchanges[exchange].client as usize].node;
            return self.open(exchange, dial_into_nothing(node, dialled, Way::Dropped, because));
        }
        let healthy = self.healthy_targets(source);
        let eligible = if healthy.is_empty() { all } else { healthy };
        if eligible.is_empty() {
            return self.attempt_ends(exchange, Outcome::NoAddress, None, because);
        }
        let draw = self.draw_of(source, number, attempt, Purpose::Front);
        let place = usize::try_from(below(draw, eligible.len() as u64)).expect("a place in a table");
        let FrontTarget { node, address, .. } = self.load_balancers.targets[eligible[place] as usize];
        let port = self.dialled_service_port(source, number);
        let (via, way) = match self.model.address_model {
            AddressModelKind::FlatPodIp if port.is_some_and(|port| self.keeps_sources(port)) => {
                (Some(node), Way::NodePortKeptBehindBalancer)
            }
            AddressModelKind::FlatPodIp => (Some(node), Way::NodePortBehindBalancer),
            AddressModelKind::PortMapping => (None, Way::PublishedBehindBalancer),
        };
        let dial = Dial { target: address, via, because, ..Dial::to(dialled, node, way) };
        self.open(exchange, dial);
    }

    /// Whether the Service behind a load balancer admits a client (`loadBalancerSourceRanges`).
    fn admits_source(&self, exchange: u32) -> bool {
        let Exchange { source, client, .. } = self.exchanges[exchange];
        let Target::Service(port) = self.model.call_of(SourceId(source)).to else { return true };
        let ranges = &self.model.service(self.model.service_port(port).service).traffic.source_ranges;
        let flat = self.model.address_model == AddressModelKind::FlatPodIp;
        !flat || ranges.is_empty() || ranges.iter().any(|range| range.holds(self.clients[client as usize].address))
    }

    /// The Service port behind a client's load balancer.
    pub(super) fn balanced_port(&self, index: usize) -> Option<ServicePortId> {
        self.load_balancer(self.clients[index].edge)?;
        match self.model.graph().edges[self.clients[index].edge as usize].call.to {
            Target::Service(port) => Some(port),
            Target::Services { .. } | Target::Pod { .. } | Target::Address { .. } => None,
        }
    }
}
