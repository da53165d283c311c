//! Shortest routes: next-hop sets between forwarding vertices, with per-flow equal-cost choice.
//! Hosts with one link collapse onto their switch, so memory is O(nodes + links + S^2). Knows no queues.

use std::collections::{BTreeMap, VecDeque};

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

/// Where the sets of ways stand that were met so far.
type KnownWays = BTreeMap<Vec<Direction>, Span>;

/// A vertex in the tables.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// For a collapsed host, its only way out; else `NONE`.
    uplink: u32,
    /// Its place among the forwarding vertices; for a collapsed host, that of the vertex behind its link.
    core: u32,
}

/// A set of ways.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    len: u32,
}

/// Where a vertex sends what it forwards.
#[derive(Clone, Debug)]
pub struct Routes {
    places: Vec<Place>,
    /// By (core, core): where in `ways` the equal-cost ways out stand.
    next: Vec<Span>,
    /// Sets of equal-cost ways, each one once: there are far fewer of them than pairs of vertices.
    ways: Vec<Direction>,
    core_count: usize,
    choices: bool,
    /// Hops between the two forwarding vertices that are farthest apart.
    longest: u32,
    /// By direction: the vertex it leads to.
    heads: Vec<VertexId>,
}

impl Routes {
    /// The routes of a topology whose forwarding vertices number at most [`MAX_CORE`].
    pub fn new(topology: &Topology) -> Self {
        let mut heads = vec![VertexId(0); topology.links().len() * 2];
        for (index, link) in topology.links().iter().enumerate() {
            heads[index * 2] = link.b;
            heads[index * 2 + 1] = link.a;
        }
        let uplinks: Vec<_> = vertices(topology).map(|vertex| only_uplink(topology, vertex)).collect();
        let core: Vec<VertexId> = vertices(topology).filter(|vertex| uplinks[vertex.index()].is_none()).collect();
        let core_place =
            |vertex| u32::try_from(core.binary_search(&vertex).expect("it forwards")).expect("few forward");
        let place = |vertex: VertexId| match uplinks[vertex.index()] {
            Some((direction, behind)) => Place { uplink: direction.0, core: core_place(behind) },
            None => Place { uplink: NONE, core: core_place(vertex) },
        };
        let mut routes = Self {
            places: vertices(topology).map(place).collect(),
            next: vec![Span::default(); core.len() * core.len()],
            ways: Vec::new(),
            core_count: core.len(),
            choices: false,
            longest: 0,
            heads,
        };
        let mut known = BTreeMap::new();
        for target in &core {
            routes.fill_towards(topology, *target, &mut known);
        }
        routes.choices = routes.next.iter().any(|ways| ways.len > 1);
        routes
    }

    /// The way out of `from` towards `to`, or `None` when `from` is `to`.
    /// `flow` chooses among equal-cost ways; one flow always takes the same one.
    #[inline]
    pub fn next(&self, from: VertexId, to: NodeId, flow: u64) -> Option<Direction> {
        if from.0 == to.0 {
            return None;
        }
        let (here, there) = (self.places[from.index()], self.places[to.index()]);
        if here.uplink != NONE {
            return Some(Direction(here.uplink));
        }
        if here.core == there.core && there.uplink != NONE {
            return Some(Direction(there.uplink ^ 1));
        }
        let Span { start, len } = self.next[here.core as usize * self.core_count + there.core as usize];
        let choice = if len > 1 { crate::kernel::draws::below(flow, u64::from(len)) } else { 0 };
        (len > 0).then(|| self.ways[start as usize + usize::try_from(choice).expect("below a set's length")])
    }

    /// Whether any two vertices have several equal-cost ways: only then the flow decides anything.
    pub fn have_choices(&self) -> bool {
        self.choices
    }

    /// The most switches that a packet passes on its way.
    pub fn most_switches(&self) -> u32 {
        self.longest + 1
    }

    /// How many vertices there are.
    pub fn vertices(&self) -> usize {
        self.places.len()
    }

