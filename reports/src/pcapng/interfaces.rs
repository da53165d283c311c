//! The interfaces of a capture: each node's network card and loopback interface, and each pod's end of its veth pair.
//! Knows no packet.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use sim_core::model::ids::{NodeId, PodId};
use sim_core::trace::ends::Ends;

use super::blocks::Blocks;
use crate::convert::ConvertError;
use crate::trace_io::Names;

/// Where packets are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Interface {
    /// A node's network card.
    Node(NodeId),
    /// A node's loopback interface.
    Loopback(NodeId),
    /// A pod's own interface, on this node.
    Pod(NodeId, PodId),
}

/// A packet at an interface.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passing {
    pub interface: Interface,
    pub ends: Ends,
    pub time_to_live: u8,
    /// It leaves its sender's node; else it comes to its receiver's.
    pub departs: bool,
}

impl Passing {
    /// Source and destination of the frame: the interface's own address, and that of whatever stands on its other side.
    pub(super) fn macs(&self) -> ([u8; 6], [u8; 6]) {
        let [own, other] = match self.interface {
            Interface::Node(node) => [mac(0, node.0), mac(1, 0)],
            Interface::Loopback(_) => [[0; 6]; 2],
            Interface::Pod(node, pod) => [mac(2, pod.0), mac(3, node.0)],
        };
        if self.departs { (own, other) } else { (other, own) }
    }
}

/// A locally administered address.
fn mac(group: u8, number: u32) -> [u8; 6] {
    let [a, b, c, d] = number.to_be_bytes();
    [2, group, a, b, c, d]
}

/// The interfaces that were described so far, and those that are wanted.
pub(super) struct Interfaces {
    numbers: BTreeMap<Interface, Option<u32>>,
    written: u32,
    only: BTreeSet<String>,
    met: BTreeSet<String>,
}

/// So many names are told when none was right.
const TOLD: usize = 20;

impl Interfaces {
    /// Only interfaces of these names, or all of them.
    pub(super) fn new(only: &[String]) -> Self {
        Self { numbers: BTreeMap::new(), written: 0, only: only.iter().cloned().collect(), met: BTreeSet::new() }
    }

    /// The number of an interface, which is described when it is met first; `None` when it is not wanted.
    pub(super) fn number<W: Write>(
        &mut self,
        interface: Interface,
        names: &Names,
        blocks: &mut Blocks<W>,
    ) -> io::Result<Option<u32>> {
        if let Some(known) = self.numbers.get(&interface) {
            return Ok(*known);
        }
        let (name, description) = describe(interface, names);
        let wanted = self.only.is_empty() || self.only.contains(&name);
        let number = wanted.then_some(self.written);
        if wanted {
            blocks.interface(&name, &description)?;
            self.written += 1;
        }
        self.met.insert(name);
        self.numbers.insert(interface, number);
        Ok(number)
    }

    /// What is to be said about the interfaces of a whole capture.
    pub(super) fn notes(self) -> Result<Vec<String>, ConvertError> {
        if let Some(missing) = self.only.iter().find(|name| !self.met.contains(*name)) {
            let known: Vec<String> = self.met.into_iter().take(TOLD).collect();
            return Err(ConvertError::NoInterface { name: missing.clone(), known: known.join(", ") });
        }
        if self.written == 0 {
            return Ok(vec!["no packet passes what was asked for: the capture is empty".to_owned()]);
        }
        if self.written == 1 {
            return Ok(Vec::new());
        }
        let count = self.written;
        Ok(vec![format!(
            "{count} interfaces: a packet stands there once for each that it passes, which Wireshark counts as sent again; \
             `podwire convert --interface NAME` writes one alone"
        )])
    }
}

fn describe(interface: Interface, names: &Names) -> (String, String) {
    match interface {
        Interface::Node(node) => {
            let node = names.node(node);
            (format!("{node}:eth0"), format!("network card of node {node}"))
        }
        Interface::Loopback(node) => {
            let node = names.node(node);
            (format!("{node}:lo"), format!("loopback interface of node {node}"))
        }
        Interface::Pod(node, pod) => {
            let (node, pod) = (names.node(node), names.pod(pod));
            (format!("{node}:{pod}"), format!("interface of pod {pod} on node {node}"))
        }
    }
}
