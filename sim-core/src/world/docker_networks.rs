//! User-defined networks of Docker hosts: who reaches whom, and what the daemon's own DNS answers (A18, A29).

use std::sync::Arc;

use super::World;
use super::state::PodState;
use super::traffic::ClientState;
use crate::control::versions::Backend;
use crate::model::ids::{NodeId, PodId, ServicePortId};
use crate::model::settings::Discovery;
use crate::trace::RecordId;

impl World {
    /// Whether Docker's rules drop what a client sends to a private address: between two bridges nothing passes. What the
    /// host itself sends is not forwarded, so it passes.
    pub(super) fn is_isolated(&self, client: &ClientState, address: std::net::IpAddr) -> bool {
        if self.model.docker.networks.is_empty() {
            return false;
        }
        let (Some(pod), Some((network, _))) = (client.pod, self.model.docker.holding(address)) else { return false };
        let own = &self.model.workload(self.pods[pod.index()].workload).networks;
        match network {
            None => !own.is_empty(),
            Some(network) => !own.contains(&network),
        }
    }

    /// What the DNS of a container's host answers for a Service: the containers on this host that share a network with it,
    /// with their addresses there.
    pub(super) fn embedded_answer(&self, client: u32, port: ServicePortId) -> Arc<[Backend]> {
        let state = &self.clients[client as usize];
        let Some(own) = state.pod else { return Arc::from([]) };
        let networks = &self.model.workload(self.pods[own.index()].workload).networks;
        let mut answer = Vec::new();
        for (workload, target) in &self.model.service_port(port).backends {
            for (index, pod) in self.pods.iter().enumerate() {
                if pod.workload != *workload || pod.node != Some(state.node) || pod.state == PodState::Gone {
                    continue;
                }
                let addresses = || pod.address.iter().chain(&pod.more_addresses).copied();
                let shared = networks.iter().find_map(|network| {
                    let subnet = self.model.docker.subnet(Some(*network));
                    addresses().find(|address| subnet.holds(*address))
                });
                if let Some(address) = shared {
                    answer.push(Backend { pod: PodId::from_index(index), address, port: *target });
                }
            }
        }
        Arc::from(answer)
    }

    /// Why a client's query gets no answer now, if it gets none: its host's daemon does not run, or its node does not reach
    /// the cluster's DNS.
    pub(super) fn name_server_out(&self, node: NodeId) -> Option<RecordId> {
        if self.model.discovery == Discovery::EmbeddedDns {
            return self.daemon_out(node);
        }
        // Resolvers answer from what they know, whether the API is there or not.
        self.nodes[node.index()].silent.filter(|_| !self.reaches_control_plane(node))
    }
}
