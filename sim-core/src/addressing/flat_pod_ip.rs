//! flat-pod-ip: a podCIDR per node, an address per pod, clusterIPs and node ports (B2, B3, B8, B12).

use std::net::IpAddr;

use super::allocators::{Bands, LowestFree, RoundRobinOffsets, cluster_ip_band, node_port_band};
use crate::model::ids::NodeId;
use crate::model::settings::{ClusterSettings, Ipam, PortRange, Subnet};

/// Why a Service does not get what its manifest asks for; Kubernetes' own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllocationError {
    /// The address or port is taken.
    AlreadyAllocated,
    /// It lies outside the range.
    NotInRange,
    /// Nothing is left.
    Full,
}

/// The pod addresses of one node.
#[derive(Clone, Debug)]
enum PodOffsets {
    InTurn(RoundRobinOffsets),
    LowestFree(LowestFree),
}

impl PodOffsets {
    /// Offsets of a block; .0 and .1 (the gateway) are never given out, nor is the last one.
    fn new(ipam: Ipam, block: Subnet) -> Self {
        let (first, end) = (2, block.size() - 1);
        match ipam {
            Ipam::HostLocal => Self::InTurn(RoundRobinOffsets::new(first, end)),
            Ipam::LowestFree => Self::LowestFree(LowestFree::new(first, end)),
        }
    }

    fn allocate(&mut self) -> Option<u64> {
        match self {
            Self::InTurn(offsets) => offsets.allocate(),
            Self::LowestFree(offsets) => offsets.allocate(),
        }
    }

    fn release(&mut self, offset: u64) {
        match self {
            Self::InTurn(offsets) => offsets.release(offset),
            Self::LowestFree(offsets) => offsets.release(offset),
        }
    }
}

/// All address and port allocators of a cluster.
#[derive(Clone, Debug)]
pub struct FlatPodIp {
    /// By node; `None` when the cluster CIDR is used up.
    pods: Vec<Option<(Subnet, PodOffsets)>>,
    service_range: Subnet,
    cluster_ips: Bands,
    node_port_range: PortRange,
    node_ports: Bands,
}

impl FlatPodIp {
    /// Gives each node its podCIDR: the one that it has already, or the next block of the cluster CIDR that none has.
    pub fn new(settings: &ClusterSettings, given: &[Option<Subnet>]) -> Self {
        let mut free = 0_u64..;
        let mut next = || {
            let taken = |block: Subnet| given.iter().flatten().any(|other| other.overlaps(block));
            free.by_ref().map(|number| block(settings, number)).find(|block| !block.is_some_and(taken)).flatten()
        };
        let with_offsets = |block| (block, PodOffsets::new(settings.ipam, block));
        let pods: Vec<_> = given.iter().map(|given| given.or_else(&mut next).map(with_offsets)).collect();
        let size = settings.service_cluster_ip_range.size();
        let ports = u64::from(settings.service_node_port_range.len());
        let mut cluster_ips = Bands::new(1, cluster_ip_band(size), size - 1);
        // The first address belongs to Service `kubernetes`, the tenth to the cluster's DNS (B7).
        cluster_ips.reserve(1);
        cluster_ips.reserve(10);
        Self {
            pods,
            service_range: settings.service_cluster_ip_range,
            cluster_ips,
            node_port_range: settings.service_node_port_range,
            node_ports: Bands::new(0, node_port_band(ports), ports),
        }
    }

    /// The podCIDR of a node.
    pub fn pod_cidr(&self, node: NodeId) -> Option<Subnet> {
        self.pods[node.index()].as_ref().map(|(subnet, _)| *subnet)
    }

    /// The next pod address on a node; `None` when its range is used up.
    pub fn allocate_pod(&mut self, node: NodeId) -> Option<IpAddr> {
        let (subnet, offsets) = self.pods[node.index()].as_mut()?;
        offsets.allocate().map(|offset| subnet.nth(offset))
    }

    /// Gives a pod's address back.
    pub fn release_pod(&mut self, node: NodeId, address: IpAddr) {
        if let Some((subnet, offsets)) = self.pods[node.index()].as_mut() {
            offsets.release(offset_in(*subnet, address));
        }
    }

    /// Takes the clusterIP that a manifest asks for.
    pub fn reserve_cluster_ip(&mut self, address: IpAddr) -> Result<IpAddr, AllocationError> {
        let offset = offset_in(self.service_range, address);
        if offset >= self.service_range.size() {
            return Err(AllocationError::NotInRange);
        }
        if self.cluster_ips.reserve(offset) { Ok(address) } else { Err(AllocationError::AlreadyAllocated) }
    }

    /// A clusterIP from the dynamic band.
    pub fn allocate_cluster_ip(&mut self, draw: u64) -> Result<IpAddr, AllocationError> {
        let offset = self.cluster_ips.allocate(draw).ok_or(AllocationError::Full)?;
        Ok(self.service_range.nth(offset))
    }

