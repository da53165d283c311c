//! Shortest routes: next-hop sets between forwarding vertices, with per-flow equal-cost choice.
//! Hosts with one link collapse onto their switch, so memory is O(nodes + links + S^2). Knows no queues.

use std::collections::VecDeque;

use petgraph::visit::EdgeRef;

use super::Topology;
use crate::model::ids::{LinkId, NodeId, VertexId};

/// Most forwarding vertices (switches and nodes with several links) that a route table is made for.
pub const MAX_CORE: usize = 2_048;

/// One direction of a link: twice the link's number, plus one when it leads from `b` to `a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Direction(pub u32);

impl Direction {
    /// The direction of `link` that leaves `from`.
    pub fn leaving(topology: &Topology, link: LinkId, from: VertexId) -> Self {
        Self(link.0 * 2 + u32::from(topology.link(link).a != from))
    }

    /// The direction at a place in a table of directions.
    pub fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).expect("directions number below 2^24"))
    }

    /// The link this is a direction of.
    pub fn link(self) -> LinkId {
        LinkId(self.0 / 2)
    }

    /// Its place in a table of directions.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

const NONE: u32 = u32::MAX;

/// Where a vertex sends what it forwards.
#[derive(Clone, Debug)]
pub struct Routes {
    /// By vertex: its place among the forwarding vertices, or `NONE` for a collapsed host.
    core_of: Vec<u32>,
    /// By vertex: for a collapsed host, its only way out and the core vertex behind it.
    uplink: Vec<Option<(Direction, VertexId)>>,
    /// By (core, core): the equal-cost ways out.
    next: Vec<Vec<Direction>>,
    core_count: usize,
    choices: bool,
    /// By direction: the vertex it leads to.
    heads: Vec<VertexId>,
}

impl Routes {
    /// The routes of a topology whose forwarding vertices number at most [`MAX_CORE`].
    pub fn new(topology: &Topology) -> Self {
        let graph = topology.graph();
        let mut heads = vec![VertexId(0); topology.links().len() * 2];
        for (index, link) in topology.links().iter().enumerate() {
            heads[index * 2] = link.b;
            heads[index * 2 + 1] = link.a;
        }
        let mut core_of = vec![NONE; graph.node_count()];
        let mut uplink = vec![None; graph.node_count()];
        let mut core = Vec::new();
        for (index, place) in core_of.iter_mut().enumerate() {
            let vertex = VertexId::from_index(index);
            if let Some(found) = only_uplink(topology, vertex) {
                uplink[index] = Some(found);
            } else {
                *place = u32::try_from(core.len()).expect("bounded by the vertices");
                core.push(vertex);
            }
        }
        let mut routes = Self {
            core_of,
            uplink,
            next: vec![Vec::new(); core.len() * core.len()],
            core_count: core.len(),
            choices: false,
            heads,
        };
        for target in &core {
            routes.fill_towards(topology, *target);
        }
        routes.choices = routes.next.iter().any(|ways| ways.len() > 1);
        routes
    }

    /// The way out of `from` towards `to`, or `None` when `from` is `to`.
    /// `flow` chooses among equal-cost ways; one flow always takes the same one.
    pub fn next(&self, from: VertexId, to: NodeId, flow: u64) -> Option<Direction> {
        let to = VertexId(to.0);
        if from == to {
            return None;
        }
        if let Some((direction, _)) = self.uplink[from.index()] {
            return Some(direction);
        }
        let last_hop = self.uplink[to.index()];
        let target = last_hop.map_or(to, |(_, core)| core);
        if let Some((direction, _)) = last_hop.filter(|(_, core)| *core == from) {
            return Some(Direction(direction.0 ^ 1));
        }
        let place = self.core_of[from.index()] as usize * self.core_count + self.core_of[target.index()] as usize;
        let ways = &self.next[place];
        let choice = crate::kernel::draws::below(flow, ways.len() as u64);
        usize::try_from(choice).ok().and_then(|index| ways.get(index)).copied()
    }

    /// Whether any two vertices have several equal-cost ways: only then the flow decides anything.
    pub fn have_choices(&self) -> bool {
        self.choices
    }

    /// How many vertices there are.
    pub fn vertices(&self) -> usize {
        self.core_of.len()
    }

    /// Heap memory in bytes.
    pub fn heap_bytes(&self) -> usize {
        let sets: usize = self.next.iter().map(|ways| ways.capacity() * size_of::<Direction>()).sum();
        let core = self.core_of.capacity() * size_of::<u32>() + self.next.capacity() * size_of::<Vec<Direction>>();
        let ends = self.uplink.capacity() * size_of::<Option<(Direction, VertexId)>>();
        sets + core + ends + self.heads.capacity() * size_of::<VertexId>()
    }

    /// The vertex a direction leads to.
    pub fn head(&self, direction: Direction) -> VertexId {
        self.heads[direction.index()]
    }

