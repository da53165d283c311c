//! Neighbour entries (E10, linux-kernel section 3): what a packet meets whose next hop does not answer ARP. While an entry
//! is warm the packet is lost in silence; after it has failed, a round of ARP holds the packet until that fails, too.

use std::net::IpAddr;

use super::World;
use super::event::Event;
use super::network::TO_CLIENT;
use super::traffic::{ClientEnd, Connection, Exchange};
use crate::kernel::draws::below;
use crate::kernel::queue::EventClass;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::ids::NodeId;
use crate::topology::Fabric;
use crate::trace::RecordId;
use crate::trace::words::{Outcome, SegmentKind};
use crate::transport::retransmission;

/// How long ARP tries before its packets are given up (E10: 3 probes, 1 s apart).
const ARP_TIMEOUT: SimDuration = SimDuration::from_secs(3);
/// From the first packet on a stale entry to its failure: DELAY and three probes (E10: 5 s + 3 s).
const PROBING: SimDuration = SimDuration::from_secs(8);
/// An entry is reachable for 15 s to 45 s after its last confirmation (E10).
const REACHABLE_MIN: SimDuration = SimDuration::from_secs(15);
const REACHABLE_SPREAD: SimDuration = SimDuration::from_secs(30);

/// Who asks, on which node and under which address, and for which address.
pub(super) type NeighbourKey = (NodeId, IpAddr, IpAddr);

/// What somebody knows of a neighbour.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Neighbour {
    /// The last word of it, unless the entry has failed since.
    confirmed: Option<SimTime>,
    /// When the first packet went out on the stale entry.
    delayed: Option<SimTime>,
    /// When the last round of ARP ends.
    resolving: Option<SimTime>,
}

impl Neighbour {
    /// A packet goes to a neighbour that does not answer: the end of the round of ARP that holds it, or `None` when
    /// it goes to the old link address and is lost.
    fn ask(&mut self, now: SimTime, reachable: SimDuration) -> Option<SimTime> {
        if let Some(until) = self.resolving.filter(|until| now < *until) {
            return Some(until);
        }
        if let Some(confirmed) = self.confirmed {
            if now < confirmed + reachable {
                return None;
            }
            let delayed = *self.delayed.get_or_insert(now);
            if now < delayed + PROBING {
                return None;
            }
        }
        let until = now + ARP_TIMEOUT;
        *self = Self { confirmed: None, delayed: None, resolving: Some(until) };
        Some(until)
    }
}

impl World {
    /// On a shared segment, an answer confirms the neighbour entry.
    #[inline]
    pub(super) fn confirm_neighbour(&mut self, from: NodeId, to: NodeId) {
        if self.model.topology.fabric() == Fabric::L2 && from != to {
            self.confirm_entry(from, to);
        }
    }

    #[cold]
    fn confirm_entry(&mut self, from: NodeId, to: NodeId) {
        let entry = Neighbour { confirmed: Some(self.agenda.now()), ..Neighbour::default() };
        self.neighbours.insert(self.between_nodes(from, to), entry);
    }

    fn between_nodes(&self, from: NodeId, to: NodeId) -> NeighbourKey {
        let address = |node| self.model.topology.node(node).address;
        (from, address(from), address(to))
    }

    /// A packet goes to a neighbour that does not answer; `heard` is a word of it that no entry knows.
    pub(super) fn resolve_neighbour(&mut self, key: NeighbourKey, heard: Option<SimTime>) -> Option<SimTime> {
        let node = self.nodes[key.0.index()].key;
        let draw = self.draws.once(node, "neighbour-reachable", 0);
        let reachable = REACHABLE_MIN + SimDuration::from_nanos(below(draw, REACHABLE_SPREAD.as_nanos()));
        let fresh = Neighbour { confirmed: heard, ..Neighbour::default() };
        self.neighbours.entry(key).or_insert(fresh).ask(self.agenda.now(), reachable)
    }

    /// True when a packet from the client's node never gets onto the wire, because ARP holds it.
    #[inline]
    pub(super) fn is_held_by_arp(&mut self, connection: u32) -> bool {
        self.model.topology.fabric() == Fabric::L2 && self.is_held_on_segment(connection)
    }

    #[cold]
    fn is_held_on_segment(&mut self, connection: u32) -> bool {
        let Connection { client_node, via, server_node, .. } = self.connections[connection];
        let next = via.unwrap_or(server_node);
        if self.up[next.index()] || next == client_node {
            return false;
        }
        let because = self.nodes[next.index()].power_record;
        let key = self.between_nodes(client_node, next);
        let Some(until) = self.resolve_neighbour(key, None) else { return false };
        self.connections[connection].because = because;
        self.connections[connection].arp_at_client = true;
        self.wait_for_arp(connection, until);
        true
    }

