//! Partitions: packets between two sets of nodes are lost, in one direction or both. No link stands for them, so the
//! ends of each leg of a packet's way are compared, while there is a partition at all.

use super::World;
use crate::faults::Way;
use crate::model::ids::{NodeId, VertexId};
use crate::model::parameters::Side;
use crate::trace::RecordId;

/// A partition under way.
#[derive(Clone, Debug)]
pub(super) struct Parting {
    fault: usize,
    record: RecordId,
    way: Way,
    /// By node: on which side it stands, if on any; true for the first one.
    sides: Vec<Option<bool>>,
}

impl World {
    /// A partition begins.
    pub(super) fn part(&mut self, fault: usize, a: &Side, b: &Side, way: Way, record: RecordId) {
        let nodes = self.model.topology.nodes();
        let stands = |side: &Side, node: usize| match side {
            Side::ZoneOf(member) => Some(nodes[node].zone == self.model.topology.node(*member).zone),
            Side::Nodes(members) => Some(members.contains(&NodeId::from_index(node))),
            Side::Rest => None,
        };
        let side_of = |node: usize| match (stands(a, node), stands(b, node)) {
            (Some(true), _) | (None, Some(false)) => Some(true),
            (_, Some(true)) | (Some(false), None) => Some(false),
            (Some(false), Some(false)) | (None, None) => None,
        };
        let sides = (0..nodes.len()).map(side_of).collect();
        self.impairments.partings.push(Parting { fault, record, way, sides });
        self.targets_move(record);
        self.review_contact(record);
    }

    /// A partition ends.
    pub(super) fn join(&mut self, fault: usize, record: RecordId) {
        self.impairments.partings.retain(|parting| parting.fault != fault);
        self.targets_move(record);
        self.review_contact(record);
    }

    /// The same for a packet that leaves a vertex for a node; what is under way already arrives.
    pub(super) fn parted_leg(&self, at: VertexId, to: NodeId) -> Option<RecordId> {
        if self.model.topology.is_switch(at) { None } else { self.parted(NodeId(at.0), to) }
    }

    /// The record of the partition that keeps packets from one node to another away, if any does.
    #[inline]
    pub(super) fn parted(&self, from: NodeId, to: NodeId) -> Option<RecordId> {
        let partings = &self.impairments.partings;
        partings.iter().find(|parting| parting.holds(from, to)).map(|parting| parting.record)
    }
}

impl Parting {
    fn holds(&self, from: NodeId, to: NodeId) -> bool {
        match (self.sides[from.index()], self.sides[to.index()]) {
            (Some(true), Some(false)) => self.way.forth(),
            (Some(false), Some(true)) => self.way.back(),
            (Some(true), Some(true)) | (Some(false), Some(false)) | (None, _) | (_, None) => false,
        }
    }
}
