//! Who calls whom, unfolded: every way from a traffic source through calls of calls is a *path* of its own, so that
//! draws and records can name it. Built once per model; knows no state of a run.

use super::application::ServicePort;
use super::application::{Source, Target, Workload};
use super::call::{Call, OnFailure, PlannedCall, Step, WHOLE_PPM};
use super::ids::{SourceId, WorkloadId};

/// Most paths of a model.
pub const MOST_PATHS: usize = 20_000;
/// Most calls with retries or hedging on one path: each takes four bits of a request's number.
pub const MOST_RETRYING: u32 = 5;
/// Bits of a request's number that count; the ones above tell copies apart that retries further up have made.
pub const BASE_BITS: u32 = 44;

/// A traffic source's requests, or one call of a workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// The calling workload; `None` for a traffic source.
    pub caller: Option<WorkloadId>,
    /// `SOURCE`, or `WORKLOAD > TARGET`-like text for people.
    pub name: String,
    /// The call's name among those of its workload; empty for a source.
    pub call_name: String,
    /// What is asked of whom.
    pub call: Call,
    /// Share of the served requests in which it is made, in millionths.
    pub probability_ppm: u32,
    /// How often it is made, one after the other.
    pub repeat: u32,
    /// What its failure means.
    pub on_failure: OnFailure,
    /// The first path that ends with it.
    pub first_path: SourceId,
}

/// A node of a workload's plan; children stand side by side in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanNode {
    /// This edge.
    Call(u32),
    /// `count` nodes from `first` on, one after the other.
    Sequence {
        /// The first child.
        first: u32,
        /// How many children.
        count: u32,
    },
    /// `count` nodes from `first` on, at once.
    Parallel {
        /// The first child.
        first: u32,
        /// How many children.
        count: u32,
    },
}

/// A way from a traffic source to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Its last edge.
    pub edge: u32,
    /// The path without its last edge; `None` for a source itself.
    pub parent: Option<SourceId>,
    /// The source at its beginning.
    pub root: SourceId,
    /// Requests of this path per request of the root, when every call is made.
    pub fan_out: u64,
    /// How many calls before the last one can make several attempts.
    pub retrying_above: u32,
    /// Where the calls of the workloads behind its target begin: path of the workload's first edge.
    children: Vec<(WorkloadId, u32)>,
}

/// A workload's part of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its root in the table of nodes.
    pub root: u32,
    /// Its first edge; its edges stand side by side.
    pub first_edge: u32,
    /// How many edges.
    pub edges: u32,
}

/// All edges, plans and paths of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallGraph {
    /// Edges: those of sources first, in their order, then those of workloads.
    pub edges: Vec<Edge>,
    /// Nodes of all plans.
    pub nodes: Vec<PlanNode>,
    /// Each workload's plan, if it calls anybody.
    pub plans: Vec<Option<Plan>>,
    /// Paths by [`SourceId`]: the sources first, then what is below each of them.
    pub paths: Vec<Path>,
}

impl CallGraph {
    /// Unfolds the calls of a model; fails on a cycle, on too many paths, and on too many retries above each other.
    pub fn new(sources: &[Source], workloads: &[Workload], ports: &[ServicePort]) -> Result<Self, String> {
        let mut graph = Self { plans: vec![None; workloads.len()], ..Self::default() };
        for source in sources {
            graph.edges.push(Edge {
                caller: None,
                name: source.name.clone(),
                call_name: String::new(),
                call: source.call.clone(),
                probability_ppm: WHOLE_PPM,
                repeat: 1,
                on_failure: OnFailure::Fail,
                first_path: SourceId(u32::MAX),
            });
        }
        for (index, workload) in workloads.iter().enumerate().filter(|(_, workload)| !workload.calls.is_empty()) {
            graph.add_plan(WorkloadId::from_index(index), workload);
        }
        graph.find_cycle(workloads, ports)?;
        for index in 0..sources.len() {
            let root = SourceId::from_index(index);
            let edge = u32::try_from(index).expect("sources number below 2^32");
            graph.add_path(Path { edge, parent: None, root, fan_out: 1, retrying_above: 0, children: Vec::new() });
        }
        graph.unfold(ports)?;
        Ok(graph)
    }

