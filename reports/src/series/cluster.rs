//! Nodes and pods with everything that became of them, from the control plane's records.

use std::collections::BTreeMap;

use sim_core::model::ids::{NodeId, PodId, WorkloadId};
use sim_core::trace::{Body, Record, TraceHeader};

use crate::id_map::IdMap;
use crate::trace_io::Names;

/// Nodes that are told of; of more, those to which something happened, then the first ones.
const MOST_NODES: usize = 48;
/// Pods that are told of; of more, those to which something happened, then the first ones.
const MOST_PODS: usize = 240;
/// States of one node or pod that are told; more would be a flapping one, whose last state is kept.
const MOST_STATES: usize = 120;

/// What a node or pod is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Not there yet, or no longer.
    #[default]
    Absent,
    /// A pod that does not run yet.
    Pending,
    /// A pod that counts as ready, or a node without anything to tell.
    Ready,
    /// A pod that runs and does not count as ready; a node that the control plane counts as lost.
    NotReady,
    /// A pod that is marked for deletion; a node that takes no new pods.
    Leaving,
    /// Its processes stand still.
    Hung,
    /// Its processes or its machine stopped.
    Dead,
}

impl State {
    /// All states, in the order of their letters.
    pub const ALL: [Self; 7] =
        [Self::Absent, Self::Pending, Self::Ready, Self::NotReady, Self::Leaving, Self::Hung, Self::Dead];

    /// The letter that pictures carry for it.
    pub const fn letter(self) -> char {
        match self {
            Self::Absent => 'a',
            Self::Pending => 'p',
            Self::Ready => 'r',
            Self::NotReady => 'n',
            Self::Leaving => 'l',
            Self::Hung => 'h',
            Self::Dead => 'd',
        }
    }

    /// The word for it in pictures.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::NotReady => "not ready",
            Self::Leaving => "leaving",
            Self::Hung => "hung",
            Self::Dead => "dead",
        }
    }
}

/// States with the times at which they began, ns.
pub type States = Vec<(u64, State)>;

/// The state at a time.
pub fn state_at(states: &[(u64, State)], time: u64) -> State {
    states.iter().take_while(|(from, _)| *from <= time).last().map_or(State::Absent, |(_, state)| *state)
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeStory {
    /// Its name.
    pub name: String,
    /// Its zone.
    pub zone: String,
    /// The switch that its first link leads to; empty when no link's name tells.
    pub rack: String,
    /// `worker`, `control-plane` or `external`.
    pub role: String,
    /// Its address.
    pub address: String,
    /// The block that its pods get addresses from.
    pub subnet: String,
    /// What became of it.
    pub states: States,
}

/// A pod or container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodStory {
    /// Its name.
    pub name: String,
    /// Its workload.
    pub workload: String,
    /// Its place among the nodes that are told of.
    pub node: usize,
    /// Its address, cluster-wide or private to its host.
    pub address: String,
    /// Every port of it that was published: host port and container port, in the order of the times.
    pub published: Vec<(u16, u16)>,
    /// What became of it.
    pub states: States,
}

/// All nodes and pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Nodes.
    pub nodes: Vec<NodeStory>,
    /// Nodes that are not told of.
    pub nodes_left_out: usize,
    /// Pods on these nodes.
    pub pods: Vec<PodStory>,
    /// Pods that are not told of.
    pub pods_left_out: usize,
}

#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own, told by its own record
struct NodeNow {
    story: NodeStory,
    down: bool,
    hung: bool,
    lost: bool,
    cordoned: bool,
}

#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // see above
struct PodNow {
    story: PodStory,
    node: Option<u32>,
    started: bool,
    ready: bool,
    hung: bool,
    deleted: bool,
    /// Containers that are down, a bit each; containers beyond the 63rd share the last one.
    exited: u64,
    gone: bool,
    node_down: bool,
}

