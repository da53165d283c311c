//! The Docker daemon of each host: publishing ports, restarting containers, what a host port leads to.

use super::World;
use super::state::{HostedPort, PodState, appended};
use crate::addressing::port_mapping::{Mapping, PublishError};
use crate::control::restarts;
use crate::model::application::{HostPort, Publish};
use crate::model::ids::{NodeId, PodId};
use crate::trace::words::PendingReason;
use crate::trace::{Body, RecordId};

impl World {
    /// Gives a container its private address and its host ports; false when it does not start (A15).
    pub(super) fn publish_container(&mut self, pod: PodId) -> bool {
        let node = self.pods[pod.index()].node.expect("a starting container has a host");
        if self.pods[pod.index()].address.is_none() && !self.join_networks(pod, node) {
            self.give_back_addresses(pod);
            self.stays_pending(pod, PendingReason::NoAddress);
            return false;
        }
        let wanted = self.model.workload(self.pods[pod.index()].workload).publish.clone();
        for publish in wanted {
            let Publish { container_port, protocol, .. } = publish;
            let mapping = Mapping { pod, container_port, protocol };
            let docker = &mut self.nodes[node.index()].docker;
            let given = match publish.host_port {
                HostPort::Dynamic => docker.publish_dynamic(mapping),
                HostPort::Fixed(port) => docker.publish_fixed(port, mapping),
            };
            match given {
                Ok(host_port) => {
                    self.port_published(pod, node, HostedPort { protocol, container_port, host_port });
                }
                Err(error) => {
                    self.publish_failed(pod, node, error);
                    return false;
                }
            }
        }
        true
    }

    /// Gives a container an address in each of its networks; false when one has none left.
    fn join_networks(&mut self, pod: PodId, node: NodeId) -> bool {
        let networks = &self.model.workload(self.pods[pod.index()].workload).networks;
        let wanted: Vec<Option<u16>> =
            if networks.is_empty() { vec![None] } else { networks.iter().copied().map(Some).collect() };
        for network in wanted {
            let Some(address) = self.nodes[node.index()].docker.allocate_address(network) else { return false };
            let state = &mut self.pods[pod.index()];
            match state.address {
                None => state.address = Some(address),
                Some(_) => state.more_addresses = appended(&state.more_addresses, address),
            }
            let cause = state.record;
            self.journal.write(self.agenda.now(), cause, 0, Body::AddressAssigned { pod, address });
        }
        true
    }

    /// Gives the private addresses of a container back.
    pub(super) fn give_back_addresses(&mut self, pod: PodId) {
        let state = &mut self.pods[pod.index()];
        let all: Vec<_> = state.address.take().into_iter().chain(std::mem::take(&mut state.more_addresses)).collect();
        let Some(node) = state.node else { return };
        for address in all {
            self.nodes[node.index()].docker.release_address(address);
        }
    }

    fn port_published(&mut self, pod: PodId, node: NodeId, port: HostedPort) {
        let HostedPort { container_port, host_port, .. } = port;
        let state = &mut self.pods[pod.index()];
        state.host_ports = appended(&state.host_ports, port);
        let cause = state.record;
        let body = Body::PortPublished { pod, node, container_port, host_port };
        self.journal.write(self.agenda.now(), cause, 0, body);
    }

    /// The container does not start, and nobody tries again.
    fn publish_failed(&mut self, pod: PodId, node: NodeId, error: PublishError) {
        let cause = self.pods[pod.index()].record;
        let record = match error {
            PublishError::AlreadyAllocated { port, holder } => {
                let because = self.pods[holder.index()].record;
                let body = Body::PortConflict { pod, node, host_port: port, holder };
                self.journal.write(self.agenda.now(), cause, because, body)
            }
            PublishError::AllAllocated => {
                let body = Body::PodPending { pod, reason: PendingReason::NoHostPort };
                self.journal.write(self.agenda.now(), cause, 0, body)
            }
        };
        self.release_host_ports(pod, record);
        self.give_back_addresses(pod);
        let state = &mut self.pods[pod.index()];
        state.state = PodState::Pending;
        state.record = record;
        self.pod_waits(pod);
    }

    /// Takes a container's host ports away (A23).
    pub(super) fn release_host_ports(&mut self, pod: PodId, cause: RecordId) {
        let Some(node) = self.pods[pod.index()].node else { return };
        for HostedPort { protocol, host_port, .. } in std::mem::take(&mut self.pods[pod.index()].host_ports) {
            self.nodes[node.index()].docker.release(protocol, host_port);
            let body = Body::PortReleased { pod, node, host_port };
            let record = self.journal.write(self.agenda.now(), cause, 0, body);
            self.released_ports.insert((node, host_port), record);
        }
    }

    /// The daemon sees at once that a container has exited: address and ports go, a restart follows (A25).
    pub(super) fn daemon_sees_exit(&mut self, pod: PodId, cause: RecordId) {
        self.watch_failures(pod, cause, false);
        self.become_unready(pod, cause);
        let node = self.pods[pod.index()].node.expect("a container has a host");
        // Without a daemon the container's network stays as it is, and its kernel refuses.
        let seen = self.daemon_out(node).is_none();
        if seen {
            self.release_host_ports(pod, cause);
            self.give_back_addresses(pod);
        }
        if self.pods[pod.index()].stopping {
            return self.has_stopped(pod);
        }
        if !seen {
            return;
        }
        let now = self.agenda.now();
        let state = &mut self.pods[pod.index()];
        if restarts::docker_resets(&self.model.docker, now.since(state.started)) {
            state.back_off = 0;
        }
        let wait = restarts::docker_wait(&self.model.docker, state.back_off);
        self.plan_restart(pod, wait);
    }
}