    /// A packet has reached the node of a pod that is gone.
    pub(super) fn miss_pod(&mut self, node: NodeId, connection: u32, because: RecordId) {
        let Connection { target, heard, client_end, client, .. } = self.connections[connection];
        if because != 0 {
            self.connections[connection].because = because;
        }
        // Nobody is known to have talked to the pod but the connection itself.
        let (asker, heard) = match client_end {
            ClientEnd::SynSent => (self.model.topology.node(node).address, None),
            ClientEnd::Established | ClientEnd::FinWait { .. } | ClientEnd::Closed => {
                (self.clients[client as usize].address, Some(heard))
            }
        };
        if let Some(until) = self.resolve_neighbour((node, asker, target), heard) {
            self.wait_for_arp(connection, until);
        }
    }

    pub(super) fn wait_for_arp(&mut self, connection: u32, until: SimTime) {
        let arp = &mut self.connections[connection].extras().arp;
        if arp.is_none() {
            let event = Event::ArpFailed { connection };
            *arp = Some(self.agenda.at_cancellable(until, EventClass::Transport, event));
        }
    }

    /// ARP has failed: whoever asked for the address tells the client.
    #[cold]
    pub(super) fn arp_failed(&mut self, connection: u32) {
        let state = &mut self.connections[connection];
        state.extras().arp = None;
        if !matches!(state.client_end, ClientEnd::SynSent | ClientEnd::Established) {
            return;
        }
        let Connection { arp_at_client, client_node, server_node, via, way, .. } = self.connections[connection];
        let asker = if arp_at_client { client_node } else { server_node };
        if !self.up[asker.index()] {
            return;
        }
        if asker != client_node {
            if self.tells_client_of(asker, connection) {
                self.send(asker, connection, SegmentKind::HostUnreachable, 0, TO_CLIENT);
            }
            return;
        }
        let asked_itself = way == crate::dataplane::translation::Way::Unowned;
        if asked_itself {
            return self.host_unreachable(connection);
        }
        let answered = arp_at_client && self.up[via.unwrap_or(server_node).index()];
        self.connections[connection].arp_at_client = false;
        if !answered && self.tells_client_of(asker, connection) {
            self.host_unreachable(connection);
        }
    }

    /// The client's kernel hears that nobody has the address: a connection that is not established ends; another one
    /// remembers it, and each request that waits for its acknowledgement is sent again a step sooner (E5, E6).
    pub(super) fn host_unreachable(&mut self, connection: u32) {
        let Connection { client_end, exchanges, .. } = self.connections[connection];
        let base_timeout = self.connections[connection].base_timeout();
        if client_end == ClientEnd::SynSent {
            return self.client_fails(connection, Outcome::HostUnreachable);
        }
        if client_end != ClientEnd::Established {
            return;
        }
        self.connections[connection].soft_error = true;
        let mut next = exchanges;
        while let Some(exchange) = next {
            let Exchange { client_attempt, next: following, ref extras, .. } = self.exchanges[exchange];
            let resent_at = extras.as_ref().map_or(SimTime::ZERO, |extras| extras.resent_at);
            next = following;
            if client_attempt > 0 && self.exchanges[exchange].client_timer.is_some() {
                let whole = retransmission::timeout(base_timeout, u32::from(client_attempt) - 1);
                let rest = whole.saturating_sub(self.agenda.now().since(resent_at));
                self.exchanges[exchange].client_attempt -= 1;
                self.rearm_request(exchange, retransmission::in_jiffies(rest));
            }
        }
        self.revert_timeout((connection, false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNS: [u64; 11] = [0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67];

    /// The second at which a client hears of the failure, if its SYNs begin right after the last confirmation.
    fn fails_at(reachable: u64) -> Option<u64> {
        let at = |second| SimTime::ZERO + SimDuration::from_secs(second);
        let mut neighbour = Neighbour { confirmed: Some(at(0)), ..Neighbour::default() };
        let until = SYNS.into_iter().find_map(|second| neighbour.ask(at(second), SimDuration::from_secs(reachable)));
        until.map(|until| until.since(SimTime::ZERO).as_nanos() / 1_000_000_000)
    }

    #[test]
    fn a_warm_entry_has_the_three_outcomes_that_were_measured() {
        // 38.6 s, 70.8 s to 72.1 s, and ETIMEDOUT.
        assert_eq!([15, 19, 20, 35, 36, 45].map(fails_at), [Some(38), Some(38), Some(70), Some(70), None, None]);
    }

    #[test]
    fn a_later_packet_joins_the_running_round() {
        let at = |millisecond| SimTime::ZERO + SimDuration::from_millis(millisecond);
        let mut neighbour = Neighbour::default();
        let mut ask = |millisecond| neighbour.ask(at(millisecond), REACHABLE_MIN);
        assert_eq!([ask(0), ask(1_000), ask(3_001)], [Some(at(3_000)), Some(at(3_000)), Some(at(6_001))]);
    }
}