impl PodNow {
    fn state(&self) -> State {
        match self {
            Self { gone: true, .. } => State::Absent,
            Self { node_down: true, .. } | Self { exited: 1.., started: true, .. } => State::Dead,
            Self { hung: true, .. } => State::Hung,
            Self { deleted: true, .. } => State::Leaving,
            Self { ready: true, .. } => State::Ready,
            Self { started: true, .. } => State::NotReady,
            _ => State::Pending,
        }
    }
}

impl NodeNow {
    fn state(&self) -> State {
        match self {
            Self { down: true, .. } => State::Dead,
            Self { hung: true, .. } => State::Hung,
            Self { lost: true, .. } => State::NotReady,
            Self { cordoned: true, .. } => State::Leaving,
            _ => State::Ready,
        }
    }
}

fn push(states: &mut States, time: u64, state: State) {
    let is_full = states.len() >= MOST_STATES;
    match states.last_mut() {
        Some((_, last)) if *last == state => {}
        // Of one instant the last state counts.
        Some((at, last)) if *at == time => *last = state,
        Some((_, last)) if is_full => *last = state,
        _ => states.push((time, state)),
    }
}

/// Follows the records.
#[derive(Default)]
struct Follower {
    nodes: IdMap<NodeNow>,
    pods: IdMap<PodNow>,
}

impl Follower {
    fn node(&mut self, time: u64, node: NodeId, change: impl FnOnce(&mut NodeNow)) {
        let now = self.nodes.slot(node.0);
        change(now);
        let state = now.state();
        push(&mut now.story.states, time, state);
    }

    fn pod(&mut self, time: u64, pod: PodId, change: impl FnOnce(&mut PodNow)) {
        let now = self.pods.slot(pod.0);
        change(now);
        let state = now.state();
        push(&mut now.story.states, time, state);
    }

    #[allow(clippy::wildcard_enum_match_arm)] // only what shows in a picture
    fn take(&mut self, record: &Record, names: &Names) {
        let time = record.time.as_nanos();
        match record.body {
            Body::NodeRegistered { node, address, subnet } => self.node(time, node, |now| {
                (now.story.address, now.story.subnet) = (address.to_string(), subnet.to_string());
            }),
            Body::NodeDown { node } => self.node_down(time, node),
            Body::NodeUp { node } => self.node(time, node, |now| (now.down, now.hung) = (false, false)),
            Body::NodeNotReady { node } => self.node(time, node, |now| now.lost = true),
            Body::NodeReady { node } => self.node(time, node, |now| now.lost = false),
            Body::NodeHung { node } => self.node(time, node, |now| now.hung = true),
            Body::NodeResumed { node } => self.node(time, node, |now| now.hung = false),
            Body::NodeCordoned { node } => self.node(time, node, |now| now.cordoned = true),
            Body::NodeUncordoned { node } => self.node(time, node, |now| now.cordoned = false),
            Body::PodCreated { pod, workload, .. } => {
                let (name, workload) = (names.pod(pod), names.workload(workload));
                self.pod(time, pod, |now| (now.story.name, now.story.workload) = (name, workload));
            }
            _ => self.take_pod(record),
        }
    }

    #[allow(clippy::wildcard_enum_match_arm)] // see `take`
    fn take_pod(&mut self, record: &Record) {
        let time = record.time.as_nanos();
        let bit = |container: u8| 1_u64 << container.min(63);
        match record.body {
            Body::PodScheduled { pod, node } => self.pod(time, pod, |now| now.node = Some(node.0)),
            Body::AddressAssigned { pod, address } => {
                self.pod(time, pod, |now| now.story.address = address.to_string());
            }
            Body::PortPublished { pod, container_port, host_port, .. } => self.pod(time, pod, |now| {
                let port = (host_port, container_port);
                if !now.story.published.contains(&port) && now.story.published.len() < MOST_STATES {
                    now.story.published.push(port);
                }
            }),
            Body::ContainerStarted { pod, container } => self.pod(time, pod, |now| {
                now.exited &= !bit(container);
                (now.started, now.node_down, now.hung) = (true, false, false);
            }),
            Body::ContainerExited { pod, container, .. } => {
                self.pod(time, pod, |now| now.exited |= bit(container));
            }
            Body::PodReady { pod } => self.pod(time, pod, |now| now.ready = true),
            Body::PodNotReady { pod } => self.pod(time, pod, |now| now.ready = false),
            Body::PodHung { pod } => self.pod(time, pod, |now| now.hung = true),
            Body::PodResumed { pod } => self.pod(time, pod, |now| now.hung = false),
            Body::PodDeleted { pod, .. } => self.pod(time, pod, |now| now.deleted = true),
            Body::PodGone { pod } => self.pod(time, pod, |now| now.gone = true),
            _ => {}
        }
    }