    /// Heap memory in bytes.
    pub fn heap_bytes(&self) -> usize {
        let places = self.places.capacity() * size_of::<Place>() + self.next.capacity() * size_of::<Span>();
        let ways = self.ways.capacity() * size_of::<Direction>();
        places + ways + self.heads.capacity() * size_of::<VertexId>()
    }

    /// The vertex a direction leads to.
    pub fn head(&self, direction: Direction) -> VertexId {
        self.heads[direction.index()]
    }

    /// Breadth-first search from `target`, noting every way that gets one hop closer to it.
    fn fill_towards(&mut self, topology: &Topology, target: VertexId, known: &mut KnownWays) {
        let graph = topology.graph();
        let mut distance = vec![NONE; graph.node_count()];
        distance[target.index()] = 0;
        let mut queue = VecDeque::from([target]);
        while let Some(vertex) = queue.pop_front() {
            for edge in graph.edges(vertex.0.into()) {
                let neighbour = VertexId::from_index(other_end(edge.source().index(), edge.target().index(), vertex));
                let forwards = topology.is_switch(neighbour);
                if distance[neighbour.index()] == NONE {
                    distance[neighbour.index()] = distance[vertex.index()] + 1;
                    if forwards {
                        queue.push_back(neighbour);
                    }
                }
            }
        }
        let column = self.places[target.index()].core as usize;
        for from in vertices(topology) {
            let Place { uplink, core: row } = self.places[from.index()];
            let vertex = from.0.into();
            if uplink != NONE || distance[from.index()] == NONE || from == target {
                continue;
            }
            self.longest = self.longest.max(distance[from.index()]);
            let mut ways: Vec<Direction> = graph
                .edges(vertex)
                .filter(|edge| {
                    let neighbour = other_end(edge.source().index(), edge.target().index(), from);
                    let usable = neighbour == target.index() || topology.is_switch(VertexId::from_index(neighbour));
                    usable && distance[neighbour] != NONE && distance[neighbour] + 1 == distance[from.index()]
                })
                .map(|edge| Direction::leaving(topology, *edge.weight(), from))
                .collect();
            ways.sort_unstable();
            self.next[row as usize * self.core_count + column] = self.intern(ways, known);
        }
    }

    /// Where a set of ways stands among all sets.
    fn intern(&mut self, ways: Vec<Direction>, known: &mut KnownWays) -> Span {
        *known.entry(ways).or_insert_with_key(|ways| {
            let number = |count: usize| u32::try_from(count).expect("ways number below 2^32");
            let span = Span { start: number(self.ways.len()), len: number(ways.len()) };
            self.ways.extend(ways);
            span
        })
    }
}

fn vertices(topology: &Topology) -> impl Iterator<Item = VertexId> + use<> {
    (0..topology.graph().node_count()).map(VertexId::from_index)
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
    use crate::topology::testing::workers;
    use crate::topology::{Fabric, Link};

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
        let topology = star(workers(3), &LinkProfile::default(), Fabric::Routed).unwrap();
        let routes = Routes::new(&topology);
        assert_eq!(path(&routes, 0, 2, 0), [3, 2]);
        assert_eq!(path(&routes, 1, 1, 0), Vec::<u32>::new());
    }

    #[test]
    fn leaf_spine_spreads_flows_over_spines_and_keeps_each_on_one() {
        let topology = leaf_spine(workers(4), 2, 2, &LinkProfile::default(), Fabric::Routed).unwrap();
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
        let topology = Topology::new(workers(2), vec![], vec![cable(0, 1)], Fabric::Routed).unwrap();
        assert_eq!(path(&Routes::new(&topology), 0, 1, 7), [1]);

        // Node 1 sits between nodes 0 and 2, but a host forwards nothing: 0 goes round by the switch.
        let links = vec![cable(0, 1), cable(1, 2), cable(0, 3), cable(2, 3)];
        let topology = Topology::new(workers(3), vec!["switch".to_owned()], links, Fabric::Routed).unwrap();
        assert_eq!(path(&Routes::new(&topology), 0, 2, 0), [3, 2]);
    }
}
