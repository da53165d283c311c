//! Faults that leave everything up and make it worse: slow nodes, lossy links, kube-proxies that stand still.

use super::World;
use super::event::{Control, Event};
use crate::faults::Way;
use crate::kernel::queue::EventClass;
use crate::kernel::time::SimDuration;
use crate::model::call::WHOLE_PPM;
use crate::model::ids::{LinkId, NodeId};
use crate::trace::{Body, RecordId};

/// A factor that changes nothing, in thousandths.
const WHOLE_PERMILLE: u64 = 1_000;

impl World {
    /// Service that begins on a node takes longer.
    pub(super) fn slow_down(&mut self, fault: usize, node: NodeId, permille: u64, cause: RecordId) {
        let Some(trouble) = self.impairments.of_mut(node) else { return };
        trouble.factors.push((fault, permille));
        self.impairments.slow += 1;
        self.tell_speed(node, cause);
    }

    /// One fault less slows a node.
    pub(super) fn speed_up(&mut self, fault: usize, node: NodeId, cause: RecordId) {
        let Some(trouble) = self.impairments.of_mut(node) else { return };
        trouble.factors.retain(|(other, _)| *other != fault);
        self.impairments.slow -= 1;
        self.tell_speed(node, cause);
    }

    fn tell_speed(&mut self, node: NodeId, cause: RecordId) {
        let permille = self.slowed(node, SimDuration::from_nanos(WHOLE_PERMILLE)).as_nanos();
        let record = self.journal.write(self.agenda.now(), cause, 0, Body::NodeSpeed { node, permille });
        if let Some(trouble) = self.impairments.of_mut(node) {
            trouble.speed_record = record;
        }
    }

    /// How long something takes on a node that it would take `demand` to do.
    pub(super) fn slowed(&self, node: NodeId, demand: SimDuration) -> SimDuration {
        let factors = self.impairments.of(node).map_or(&[][..], |trouble| &trouble.factors);
        factors.iter().fold(demand, |length, (_, permille)| {
            let product = u128::from(length.as_nanos()) * u128::from(*permille);
            let rounded = (product + u128::from(WHOLE_PERMILLE / 2)) / u128::from(WHOLE_PERMILLE);
            SimDuration::from_nanos(u64::try_from(rounded).unwrap_or(u64::MAX))
        })
    }

    /// The same for the service of a request.
    #[cold]
    pub(super) fn slowed_on_its_node(&mut self, exchange: u32, demand: SimDuration) -> SimDuration {
        let connection = self.exchanges[exchange].connection.expect("a served exchange has a connection");
        let node = self.connections[connection].server_node;
        if let Some(trouble) = self.impairments.of(node).filter(|trouble| !trouble.factors.is_empty()) {
            self.connections[connection].because = trouble.speed_record;
        }
        self.slowed(node, demand)
    }

    /// A link loses more packets.
    pub(super) fn lose_packets(&mut self, fault: usize, link: LinkId, ppm: u32, way: Way, cause: RecordId) {
        for (place, hit) in [way.forth(), way.back()].into_iter().enumerate() {
            if hit {
                self.impairments.losses.push((fault, link.index() * 2 + place, ppm, cause));
            }
        }
        self.set_loss(link, cause);
    }

    /// One fault less makes a link lossy.
    pub(super) fn lose_no_more(&mut self, fault: usize, link: LinkId, cause: RecordId) {
        self.impairments.losses.retain(|(other, ..)| *other != fault);
        self.set_loss(link, cause);
    }

    /// A packet passes when the link and each fault let it pass, independently.
    fn set_loss(&mut self, link: LinkId, cause: RecordId) {
        let own = self.model.topology.link(link).loss_ppm;
        let shares = [0, 1].map(|place| {
            let direction = link.index() * 2 + place;
            let here = self.impairments.losses.iter().filter(|(_, other, ..)| *other == direction);
            here.fold(own, |loss, (_, _, ppm, _)| combined(loss, *ppm))
        });
        let body = Body::LinkLoss { link, a_to_b: shares[0], b_to_a: shares[1] };
        let record = self.journal.write(self.agenda.now(), cause, 0, body);
        for (place, share) in shares.into_iter().enumerate() {
            let direction = &mut self.wires.directions[link.index() * 2 + place];
            direction.set_loss(share, if share == own { 0 } else { record });
        }
    }

    /// A fault stops a node's kube-proxy.
    pub(super) fn stall_proxy_by_fault(&mut self, node: NodeId, cause: RecordId) {
        self.stall_proxy(node);
        self.journal.write(self.agenda.now(), cause, 0, Body::ProxyStalled { node });
    }

    /// The fault ends.
    pub(super) fn resume_proxy_by_fault(&mut self, node: NodeId, cause: RecordId) {
        if self.let_proxy_go(node) {
            self.journal.write(self.agenda.now(), cause, 0, Body::ProxyResumed { node });
        }
    }

    /// A node's rules stay at the version that they hold.
    pub(super) fn stall_proxy(&mut self, node: NodeId) {
        let rules = self.proxy_mark(node);
        let up = self.up[node.index()];
        let Some(trouble) = self.impairments.of_mut(node) else { return };
        trouble.stalled_by += 1;
        if up {
            trouble.rules = Some(rules);
        }
    }

    /// One thing less stalls a node's kube-proxy; true when it goes on, and hears what it has missed.
    pub(super) fn let_proxy_go(&mut self, node: NodeId) -> bool {
        let Some(trouble) = self.impairments.of_mut(node) else { return false };
        trouble.stalled_by -= 1;
        if trouble.stalled_by > 0 {
            return false;
        }
        let Some(rules) = trouble.rules.take() else { return true };
        let now = self.agenda.now();
        self.nodes[node.index()].proxy_hears_from = now;
        // What it had heard before and not written yet stands in its rules now.
        let version = self.nodes[node.index()].proxy.mark(now);
        if self.nodes[node.index()].serves_clients && version > rules {
            let detail = u32::try_from(version).expect("changes number below 2^32");
            let event = Event::Control { kind: Control::ProxySynced, subject: node.0, detail };
            self.agenda.at(now, EventClass::Dataplane, event);
        }
        if self.nodes[node.index()].silent.is_none() {
            self.resume_proxy(node);
        }
        true
    }

    /// The rules of a node whose kube-proxy stands still.
    pub(super) fn stalled_rules(&self, node: NodeId) -> Option<u64> {
        self.impairments.of(node)?.rules
    }
}

/// The chance of being lost once or twice, in millionths, rounded half up.
fn combined(one: u32, other: u32) -> u32 {
    let whole = u64::from(WHOLE_PPM);
    let passes = (whole - u64::from(one)) * (whole - u64::from(other));
    let lost = whole - (passes + whole / 2) / whole;
    u32::try_from(lost).expect("a share is at most a whole")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_of_loss_combine() {
        assert_eq!(combined(0, 10_000), 10_000);
        // 1 - 0.9 * 0.8.
        assert_eq!(combined(100_000, 200_000), 280_000);
        assert_eq!(combined(1_000_000, 1), 1_000_000);
    }
}