    fn node_down(&mut self, time: u64, node: NodeId) {
        self.node(time, node, |now| now.down = true);
        for pod in self.pods.values_mut().filter(|pod| pod.node == Some(node.0) && !pod.gone) {
            pod.node_down = true;
            push(&mut pod.story.states, time, State::Dead);
        }
    }
}

/// The places of the `most` things to keep: those that changed after the start first, each in the order they came.
fn chosen<'a>(states: impl Iterator<Item = &'a States>, most: usize) -> Vec<usize> {
    let changed = |states: &States| states.iter().filter(|(at, _)| *at > 0).count() > 0;
    let mut places: Vec<(bool, usize)> = states.enumerate().map(|(place, states)| (!changed(states), place)).collect();
    places.sort_unstable();
    places.truncate(most);
    let mut places: Vec<usize> = places.into_iter().map(|(_, place)| place).collect();
    places.sort_unstable();
    places
}

/// All nodes and pods of these records, which the `names` know.
pub(crate) fn cluster(header: &TraceHeader, records: &[Record], names: &Names) -> Cluster {
    let mut follower = Follower::default();
    for record in records {
        follower.take(record, names);
    }
    let all: Vec<NodeStory> = header
        .nodes
        .iter()
        .zip(0_u32..)
        .map(|(node, number)| {
            let now = follower.nodes.get(number).cloned().unwrap_or_default();
            let mut states = now.story.states;
            if states.is_empty() {
                states.push((0, State::Ready));
            }
            let name = names.node(NodeId(number));
            let rack = header.links.iter().find_map(|link| link.strip_prefix(&name)?.strip_prefix("--"));
            let rack = rack.unwrap_or_default().to_owned();
            NodeStory { zone: node.zone.clone(), role: node.role.clone(), name, rack, states, ..now.story }
        })
        .collect();
    let kept = chosen(all.iter().map(|node| &node.states), MOST_NODES);
    let places: BTreeMap<usize, usize> = kept.iter().enumerate().map(|(place, node)| (*node, place)).collect();
    let mut pods = Vec::new();
    let mut known = 0;
    for (_, pod) in follower.pods.iter().filter(|(_, pod)| !pod.story.name.is_empty()) {
        known += 1;
        let node = pod.node.and_then(|node| places.get(&(node as usize)));
        pods.extend(node.map(|node| PodStory { node: *node, ..pod.story.clone() }));
    }
    let shown = chosen(pods.iter().map(|pod| &pod.states), MOST_PODS);
    let pods: Vec<PodStory> = shown.into_iter().filter_map(|place| pods.get(place).cloned()).collect();
    let nodes: Vec<NodeStory> = kept.iter().filter_map(|place| all.get(*place).cloned()).collect();
    Cluster { nodes_left_out: all.len() - nodes.len(), pods_left_out: known - pods.len(), nodes, pods }
}

/// The workload's name of every pod, and its node's, for whoever counts by pod.
pub(crate) fn owners(records: &[Record]) -> IdMap<(Option<WorkloadId>, Option<NodeId>)> {
    let mut owners = IdMap::<(Option<WorkloadId>, Option<NodeId>)>::default();
    for record in records {
        if let Body::PodCreated { pod, workload, .. } = record.body {
            owners.slot(pod.0).0 = Some(workload);
        } else if let Body::PodScheduled { pod, node } = record.body {
            owners.slot(pod.0).1 = Some(node);
        }
    }
    owners
}
