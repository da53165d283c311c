//! Which backend takes a connection: a node's kube-proxy chooses among the endpoints that its rules hold now.

use std::net::{IpAddr, SocketAddr};

use super::World;
use super::node_rules::{Approach, Choice};
use super::path_draws::Purpose;
use super::traffic::Connection;
use crate::balancing::{self, Group, Request};
use crate::control::versions::Backend;
use crate::kernel::draws::Decision;
use crate::model::Model;
use crate::model::application::Target;
use crate::model::ids::{NodeId, ServicePortId};
use crate::model::parameters::Arguments;
use crate::model::settings::ProxyMode;
use crate::trace::RecordId;

impl World {
    /// The node port's node chooses a pod for a connection, or tells what it does instead.
    pub(super) fn choose_behind_front(&mut self, node: NodeId, connection: u32) -> Choice {
        let Connection { source, number, attempt, .. } = self.connections[connection];
        let Some(port) = self.dialled_service_port(source) else { return Choice::Rejected };
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
            } else if self.ipvs.is_some() {
                self.lead_by_virtual_server(connection);
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
        let draw = self.draw_of(source, number, attempt, Purpose::Pick);
        let destination = self.cluster_ips[self.model.service_port(port).service.index()];
        let of = (source, number, attempt);
        let asked = self.asked(of, approach.address, destination.unwrap_or(approach.address));
        let plain = self.model.service(self.model.service_port(port).service).traffic.is_plain();
        if !plain || self.ipvs.is_some() {
            return self.choose_by_policy(node, port, approach, (draw, asked));
        }
        let version = self.proxy_mark(node);
        let snapshot = self.endpoints.at(port, version);
        let backends = snapshot.usable();
        if backends.is_empty() {
            return (Choice::Rejected, snapshot.record);
        }
        let made = || (u64::MAX, new_group(algorithm_of(&self.model, port)));
        let (version, group) = self.proxy_balancers.entry((node, port)).or_insert_with(made);
        if *version != snapshot.version {
            *version = snapshot.version;
            group.sync(&balanced(backends));
        }
        let picked = group.pick(&asked, &mut Decision::new(&self.draws, draw));
        (picked.map_or(Choice::Dropped, |place| Choice::Endpoint(backends[place])), snapshot.record)
    }

    /// What is asked of a balancer for an attempt of a request, from one address to another. The connection has no local
    /// port yet, so its key is made of the request's name.
    pub(super) fn asked(&self, of: (u32, u64, u8), from: IpAddr, destination: IpAddr) -> Request {
        let (source, number, attempt) = of;
        let path = self.paths[source as usize].key;
        let path = if attempt == 0 { path } else { path.part("attempt", u64::from(attempt)) };
        Request { key: path.spread(number), client: SocketAddr::new(from, 0), destination, now: self.agenda.now() }
    }

    /// What a client picks from its own list with: no proxy stands before a Service that is names only.
    pub(super) fn algorithm_of_list(&self, port: ServicePortId) -> &'static str {
        let plain = self.model.service(self.model.service_port(port).service).algorithm.is_empty();
        if plain && self.is_headless(Target::Service(port)) { "round-robin" } else { algorithm_of(&self.model, port) }
    }
}

/// The Service's algorithm, or what the proxy mode does by itself.
pub(super) fn algorithm_of(model: &Model, port: ServicePortId) -> &'static str {
    let service = model.service(model.service_port(port).service);
    balancing::find(&service.algorithm).map_or(
        match model.cluster.proxy_mode {
            ProxyMode::Iptables => "iptables-random",
            ProxyMode::Nftables => "nftables-random",
            // A client that holds a list of its own; virtual servers have schedulers of theirs.
            ProxyMode::Ipvs => "round-robin",
        },
        |algorithm| algorithm.spec.name,
    )
}

/// A balancer of this name, before its first list.
pub(super) fn new_group(name: &str) -> Group {
    let algorithm = balancing::find(name).expect("a valid model names registered algorithms only");
    let balancer = algorithm.build(&Arguments::default());
    Group::new(algorithm, balancer.expect("no algorithm has a required parameter"))
}

/// A list as an algorithm knows it.
pub(super) fn balanced(backends: &[Backend]) -> Vec<balancing::Backend> {
    backends.iter().map(|it| balancing::Backend::new(SocketAddr::new(it.address, it.port))).collect()
}
