//! The links between two nodes, as one flow takes them. Knows the topology of a model, no packets.

use sim_core::kernel::draws::EntityKey;
use sim_core::model::ids::{NodeId, VertexId};
use sim_core::topology::Topology;
use sim_core::topology::routes::Routes;

/// The routes of a topology for one flow.
pub struct Wires {
    topology: Topology,
    routes: Routes,
    flow: u64,
}

impl Wires {
    /// The wires for request `number` of the source with this key.
    pub fn new(topology: &Topology, source: EntityKey, number: u64) -> Self {
        Self { topology: topology.clone(), routes: Routes::new(topology), flow: source.spread(number) }
    }

    /// The names of the links from one node to another, in order.
    pub(super) fn between(&self, from: NodeId, to: NodeId) -> Vec<String> {
        let mut at = VertexId(from.0);
        let mut links = Vec::new();
        while let Some(direction) = self.routes.next(at, to, self.flow) {
            links.push(self.topology.link(direction.link()).name.clone());
            at = self.routes.head(direction);
        }
        links
    }
}
