//! Which backend takes a connection: a node's kube-proxy chooses among the endpoints that its rules hold now.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::World;
use super::loads::Holder;
use super::node_rules::{Approach, Choice};
use super::path_draws::Purpose;
use super::service_ports::PortFacts;
use super::state::Pod;
use super::traffic::{Connection, PathState};
use crate::balancing::{self, Chains, Group, Request};
use crate::control::versions::Backend;
use crate::kernel::draws::Decision;
use crate::kernel::time::SimTime;
use crate::model::Model;
use crate::model::application::Target;
use crate::model::balancing_choice::{BalancingChoice, algorithm_of};
use crate::model::ids::{NodeId, ServicePortId};
use crate::model::settings::ProxyMode;
use crate::trace::RecordId;

/// What the rules of nodes choose with.
#[derive(Clone, Debug, Default)]
pub(super) struct Proxies {
    /// Of iptables, for all nodes.
    chains: Chains,
    /// By node and Service port, with the version of the list: of algorithms that remember.
    pub balancers: BTreeMap<(NodeId, ServicePortId), (u64, Group)>,
}

impl World {
    /// The node port's node chooses a pod for a connection, or tells what it does instead.
    pub(super) fn choose_behind_front(&mut self, node: NodeId, connection: u32) -> Choice {
        let Connection { source, number, attempt, .. } = self.connections[connection];
        let Some(port) = self.dialled_service_port(source, number) else { return Choice::Rejected };
        if self.connections[connection].datagrams
            && let Some(choice) = self.choose_along_flow(node, connection)
        {
            return choice;
        }
        if let Some(because) = self.closed_front(node, connection) {
            self.connections[connection].because = because;
            return Choice::Rejected;
        }
        let approach = self.approach_to_front(node, connection);
        let (choice, because) = self.choose_endpoint(node, port, approach, (source, number, attempt));
        if let Choice::Endpoint(backend) = choice {
            self.lead_from_front(connection, backend);
            if self.connections[connection].datagrams {
                self.open_flow(node, connection, Some(backend), port, because);
            } else {
                self.rules_lead(connection);
            }
        } else {
            self.connections[connection].because = because;
        }
        choice
    }

    /// The node that forwards a connection leads it to an endpoint.
    pub(super) fn lead_from_front(&mut self, connection: u32, Backend { pod, address, port }: Backend) {
        let state = &mut self.connections[connection];
        state.pod = Some(pod);
        state.target = address;
        state.target_port = port;
        state.server_node = self.pods[pod.index()].node.expect("an endpoint has a node");
    }

    /// One pick of a node's kube-proxy, from the endpoints that its rules hold now, for an attempt of a request.
    pub(super) fn choose_endpoint(
        &mut self,
        node: NodeId,
        port: ServicePortId,
        approach: Approach,
        (source, number, attempt): (u32, u64, u8),
    ) -> (Choice, RecordId) {
        if self.loads.is_some() {
            self.forget_connections();
        }
        let draw = self.draw_of(source, number, attempt, Purpose::Pick);
        let PortFacts { service, is_plain, is_left_open, .. } = self.service_ports.of(port);
        let plain = is_plain && self.ipvs.is_none();
        if plain && is_left_open {
            return self.choose_at_random(node, port, draw);
        }
        let destination = self.cluster_ips[service.index()];
        let of = (source, number, attempt);
        let (from, destination) = (approach.address, destination.unwrap_or(approach.address));
        if !plain {
            let asked = self.asked(of, from, destination, true);
            return self.choose_by_policy(node, port, approach, (draw, asked));
        }
        let version = self.proxy_mark(node);
        let snapshot = self.endpoints.at(port, version);
        let backends = snapshot.usable();
        if backends.is_empty() {
            return (Choice::Rejected, snapshot.record);
        }
        let made = || (u64::MAX, balancer_of(&self.model, port));
        let (version, group) = self.proxies.balancers.entry((node, port)).or_insert_with(made);
        if *version != snapshot.version {
            *version = snapshot.version;
            group.sync(&weighed(&self.model, &self.pods, port, backends));
            if let Some(loads) = &self.loads {
                loads.recall(Holder::Node(node, port), group);
            }
        }
        let key = if group.asks_who() { own_key(&self.paths, of) } else { 0 };
        let asked = asked_with_key(&self.model, self.agenda.now(), key, from, destination);
        let picked = group.pick(&asked, &mut Decision::new(&self.draws, draw));
        (picked.map_or(Choice::Rejected, |place| Choice::Endpoint(backends[place])), snapshot.record)
    }

    /// What iptables and nftables do by themselves: no node remembers anything, so none has a balancer of its own.
    fn choose_at_random(&mut self, node: NodeId, port: ServicePortId, draw: u64) -> (Choice, RecordId) {
        let version = self.proxy_mark(node);
        let snapshot = self.endpoints.at(port, version);
        let backends = snapshot.usable();
        if backends.is_empty() {
            return (Choice::Rejected, snapshot.record);
        }
        let place = match self.model.cluster.proxy_mode {
            ProxyMode::Nftables => balancing::place_in_verdict_map(draw, backends.len()),
            ProxyMode::Iptables | ProxyMode::Ipvs => self.proxies.chains.place(draw, backends.len()),
        };
        (Choice::Endpoint(backends[place]), snapshot.record)
    }