    /// Gives a clusterIP back.
    pub fn release_cluster_ip(&mut self, address: IpAddr) {
        self.cluster_ips.release(offset_in(self.service_range, address));
    }

    /// Gives a node port back.
    pub fn release_node_port(&mut self, port: u16) {
        self.node_ports.release(u64::from(port.saturating_sub(self.node_port_range.first)));
    }

    /// Takes the node port that a manifest asks for.
    pub fn reserve_node_port(&mut self, port: u16) -> Result<u16, AllocationError> {
        let range = self.node_port_range;
        if port < range.first || port > range.last {
            return Err(AllocationError::NotInRange);
        }
        let free = self.node_ports.reserve(u64::from(port - range.first));
        if free { Ok(port) } else { Err(AllocationError::AlreadyAllocated) }
    }

    /// A node port from the dynamic band.
    pub fn allocate_node_port(&mut self, draw: u64) -> Result<u16, AllocationError> {
        let offset = self.node_ports.allocate(draw).ok_or(AllocationError::Full)?;
        u16::try_from(u64::from(self.node_port_range.first) + offset).map_err(|_| AllocationError::NotInRange)
    }
}

/// The `number`-th block of the cluster CIDR; `None` past its end.
fn block(settings: &ClusterSettings, number: u64) -> Option<Subnet> {
    let cidr = settings.cluster_cidr;
    let size = Subnet { prefix: settings.node_cidr_mask_size, ..cidr }.size();
    if size < 4 || (number + 1) * size > cidr.size() {
        return None;
    }
    Some(Subnet { address: cidr.nth(number * size), prefix: settings.node_cidr_mask_size })
}

fn offset_in(subnet: Subnet, address: IpAddr) -> u64 {
    match (subnet.address, address) {
        (IpAddr::V4(first), IpAddr::V4(address)) => u64::from(u32::from(address).wrapping_sub(u32::from(first))),
        _ => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_follow_the_nodes_and_end_after_256() {
        let flat = FlatPodIp::new(&ClusterSettings::default(), &[None; 300]);
        assert_eq!(flat.pod_cidr(NodeId(1)).unwrap().to_string(), "10.244.1.0/24");
        assert_eq!(flat.pod_cidr(NodeId(255)).unwrap().to_string(), "10.244.255.0/24");
        assert_eq!(flat.pod_cidr(NodeId(256)), None);
    }

    #[test]
    fn blocks_that_nodes_have_already_are_theirs_alone() {
        let own = [Some(Subnet::v4(10, 244, 1, 0, 24)), None, Some(Subnet::v4(10, 8, 0, 0, 26)), None, None];
        let flat = FlatPodIp::new(&ClusterSettings::default(), &own);
        let blocks: Vec<String> = (0..5).map(|node| flat.pod_cidr(NodeId(node)).unwrap().to_string()).collect();
        assert_eq!(blocks, ["10.244.1.0/24", "10.244.0.0/24", "10.8.0.0/26", "10.244.2.0/24", "10.244.3.0/24"]);
    }

    #[test]
    fn pods_of_one_node_get_addresses_in_turn() {
        let mut flat = FlatPodIp::new(&ClusterSettings::default(), &[None; 2]);
        let first = flat.allocate_pod(NodeId(1)).unwrap();
        assert_eq!(first.to_string(), "10.244.1.2");
        flat.release_pod(NodeId(1), first);
        assert_eq!(flat.allocate_pod(NodeId(1)).unwrap().to_string(), "10.244.1.3");
    }

    #[test]
    fn the_lowest_free_address_comes_back_at_once() {
        let settings = ClusterSettings { ipam: Ipam::LowestFree, ..ClusterSettings::default() };
        let mut flat = FlatPodIp::new(&settings, &[None]);
        let first = flat.allocate_pod(NodeId(0)).unwrap();
        assert_eq!(flat.allocate_pod(NodeId(0)).unwrap().to_string(), "10.244.0.3");
        flat.release_pod(NodeId(0), first);
        assert_eq!(flat.allocate_pod(NodeId(0)), Some(first));
    }

    #[test]
    fn dynamic_cluster_ips_and_node_ports_stay_in_the_upper_band() {
        let mut flat = FlatPodIp::new(&ClusterSettings::default(), &[None]);
        assert_eq!(flat.allocate_cluster_ip(0).unwrap().to_string(), "10.96.1.0");
        assert_eq!(flat.allocate_node_port(0), Ok(30_086));
        assert_eq!(flat.reserve_node_port(30_086), Err(AllocationError::AlreadyAllocated));
        assert_eq!(flat.reserve_node_port(80), Err(AllocationError::NotInRange));
        assert_eq!(flat.reserve_cluster_ip(IpAddr::from([10, 96, 0, 1])), Err(AllocationError::AlreadyAllocated));
        assert_eq!(flat.reserve_cluster_ip(IpAddr::from([10, 0, 0, 1])), Err(AllocationError::NotInRange));
    }
}
