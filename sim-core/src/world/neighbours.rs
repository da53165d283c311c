//! Neighbour entries of nodes on a shared segment: who was heard of lately, and for how long that counts (E10).

use super::World;
use crate::kernel::draws::below;
use crate::kernel::time::SimDuration;
use crate::model::ids::NodeId;
use crate::topology::Fabric;

/// A neighbour entry outlives its last confirmation by DELAY and three probes (E10: 5 s + 3 s).
const NEIGHBOUR_PROBING: SimDuration = SimDuration::from_secs(8);
/// And before that by a reachable time of 15 s to 45 s (E10).
const REACHABLE_MIN: SimDuration = SimDuration::from_secs(15);
const REACHABLE_SPREAD: SimDuration = SimDuration::from_secs(30);

impl World {
    /// Whether a node still has a neighbour entry for another one that it talked to.
    pub(super) fn neighbour_fresh(&mut self, from: NodeId, to: NodeId) -> bool {
        let Some(&confirmed) = self.neighbours.get(&(from, to)) else { return false };
        let key = self.nodes[from.index()].key;
        let draw = self.draws.once(key, "neighbour-reachable", 0);
        let reachable = REACHABLE_MIN + SimDuration::from_nanos(below(draw, REACHABLE_SPREAD.as_nanos()));
        self.agenda.now() < confirmed + reachable + NEIGHBOUR_PROBING
    }

    /// On a shared segment, an answer confirms the neighbour entry.
    pub(super) fn confirm_neighbour(&mut self, from: NodeId, to: NodeId) {
        if self.model.topology.fabric() == Fabric::L2 && from != to {
            self.neighbours.insert((from, to), self.agenda.now());
        }
    }
}
