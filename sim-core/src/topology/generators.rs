//! Ready-made networks: a star around one switch, and a leaf-spine fabric. Knows only names and link qualities.

use super::{Fabric, Link, Node, Topology, TopologyError};
use crate::kernel::time::SimDuration;
use crate::model::ids::VertexId;
use crate::model::units::Bandwidth;

/// The qualities that all links of a generated network share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkProfile {
    /// Propagation time of one link.
    pub latency: SimDuration,
    /// Bits per second; `None` is unlimited.
    pub bandwidth: Option<Bandwidth>,
    /// Packets that may wait for each direction.
    pub queue: u32,
    /// Chance of losing a packet, in millionths.
    pub loss_ppm: u32,
}

impl Default for LinkProfile {
    /// 50 us, unlimited bandwidth, a queue of 1000 packets (Linux' `txqueuelen`), no loss.
    fn default() -> Self {
        Self { latency: SimDuration::from_micros(50), bandwidth: None, queue: 1_000, loss_ppm: 0 }
    }
}

impl LinkProfile {
    /// A link of these qualities.
    pub fn link(&self, name: String, a: VertexId, b: VertexId) -> Link {
        let Self { latency, bandwidth, queue, loss_ppm } = *self;
        Link { name, a, b, latency, bandwidth, queue, loss_ppm }
    }
}

/// Every node on one switch.
pub fn star(nodes: Vec<Node>, profile: &LinkProfile, fabric: Fabric) -> Result<Topology, TopologyError> {
    let switch = VertexId::from_index(nodes.len());
    let links = nodes
        .iter()
        .enumerate()
        .map(|(index, node)| profile.link(format!("{}--switch-1", node.name), VertexId::from_index(index), switch));
    let links = links.collect();
    Topology::new(nodes, vec!["switch-1".to_owned()], links, fabric)
}

/// Nodes dealt over `leaves` leaf switches in turn, each leaf joined to each of `spines` spine switches.
pub fn leaf_spine(
    nodes: Vec<Node>,
    leaves: u32,
    spines: u32,
    profile: &LinkProfile,
    fabric: Fabric,
) -> Result<Topology, TopologyError> {
    let (leaves, spines) = (leaves.max(1) as usize, spines.max(1) as usize);
    let first_leaf = nodes.len();
    let first_spine = first_leaf + leaves;
    let mut links = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let leaf = index % leaves;
        let name = format!("{}--leaf-{}", node.name, leaf + 1);
        links.push(profile.link(name, VertexId::from_index(index), VertexId::from_index(first_leaf + leaf)));
    }
    for leaf in 0..leaves {
        for spine in 0..spines {
            let name = format!("leaf-{}--spine-{}", leaf + 1, spine + 1);
            let (a, b) = (VertexId::from_index(first_leaf + leaf), VertexId::from_index(first_spine + spine));
            links.push(profile.link(name, a, b));
        }
    }
    let leaf_names = (1..=leaves).map(|number| format!("leaf-{number}"));
    let spine_names = (1..=spines).map(|number| format!("spine-{number}"));
    Topology::new(nodes, leaf_names.chain(spine_names).collect(), links, fabric)
}