    /// Breadth-first search from `target`, noting every way that gets one hop closer to it.
    fn fill_towards(&mut self, topology: &Topology, target: VertexId) {
        let graph = topology.graph();
        let mut distance = vec![NONE; graph.node_count()];
        distance[target.index()] = 0;
        let mut queue = VecDeque::from([target]);
        while let Some(vertex) = queue.pop_front() {
            for edge in graph.edges(vertex.0.into()) {
                let neighbour = VertexId::from_index(other_end(edge.source().index(), edge.target().index(), vertex));
                let forwards = self.core_of[neighbour.index()] != NONE && topology.is_switch(neighbour);
                if distance[neighbour.index()] == NONE {
                    distance[neighbour.index()] = distance[vertex.index()] + 1;
                    if forwards {
                        queue.push_back(neighbour);
                    }
                }
            }
        }
        let column = self.core_of[target.index()] as usize;
        for vertex in graph.node_indices() {
            let from = VertexId::from_index(vertex.index());
            let row = self.core_of[vertex.index()];
            if row == NONE || distance[vertex.index()] == NONE || from == target {
                continue;
            }
            let mut ways: Vec<Direction> = graph
                .edges(vertex)
                .filter(|edge| {
                    let neighbour = other_end(edge.source().index(), edge.target().index(), from);
                    let usable = neighbour == target.index() || topology.is_switch(VertexId::from_index(neighbour));
                    usable && distance[neighbour] != NONE && distance[neighbour] + 1 == distance[vertex.index()]
                })
                .map(|edge| Direction::leaving(topology, *edge.weight(), from))
                .collect();
            ways.sort_unstable();
            self.next[row as usize * self.core_count + column] = ways;
        }
    }
}

fn other_end(a: usize, b: usize, from: VertexId) -> usize {
    if a == from.index() { b } else { a }
}

/// The only way out of a host whose single link leads to a switch.
fn only_uplink(topology: &Topology, vertex: VertexId) -> Option<(Direction, VertexId)> {
    if topology.is_switch(vertex) {
        return None;
    }
    let mut edges = topology.graph().edges(vertex.0.into());
    let edge = edges.next()?;
    if edges.next().is_some() {
        return None;
    }
    let neighbour = VertexId::from_index(other_end(edge.source().index(), edge.target().index(), vertex));
    topology.is_switch(neighbour).then(|| (Direction::leaving(topology, *edge.weight(), vertex), neighbour))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::generators::{LinkProfile, leaf_spine, star};
    use crate::topology::{Fabric, Link, Node, NodeRole};
    use std::net::{IpAddr, Ipv4Addr};

    fn nodes(count: u8) -> Vec<Node> {
        let node = |number| Node {
            name: format!("node-{number}"),
            zone: String::new(),
            role: NodeRole::Worker,
            address: IpAddr::V4(Ipv4Addr::new(192, 168, 0, number)),
            pod_cidr: None,
            unschedulable: false,
        };
        (1..=count).map(node).collect()
    }

    fn path(routes: &Routes, from: u32, to: u32, flow: u64) -> Vec<u32> {
        let mut at = VertexId(from);
        let mut visited = Vec::new();
        while let Some(direction) = routes.next(at, NodeId(to), flow) {
            at = routes.head(direction);
            visited.push(at.0);
            assert!(visited.len() < 20, "a loop");
        }
        visited
    }

    #[test]
    fn a_star_takes_two_hops() {
        let topology = star(nodes(3), &LinkProfile::default(), Fabric::Routed).unwrap();
        let routes = Routes::new(&topology);
        assert_eq!(path(&routes, 0, 2, 0), [3, 2]);
        assert_eq!(path(&routes, 1, 1, 0), Vec::<u32>::new());
    }

    #[test]
    fn leaf_spine_spreads_flows_over_spines_and_keeps_each_on_one() {
        let topology = leaf_spine(nodes(4), 2, 2, &LinkProfile::default(), Fabric::Routed).unwrap();
        let routes = Routes::new(&topology);
        // Vertices: nodes 0..4, leaves 4 and 5, spines 6 and 7; nodes 0 and 2 share leaf 4.
        assert_eq!(path(&routes, 0, 2, 0), [4, 2]);
        assert_eq!(path(&routes, 0, 1, 0), [4, 6, 5, 1]);
        assert_eq!(path(&routes, 0, 1, u64::MAX), [4, 7, 5, 1]);
    }

    #[test]
    fn two_nodes_on_one_cable_and_hosts_that_never_forward() {
        let profile = LinkProfile::default();
        let cable = |a, b| -> Link { profile.link(format!("{a}--{b}"), VertexId(a), VertexId(b)) };
        let topology = Topology::new(nodes(2), vec![], vec![cable(0, 1)], Fabric::Routed).unwrap();
        assert_eq!(path(&Routes::new(&topology), 0, 1, 7), [1]);

        // Node 1 sits between nodes 0 and 2, but a host forwards nothing: 0 goes round by the switch.
        let links = vec![cable(0, 1), cable(1, 2), cable(0, 3), cable(2, 3)];
        let topology = Topology::new(nodes(3), vec!["switch".to_owned()], links, Fabric::Routed).unwrap();
        assert_eq!(path(&Routes::new(&topology), 0, 2, 0), [3, 2]);
    }
}
