//! What tables of each node hold: host ports that lead to containers, connections that its clients have open, conntrack
//! entries where the table has a limit.

use std::collections::BTreeSet;

use sim_core::model::ids::NodeId;
use sim_core::trace::fields::Client;
use sim_core::trace::{Body, Record};

use super::bins::{Mergeable, Peak, Steps, halve};
use crate::id_map::IdMap;
use crate::trace_io::Names;

/// So many steps at most.
const STEPS: usize = 120;
/// Nodes that are told of; of more, those with the most connections, ports and entries.
const MOST: usize = 40;

/// What a node's tables held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeUsage {
    /// The node.
    pub node: String,
    /// Most connections of clients on it that were open at one time, one client port each.
    pub open_most: u32,
    /// The most in each step.
    pub open: Vec<u32>,
    /// Most host ports that led to containers at one time.
    pub host_ports: u32,
    /// Most conntrack entries at one time; `None` where the table has no limit or the trace does not tell.
    pub conntrack: Option<u32>,
    /// How often its conntrack table was full.
    pub full: u32,
}

/// All nodes that something is known of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Width of a step, ns.
    pub width: u64,
    /// The nodes.
    pub nodes: Vec<NodeUsage>,
    /// Nodes without a row.
    pub left_out: usize,
}

#[derive(Clone, Debug, Default)]
struct Open {
    now: u32,
    most: u32,
    steps: Vec<Peak>,
}

/// The same while a run goes on.
#[derive(Clone, Debug)]
pub(crate) struct UsageTally {
    steps: Steps,
    open: IdMap<Open>,
    pod_nodes: IdMap<Option<u32>>,
    conntrack: IdMap<u32>,
}

impl Default for UsageTally {
    fn default() -> Self {
        Self {
            steps: Steps::at_most(STEPS),
            open: IdMap::default(),
            pod_nodes: IdMap::default(),
            conntrack: IdMap::default(),
        }
    }
}

impl UsageTally {
    /// A pod gets its node.
    pub(crate) fn scheduled(&mut self, pod: u32, node: u32) {
        *self.pod_nodes.slot(pod) = Some(node);
    }

    /// A node's conntrack table holds so many entries.
    pub(crate) fn conntrack(&mut self, node: u32, entries: u32) {
        let most = self.conntrack.slot(node);
        *most = (*most).max(entries);
    }

    /// The node that a client's connections are of.
    pub(crate) fn node_of(&self, client: Client) -> Option<u32> {
        match client {
            Client::None => None,
            Client::Pod(pod) => self.pod_nodes.get(pod.0).copied().flatten(),
            Client::Node(node) => Some(node.0),
        }
    }

    /// A client on a node opens a connection.
    pub(crate) fn opened(&mut self, time: u64, node: u32) {
        self.change(time, node, 1);
    }

    /// The client's side of a connection that was opened on a node is closed.
    pub(crate) fn closed(&mut self, time: u64, node: u32) {
        self.change(time, node, -1);
    }

    fn change(&mut self, time: u64, node: u32, by: i32) {
        let (place, halvings) = self.steps.place(time);
        if halvings > 0 {
            self.open.values_mut().for_each(|open| halve(&mut open.steps, halvings));
        }
        let open = self.open.slot(node);
        // In steps without a change it stays what it was.
        if open.steps.len() <= place {
            open.steps.resize(place + 1, Peak(open.now));
        }
        open.now = open.now.saturating_add_signed(by);
        open.most = open.most.max(open.now);
        if let Some(step) = open.steps.last_mut() {
            step.merge(Peak(open.now));
        }
    }

    /// What was seen, with what the control plane's `records` tell of host ports.
    pub(crate) fn finish(&self, records: &[Record], names: &Names) -> Usage {
        let (ports, full) = host_ports(records);
        let mut nodes: BTreeSet<u32> =
            self.open.iter().filter(|(_, open)| open.most > 0).map(|(node, _)| node).collect();
        nodes.extend(self.conntrack.iter().filter(|(_, most)| **most > 0).map(|(node, _)| node));
        nodes.extend(ports.iter().filter(|(_, ports)| ports.1 > 0).map(|(node, _)| node));
        let length = self.open.iter().map(|(_, open)| open.steps.len()).max().unwrap_or(0);
        let usage = |node: u32| {
            let (open_most, open) = self.open.get(node).map_or((0, Vec::new()), |open| {
                let mut steps: Vec<u32> = open.steps.iter().map(|peak| peak.0).collect();
                steps.resize(length, open.now);
                (open.most, steps)
            });
            NodeUsage {
                node: names.node(NodeId(node)),
                open_most,
                open,
                host_ports: ports.get(node).map_or(0, |ports| ports.1),
                conntrack: self.conntrack.get(node).copied().filter(|most| *most > 0),
                full: full.get(node).copied().unwrap_or(0),
            }
        };
        let mut all: Vec<(u32, NodeUsage)> = nodes.into_iter().map(|node| (node, usage(node))).collect();
        let known = all.len();
        all.sort_by_key(|(node, usage)| {
            let most = (usage.open_most, usage.conntrack.unwrap_or(0), usage.host_ports);
            (std::cmp::Reverse(most), *node)
        });
        all.truncate(MOST);
        all.sort_by_key(|(node, _)| *node);
        let nodes: Vec<NodeUsage> = all.into_iter().map(|(_, usage)| usage).collect();
        Usage { width: self.steps.width, left_out: known - nodes.len(), nodes }
    }
}

/// By node: host ports that are published now and the most of them; how often its conntrack table was full.
#[allow(clippy::wildcard_enum_match_arm)] // the rest says nothing of ports
fn host_ports(records: &[Record]) -> (IdMap<(BTreeSet<u16>, u32)>, IdMap<u32>) {
    let (mut ports, mut full) = (IdMap::<(BTreeSet<u16>, u32)>::default(), IdMap::<u32>::default());
    for record in records {
        match record.body {
            Body::PortPublished { node, host_port, .. } => {
                let (now, most) = ports.slot(node.0);
                now.insert(host_port);
                *most = (*most).max(u32::try_from(now.len()).unwrap_or(u32::MAX));
            }
            Body::PortReleased { node, host_port, .. } => {
                ports.slot(node.0).0.remove(&host_port);
            }
            Body::ConntrackFull { node, .. } => *full.slot(node.0) += 1,
            _ => {}
        }
    }
    (ports, full)
}
