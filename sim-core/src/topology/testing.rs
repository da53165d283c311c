//! What tests of networks share.

use std::net::{IpAddr, Ipv4Addr};

use super::{Node, NodeRole};

/// So many workers, `node-1` at 192.168.0.1 and on.
pub(crate) fn workers(count: u8) -> Vec<Node> {
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
