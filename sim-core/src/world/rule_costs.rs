//! The time that a connection's first packet spends in the rules of the nodes on its way, where that is asked for: it is
//! held by the node and goes on afterwards.

use super::World;
use super::network::Packet;
use super::traffic::Connection;
use crate::dataplane::rule_costs::{sync_time, walk};
use crate::dataplane::translation::Way;
use crate::kernel::draws::below;
use crate::kernel::time::SimDuration;
use crate::model::Model;
use crate::model::ids::NodeId;
use crate::model::settings::{AddressModelKind, Measured, ProxyMode};
use crate::trace::words::SegmentKind;

/// The packet has passed the rules of the node that forwards it.
const PASSED_FRONT: u8 = 4;
/// The packet has passed the rules of its target's node.
const PASSED_TARGET: u8 = 8;

/// Whether first packets take time in rules: nftables and ipvs look them up at once.
fn is_walk_felt(model: &Model) -> bool {
    model.cluster.first_packet_cost == Measured::Measured
        && model.cluster.proxy_mode == ProxyMode::Iptables
        && model.address_model == AddressModelKind::FlatPodIp
}

impl World {
    /// How long a sync of kube-proxy takes.
    pub(super) fn proxy_sync_time(&self) -> SimDuration {
        match self.model.cluster.sync_duration {
            Measured::None => SimDuration::ZERO,
            Measured::Measured => sync_time(self.model.cluster.proxy_mode, self.rules()),
        }
    }

    /// Services in the rules of every node, by port.
    fn rules(&self) -> u64 {
        u64::from(self.model.cluster.other_services) + self.model.service_ports.len() as u64
    }

    /// The time that a first SYN takes past the rules of its client's node: up to its Service's own rule, or past all.
    pub(super) fn walk_at_client(&mut self, connection: u32) -> SimDuration {
        let Connection { source, number, client, client_node, way, .. } = self.connections[connection];
        if !is_walk_felt(&self.model) || self.clients[client as usize].is_outside {
            return SimDuration::ZERO;
        }
        let by_cluster_ip = matches!(way, Way::ClusterIpFromPod | Way::ClusterIpToItself | Way::ClusterIpFromNode);
        let port = self.dialled_service_port(source, number).filter(|_| by_cluster_ip);
        let passed = port.map_or(self.rules(), |port| {
            // kube-proxy writes Services in the order of a Go map, which is any.
            let key = self.nodes[client_node.index()].key.with(self.port_keys[port.index()]);
            below(self.draws.once(key, "rule-place", 0), self.rules()) + 1
        });
        self.walk_of(passed)
    }

    fn walk_of(&self, rules: u64) -> SimDuration {
        walk(self.model.cluster.proxy_mode, self.model.cluster.iptables_backend, rules)
    }

    /// A SYN has reached a node that forwards it (`front`) or its target's: true when the rules of the node hold it.
    pub(super) fn is_held_by_rules(&mut self, node: NodeId, packet: Packet, front: bool) -> bool {
        if !is_walk_felt(&self.model) || packet.kind != SegmentKind::Syn || packet.attempt > 0 {
            return false;
        }
        let Connection { client_node, via, .. } = self.connections[packet.subject];
        let passed = if front { PASSED_FRONT } else { PASSED_TARGET };
        // Rules see a connection's first packet once per node.
        let seen = client_node == node || (!front && via == Some(node));
        if seen || packet.flags & passed != 0 {
            return false;
        }
        let wait = self.walk_of(self.rules());
        self.hold(node, Packet { flags: packet.flags | passed, ..packet }, wait);
        true
    }
}
