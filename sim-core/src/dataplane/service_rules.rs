//! What kube-proxy's rules on one node do to the first packet of a connection to a Service (C.3, C.6). Knows no endpoint
//! by name and no list: which endpoints there are is said by `control::endpoint_categories`.

use std::net::{IpAddr, SocketAddr};

/// By which of a Service's addresses a packet comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Its clusterIP.
    Internal,
    /// A node port, an external address or a load balancer's address.
    External,
}

/// Who sent the packet, as the node sees its source address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A pod.
    Pod,
    /// The node itself.
    Node,
    /// Anybody else: another node, or somebody outside.
    Other,
}

/// Which endpoints the packet may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointSet {
    /// Those of the cluster that this node uses.
    Cluster,
    /// Those of this node.
    Local,
}

/// What happens to the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is refused: ICMP port unreachable.
    Reject,
    /// It vanishes.
    Drop,
    /// It goes to one of a set of endpoints.
    Pass {
        /// Of which.
        set: EndpointSet,
        /// The node puts its own address in place of the sender's. A packet that comes back to its own sender
        /// (hairpin) is masqueraded whatever stands here.
        masquerade: bool,
    },
}

/// Whether there are endpoints of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usable {
    /// This node uses some of the cluster's.
    pub cluster: bool,
    /// This node has some of its own.
    pub local: bool,
    /// Some node has one.
    pub any: bool,
}

/// A Service's addresses and one of its ports.
#[derive(Clone, Copy, Debug)]
pub struct Front<'a> {
    /// Its clusterIP.
    pub cluster_ip: Option<IpAddr>,
    /// Its external addresses and those of its load balancer.
    pub outside: &'a [IpAddr],
    /// Its port under all of these.
    pub port: u16,
    /// The port under the addresses of every node.
    pub node_port: Option<u16>,
}

/// How a destination leads to a Service's port, if it does. `own` tells the node's own addresses.
pub fn entry(front: Front<'_>, dialled: SocketAddr, own: &[IpAddr]) -> Option<Entry> {
    let (address, port) = (dialled.ip(), dialled.port());
    if front.cluster_ip == Some(address) && front.port == port {
        return Some(Entry::Internal);
    }
    let by_address = front.outside.contains(&address) && front.port == port;
    let by_node_port = front.node_port == Some(port) && own.contains(&address);
    (by_address || by_node_port).then_some(Entry::External)
}

/// What the rules do; `internal_local` and `external_local` are the Service's traffic policies.
pub fn decide(entry: Entry, sender: Sender, internal_local: bool, external_local: bool, usable: Usable) -> Verdict {
    if !usable.any {
        return Verdict::Reject;
    }
    let (set, masquerade) = match entry {
        Entry::Internal => {
            let set = if internal_local { EndpointSet::Local } else { EndpointSet::Cluster };
            (set, sender != Sender::Pod)
        }
        Entry::External if !external_local => (EndpointSet::Cluster, true),
        // What comes from inside is not held to the node: the short circuit.
        Entry::External => match sender {
            Sender::Pod => (EndpointSet::Cluster, false),
            Sender::Node => (EndpointSet::Cluster, true),
            Sender::Other => (EndpointSet::Local, false),
        },
    };
    let found = match set {
        EndpointSet::Cluster => usable.cluster,
        EndpointSet::Local => usable.local,
    };
    if found { Verdict::Pass { set, masquerade } } else { Verdict::Drop }
}
