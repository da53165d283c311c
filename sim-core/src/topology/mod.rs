//! Nodes, switches and duplex links, and the routes between them.
//! Knows no packets and no addresses of pods; links' queues live in the world.

pub mod generators;
pub mod routes;
#[cfg(test)]
pub(crate) mod testing;

use std::net::IpAddr;

use petgraph::graph::UnGraph;

use crate::kernel::time::SimDuration;
use crate::model::ids::{LinkId, NodeId, VertexId};
use crate::model::units::{Bandwidth, Subnet};

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeRole {
    /// Runs workload.
    Worker,
    /// Hosts the control plane and the registry, no workload.
    ControlPlane,
    /// Stands outside the cluster; traffic `from: external` starts here.
    External,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name, unique among nodes and switches.
    pub name: String,
    /// Its zone; empty when zones are not used.
    pub zone: String,
    /// What it is for.
    pub role: NodeRole,
    /// Its own address.
    pub address: IpAddr,
    /// Its block of pod addresses, if the scenario says one; else it gets one from the cluster's (B2).
    pub pod_cidr: Option<Subnet>,
    /// It takes no new pods from the start: cordoned.
    pub unschedulable: bool,
}

/// A duplex link; each direction has its own queue and its own serialisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name, `a--b` unless given.
    pub name: String,
    /// One end.
    pub a: VertexId,
    /// The other end.
    pub b: VertexId,
    /// Propagation time, at least 1 ns.
    pub latency: SimDuration,
    /// Bits per second; `None` is unlimited.
    pub bandwidth: Option<Bandwidth>,
    /// Packets that may wait for each direction (drop-tail).
    pub queue: u32,
    /// Chance of losing a packet, in millionths.
    pub loss_ppm: u32,
}

/// What silence means on this network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fabric {
    /// A dead node is silence (E11).
    Routed,
    /// Nodes share a segment: ARP for a dead neighbour fails and yields EHOSTUNREACH (E10).
    L2,
}

impl Fabric {
    /// The name in scenario files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Routed => "routed",
            Self::L2 => "l2",
        }
    }
}

/// The network of a model.
#[derive(Clone, Debug)]
pub struct Topology {
    nodes: Vec<Node>,
    switches: Vec<String>,
    links: Vec<Link>,
    fabric: Fabric,
    graph: UnGraph<(), LinkId>,
    /// In the order of their names.
    by_name: Vec<NodeId>,
}

/// The graph and the order of names are made of the other parts.
impl PartialEq for Topology {
    fn eq(&self, other: &Self) -> bool {
        self.fabric == other.fabric
            && self.links == other.links
            && self.switches == other.switches
            && self.nodes == other.nodes
    }
}

/// Why parts do not make a topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopologyError {
    /// A link's end does not exist.
    UnknownEnd(String),
    /// A link from a vertex to itself.
    SelfLink(String),
    /// A link with a latency of zero; every delivery takes at least 1 ns.
    ZeroLatency(String),
    /// This node cannot be reached from the first one.
    Unreachable(String),
    /// More switches than the route tables are bounded to.
    TooManySwitches(usize),
}

impl std::fmt::Display for TopologyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownEnd(link) => write!(f, "link {link} ends at a vertex that does not exist"),
            Self::SelfLink(link) => write!(f, "link {link} joins a vertex to itself"),
            Self::ZeroLatency(link) => write!(f, "link {link} has no latency; the least is 1ns"),
            Self::Unreachable(node) => write!(f, "no path of links leads to {node}"),
            Self::TooManySwitches(count) => {
                write!(f, "{count} forwarding vertices; route tables hold at most {}", routes::MAX_CORE)
            }
        }
    }
}

impl std::error::Error for TopologyError {}

impl Topology {
    /// Joins nodes (vertices `0..nodes`), switches (the vertices after them) and links.
    pub fn new(
        nodes: Vec<Node>,
        switches: Vec<String>,
        links: Vec<Link>,
        fabric: Fabric,
    ) -> Result<Self, TopologyError> {
        let mut graph = UnGraph::default();
        for _ in 0..nodes.len() + switches.len() {
            graph.add_node(());
        }
        for (index, link) in links.iter().enumerate() {
            check_link(link, graph.node_count())?;
            graph.add_edge(link.a.0.into(), link.b.0.into(), LinkId::from_index(index));
        }
        let mut by_name: Vec<NodeId> = (0..nodes.len()).map(NodeId::from_index).collect();
        by_name.sort_by_key(|id| &nodes[id.index()].name);
        let topology = Self { nodes, switches, links, fabric, graph, by_name };
        topology.check_connected()?;
        Ok(topology)
    }

    /// All nodes by [`NodeId`].
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node of this number.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The node of this name.
    pub fn named(&self, name: &str) -> Option<NodeId> {
        let place = self.by_name.binary_search_by_key(&name, |id| &self.node(*id).name).ok()?;
        Some(self.by_name[place])
    }

    /// All links by [`LinkId`].
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The link of this number.
    pub fn link(&self, id: LinkId) -> &Link {
        &self.links[id.index()]
    }

    /// Names of the switches, in vertex order.
    pub fn switches(&self) -> &[String] {
        &self.switches
    }

    /// What silence means here.
    pub fn fabric(&self) -> Fabric {
        self.fabric
    }

    /// The graph: vertices are nodes then switches, edges carry their link.
    pub fn graph(&self) -> &UnGraph<(), LinkId> {
        &self.graph
    }

    /// The name of a vertex.
    pub fn vertex_name(&self, vertex: VertexId) -> &str {
        let index = vertex.index();
        if index < self.nodes.len() { &self.nodes[index].name } else { &self.switches[index - self.nodes.len()] }
    }

    /// True for a vertex that is a switch.
    pub fn is_switch(&self, vertex: VertexId) -> bool {
        vertex.index() >= self.nodes.len()
    }

    /// All nodes of one role.
    pub fn with_role(&self, role: NodeRole) -> impl Iterator<Item = NodeId> + '_ {
        let matching = self.nodes.iter().enumerate().filter(move |(_, node)| node.role == role);
        matching.map(|(index, _)| NodeId::from_index(index))
    }

    /// All workers in the zone of a node.
    pub fn zone_of(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let zone = self.node(node).zone.as_str();
        self.with_role(NodeRole::Worker).filter(move |worker| self.node(*worker).zone == zone)
    }

    fn check_connected(&self) -> Result<(), TopologyError> {
        if self.nodes.is_empty() {
            return Ok(());
        }
        let mut seen = vec![false; self.graph.node_count()];
        let mut search = petgraph::visit::Bfs::new(&self.graph, 0.into());
        while let Some(vertex) = search.next(&self.graph) {
            seen[vertex.index()] = true;
        }
        match self.nodes.iter().zip(&seen).find(|(_, seen)| !**seen) {
            Some((node, _)) => Err(TopologyError::Unreachable(node.name.clone())),
            None => Ok(()),
        }
    }
}

fn check_link(link: &Link, vertices: usize) -> Result<(), TopologyError> {
    if link.a.index() >= vertices || link.b.index() >= vertices {
        return Err(TopologyError::UnknownEnd(link.name.clone()));
    }
    if link.a == link.b {
        return Err(TopologyError::SelfLink(link.name.clone()));
    }
    if link.latency.is_zero() {
        return Err(TopologyError::ZeroLatency(link.name.clone()));
    }
    Ok(())
}