    /// What is asked of a balancer for an attempt of a request, from one address to another. The connection has no local
    /// port yet, so that its key is made of the request's name, and a port that stands for its own is made of the key.
    /// Both take a while, and are left out for a balancer that does not ask who comes.
    pub(super) fn asked(&self, of: (u32, u64, u8), from: IpAddr, destination: IpAddr, asks_who: bool) -> Request {
        let key = if asks_who { self.own_key(of) } else { 0 };
        self.asked_with_key(key, from, destination)
    }

    /// The key of a request's attempt: the same whatever it meets.
    pub(super) fn own_key(&self, of: (u32, u64, u8)) -> u64 {
        own_key(&self.paths, of)
    }

    /// What is asked for a connection that has a key already.
    pub(super) fn asked_with_key(&self, key: u64, from: IpAddr, destination: IpAddr) -> Request {
        asked_with_key(&self.model, self.agenda.now(), key, from, destination)
    }

    /// A client that chooses from its own list for the first time gets a balancer for it.
    #[inline]
    pub(super) fn join_list(&mut self, client: u32) {
        let state = &self.clients[client as usize];
        let (edge, list) = (state.edge, &state.list);
        if state.balancer.is_none() && !list.is_empty() && self.shared_groups.of(edge, list).is_none() {
            self.make_balancer(client);
        }
    }

    #[cold]
    fn make_balancer(&mut self, client: u32) {
        let state = &self.clients[client as usize];
        let edge = state.edge;
        let mut group = match self.target_of(state.edge as usize) {
            Target::Service(port) => {
                // No proxy stands before a Service that is names only.
                let service = self.model.service(self.model.service_port(port).service);
                let by_name = service.balancing.is_left_open() && self.is_headless(Target::Service(port));
                if by_name { plain_group("round-robin") } else { balancer_of(&self.model, port) }
            }
            Target::Services { .. } | Target::Pod { .. } | Target::Address { .. } => plain_group("round-robin"),
        };
        group.sync(&self.own_list(client));
        let drains = self.model.graph().edges[edge as usize].call.upstreams.is_some();
        let own = if group.remembers() || drains {
            Some(group)
        } else {
            let list = Arc::clone(&self.clients[client as usize].list);
            self.shared_groups.keep(edge, list, group)
        };
        self.clients[client as usize].balancer = own;
    }

    /// A client's list has changed: its balancer goes on with what it knows of those that stay.
    pub(super) fn follow_list(&mut self, client: u32) {
        let Some(mut group) = self.clients[client as usize].balancer.take() else { return };
        group.sync(&self.own_list(client));
        let state = &self.clients[client as usize];
        if state.list.len() > 1 {
            state.drained.iter().for_each(|(address, port)| group.set_weight(SocketAddr::new(*address, *port), 0));
        }
        if let Some(loads) = &self.loads {
            loads.recall(Holder::Client(client), &mut group);
        }
        self.clients[client as usize].balancer = Some(group);
    }

    fn own_list(&self, client: u32) -> Vec<balancing::Backend> {
        let state = &self.clients[client as usize];
        match self.target_of(state.edge as usize) {
            Target::Service(port) => self.weighed(port, &state.list),
            Target::Services { .. } | Target::Pod { .. } | Target::Address { .. } => {
                state.list.iter().map(|it| unweighed(*it)).collect()
            }
        }
    }

    /// A Service port's backends as its algorithm knows them.
    pub(super) fn weighed(&self, port: ServicePortId, backends: &[Backend]) -> Vec<balancing::Backend> {
        weighed(&self.model, &self.pods, port, backends)
    }
}

/// A balancer for a Service port, before its first list.
pub(super) fn balancer_of(model: &Model, port: ServicePortId) -> Group {
    let service = model.service(model.service_port(port).service);
    match service.balancing.build() {
        Some((algorithm, balancer)) => Group::new(algorithm, balancer),
        None => plain_group(algorithm_of(model, port)),
    }
}

/// A balancer of this name as it is without arguments, before its first list.
fn plain_group(name: &str) -> Group {
    let choice = BalancingChoice::of(name);
    let (algorithm, balancer) = choice.build().expect("these algorithms are registered and have no required parameter");
    Group::new(algorithm, balancer)
}

fn unweighed(Backend { address, port, .. }: Backend) -> balancing::Backend {
    balancing::Backend::new(SocketAddr::new(address, port))
}

/// Backends with what their pods weigh; equal ones where the Service names no algorithm.
fn weighed(model: &Model, pods: &[Pod], port: ServicePortId, backends: &[Backend]) -> Vec<balancing::Backend> {
    let choice = &model.service(model.service_port(port).service).balancing;
    let equal = choice.is_left_open() || choice.weights.is_empty();
    let weight = |backend: &Backend| if equal { 1 } else { choice.weight_of(pods[backend.pod.index()].workload) };
    backends.iter().map(|it| unweighed(*it).weighing(weight(it))).collect()
}

pub(super) fn own_key(paths: &[PathState], (source, number, attempt): (u32, u64, u8)) -> u64 {
    let path = paths[source as usize].key;
    let path = if attempt == 0 { path } else { path.part("attempt", u64::from(attempt)) };
    path.spread(number)
}

/// What is asked of a balancer that does not ask who comes.
pub(super) fn asked_of_nobody(now: SimTime, from: IpAddr) -> Request {
    Request { key: 0, client: SocketAddr::new(from, 0), destination: from, now }
}

pub(super) fn asked_with_key(model: &Model, now: SimTime, key: u64, from: IpAddr, destination: IpAddr) -> Request {
    let range = model.transport.ip_local_port_range;
    let past = u16::try_from(key % u64::from(range.len())).expect("a range of ports has at most 2^16");
    Request { key, client: SocketAddr::new(from, range.first + past), destination, now }
}