    /// The edge that a path ends with.
    pub fn edge_of(&self, path: SourceId) -> &Edge {
        &self.edges[self.paths[path.index()].edge as usize]
    }

    /// The path of an edge below another path, when it was served by the edge's caller.
    pub fn child(&self, path: SourceId, caller: WorkloadId, edge: u32) -> SourceId {
        let plan = self.plans[caller.index()].expect("a caller has a plan");
        let (_, first) = self.paths[path.index()]
            .children
            .iter()
            .find(|(workload, _)| *workload == caller)
            .expect("only workloads behind a path's target serve its requests and call on");
        SourceId(first + (edge - plan.first_edge))
    }

    /// True when a workload's calls are part of a path: it stands behind the path's target.
    pub fn has_children(&self, path: SourceId, caller: WorkloadId) -> bool {
        self.paths[path.index()].children.iter().any(|(workload, _)| *workload == caller)
    }

    /// The name of a path for people: the source and the edges below it.
    pub fn path_name(&self, path: SourceId) -> String {
        let own = &self.edge_of(path).name;
        match self.paths[path.index()].parent {
            None => own.clone(),
            Some(parent) => format!("{} / {own}", self.path_name(parent)),
        }
    }

    fn add_plan(&mut self, workload: WorkloadId, definition: &Workload) {
        let first_edge = self.next_edge();
        let root = self.next_node();
        self.nodes.push(PlanNode::Sequence { first: 0, count: 0 });
        let children = self.add_steps(workload, definition, &definition.calls);
        self.nodes[root as usize] = PlanNode::Sequence { first: children.0, count: children.1 };
        self.plans[workload.index()] = Some(Plan { root, first_edge, edges: self.next_edge() - first_edge });
    }

    /// Adds steps side by side, then what is below each of them.
    fn add_steps(&mut self, workload: WorkloadId, definition: &Workload, steps: &[Step]) -> (u32, u32) {
        let first = self.next_node();
        self.nodes.extend(steps.iter().map(|_| PlanNode::Sequence { first: 0, count: 0 }));
        for (place, step) in steps.iter().enumerate() {
            let node = match step {
                Step::Call(planned) => PlanNode::Call(self.add_edge(workload, definition, planned)),
                Step::Sequence(steps) => {
                    let (first, count) = self.add_steps(workload, definition, steps);
                    PlanNode::Sequence { first, count }
                }
                Step::Parallel(steps) => {
                    let (first, count) = self.add_steps(workload, definition, steps);
                    PlanNode::Parallel { first, count }
                }
            };
            self.nodes[first as usize + place] = node;
        }
        (first, u32::try_from(steps.len()).expect("steps number below 2^32"))
    }

    fn add_edge(&mut self, workload: WorkloadId, definition: &Workload, planned: &PlannedCall) -> u32 {
        let edge = self.next_edge();
        self.edges.push(Edge {
            caller: Some(workload),
            name: format!("{} > {}", definition.name, planned.name),
            call_name: planned.name.clone(),
            call: planned.call.clone(),
            probability_ppm: planned.probability_ppm,
            repeat: planned.repeat,
            on_failure: planned.on_failure,
            first_path: SourceId(u32::MAX),
        });
        edge
    }

    fn next_edge(&self) -> u32 {
        u32::try_from(self.edges.len()).expect("calls number below 2^32")
    }

    fn next_node(&self) -> u32 {
        u32::try_from(self.nodes.len()).expect("steps number below 2^32")
    }

