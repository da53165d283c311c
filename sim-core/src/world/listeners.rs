//! What a SYN finds at its target: a listening pod, a closed port, or nobody at all.

use std::net::IpAddr;

use super::World;
use super::server_tcp::Listener;
use super::state::PodState;
use super::traffic::Connection;
use crate::model::application::Protocol;
use crate::model::ids::{NodeId, PodId};
use crate::model::settings::AddressModelKind;

impl World {
    /// Who takes a connection's SYN on `node`.
    pub(super) fn listener(&self, node: NodeId, connection: u32) -> Listener {
        let Connection { pod, target_port, .. } = self.connections[connection];
        match (self.model.address_model, pod) {
            (AddressModelKind::PortMapping, None) => {
                self.behind_host_port(node, self.protocol_of(connection), target_port)
            }
            (_, Some(pod)) => self.at_pod_address(pod, connection),
            // A clusterIP that the client's node has no rule for goes the default way, where nobody answers (C.3).
            (AddressModelKind::FlatPodIp, None) if self.dials_service(connection) => {
                Listener::Silent(self.service_made(connection))
            }
            (AddressModelKind::FlatPodIp, None) => self.at_node(node, connection),
        }
    }

    /// A port of a Docker host: mapped, or closed (A17, A23).
    pub(super) fn behind_host_port(&self, node: NodeId, protocol: Protocol, port: u16) -> Listener {
        let Some(mapping) = self.nodes[node.index()].docker.mapping(protocol, port) else {
            return Listener::Refuses(self.released_ports.get(&(node, port)).copied().unwrap_or(0));
        };
        let state = &self.pods[mapping.pod.index()];
        match state.state {
            PodState::Running => Listener::Listens(mapping.pod),
            // It was removed while no daemon ran that would have taken its rule away: nobody answers ARP.
            PodState::Gone => Listener::NoHost(state.record),
            PodState::Pending
            | PodState::Bound
            | PodState::Starting
            | PodState::Draining
            | PodState::Waiting
            | PodState::Lost => Listener::Refuses(state.record),
        }
    }

    /// A pod's own address: its processes, its empty sandbox, whoever has got the address since (B3), or nobody (a
    /// given-up address is not looked for elsewhere).
    fn at_pod_address(&self, meant: PodId, connection: u32) -> Listener {
        let state = &self.pods[meant.index()];
        let target = self.connections[connection].target;
        if has_sandbox(state.state) && state.has(target) {
            return self.in_sandbox(meant, connection);
        }
        let home = self.connections[connection].server_node;
        if let Some(holder) = self.holder_of(home, target) {
            return self.in_sandbox(holder, connection);
        }
        // A pod that was restarted with its node has got another address since.
        let moved = has_sandbox(state.state);
        Listener::NoHost(if moved { state.condition.max(state.record) } else { state.record })
    }

    /// A pod that has its address: its processes listen, or its kernel refuses.
    fn in_sandbox(&self, pod: PodId, connection: u32) -> Listener {
        let state = &self.pods[pod.index()];
        if state.state == PodState::Running && self.listens_on(pod, connection) {
            return Listener::Listens(pod);
        }
        Listener::Refuses(state.record)
    }

    /// The pod of a node that has an address now and a network of its own.
    pub(super) fn holder_of(&self, node: NodeId, address: IpAddr) -> Option<PodId> {
        self.pod_at(node, address).filter(|pod| has_sandbox(self.pods[pod.index()].state))
    }

    fn listens_on(&self, pod: PodId, connection: u32) -> bool {
        self.declares_port(pod, self.protocol_of(connection), self.connections[connection].target_port)
    }

    fn protocol_of(&self, connection: u32) -> Protocol {
        if self.connections[connection].datagrams { Protocol::Udp } else { Protocol::Tcp }
    }

    /// Whether a pod's containers listen on a port when they run.
    pub(super) fn declares_port(&self, pod: PodId, protocol: Protocol, target: u16) -> bool {
        self.sockets.listens_on(self.pods[pod.index()].workload, protocol, target)
    }
}

/// Whether a pod in this state has a network of its own, with processes or without.
fn has_sandbox(state: PodState) -> bool {
    match state {
        PodState::Gone | PodState::Pending | PodState::Bound | PodState::Lost => false,
        PodState::Running | PodState::Draining | PodState::Starting | PodState::Waiting => true,
    }
}