    /// The edges of a workload.
    fn edges_of(&self, workload: WorkloadId) -> std::ops::Range<usize> {
        match self.plans[workload.index()] {
            Some(plan) => plan.first_edge as usize..(plan.first_edge + plan.edges) as usize,
            None => 0..0,
        }
    }

    /// Walks the workloads and tells the first way that comes back to where it was.
    fn find_cycle(&self, workloads: &[Workload], ports: &[ServicePort]) -> Result<(), String> {
        let mut done = vec![false; workloads.len()];
        for start in 0..workloads.len() {
            let mut way = Vec::new();
            self.walk(WorkloadId::from_index(start), workloads, ports, &mut way, &mut done)?;
        }
        Ok(())
    }

    fn walk(
        &self,
        workload: WorkloadId,
        workloads: &[Workload],
        ports: &[ServicePort],
        way: &mut Vec<WorkloadId>,
        done: &mut [bool],
    ) -> Result<(), String> {
        if let Some(place) = way.iter().position(|known| *known == workload) {
            let names = way[place..].iter().chain([&workload]).map(|id| workloads[id.index()].reference());
            return Err(format!("calls go round in a circle: {}", names.collect::<Vec<_>>().join(" -> ")));
        }
        if done[workload.index()] {
            return Ok(());
        }
        way.push(workload);
        for edge in self.edges_of(workload) {
            for next in behind(self.edges[edge].call.to, ports) {
                self.walk(next, workloads, ports, way, done)?;
            }
        }
        way.pop();
        done[workload.index()] = true;
        Ok(())
    }

    fn add_path(&mut self, path: Path) {
        let id = SourceId::from_index(self.paths.len());
        let edge = &mut self.edges[path.edge as usize];
        edge.first_path = edge.first_path.min(id);
        self.paths.push(path);
    }

    /// Adds the paths below every path, shorter ones first.
    fn unfold(&mut self, ports: &[ServicePort]) -> Result<(), String> {
        let mut place = 0;
        while place < self.paths.len() {
            let Path { edge, root, fan_out, retrying_above, .. } = self.paths[place].clone();
            let parent = Some(SourceId::from_index(place));
            let call = &self.edges[edge as usize].call;
            let retrying_above = retrying_above + u32::from(call.most_attempts() > 1);
            for workload in behind(call.to, ports) {
                let edges = self.edges_of(workload);
                if edges.is_empty() || self.paths[place].children.iter().any(|(known, _)| *known == workload) {
                    continue;
                }
                let first = u32::try_from(self.paths.len()).expect("paths number below 2^32");
                self.paths[place].children.push((workload, first));
                for edge in edges {
                    let fan_out = fan_out.saturating_mul(u64::from(self.edges[edge].repeat));
                    let edge = u32::try_from(edge).expect("calls number below 2^32");
                    self.add_path(Path { edge, parent, root, fan_out, retrying_above, children: Vec::new() });
                }
                if retrying_above > MOST_RETRYING {
                    let name = self.path_name(SourceId::from_index(place));
                    return Err(format!("more than {MOST_RETRYING} calls with retries stand above each other: {name}"));
                }
            }
            if self.paths.len() > MOST_PATHS {
                return Err(format!("the calls unfold into more than {MOST_PATHS} paths"));
            }
            place += 1;
        }
        Ok(())
    }
}

/// The workloads behind a target.
pub fn behind(target: Target, ports: &[ServicePort]) -> Vec<WorkloadId> {
    match target {
        Target::Service(port) => ports[port.index()].backends.iter().map(|(workload, _)| *workload).collect(),
        Target::Services { first, count } => {
            let ports = &ports[first.index()..first.index() + count as usize];
            ports.iter().flat_map(|port| &port.backends).map(|(workload, _)| *workload).collect()
        }
        Target::Pod { workload, .. } => vec![workload],
        // Where an address leads is known when somebody dials it.
        Target::Address { .. } => Vec::new(),
    }
}
