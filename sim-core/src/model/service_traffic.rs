//! What a Service says of its traffic beyond its ports: policies, affinity, distribution, who may enter.

use std::net::IpAddr;

use crate::kernel::time::SimDuration;
use crate::model::units::Subnet;

/// Which endpoints traffic of one kind may go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrafficPolicy {
    /// All of the cluster.
    #[default]
    Cluster,
    /// Those of the node that the packet meets.
    Local,
}

/// Which endpoints nodes prefer (`trafficDistribution`, C.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrafficDistribution {
    /// Those of the node's own zone: `PreferSameZone`, formerly `PreferClose`.
    SameZone,
    /// Those of the node itself, else of its zone: `PreferSameNode`.
    SameNode,
}

/// How a Service treats its traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceTraffic {
    /// `internalTrafficPolicy`: of connections to the clusterIP.
    pub internal: TrafficPolicy,
    /// `externalTrafficPolicy`: of connections that come in by a node port or an address from outside.
    pub external: TrafficPolicy,
    /// `sessionAffinity: ClientIP` with its time-out; `None` balances each connection on its own.
    pub affinity: Option<SimDuration>,
    /// `trafficDistribution`.
    pub distribution: Option<TrafficDistribution>,
    /// `externalIPs`: further addresses that nodes take the Service's connections under.
    pub external_ips: Vec<IpAddr>,
    /// `loadBalancerSourceRanges`: who may enter through a load balancer; empty admits everybody.
    pub source_ranges: Vec<Subnet>,
}

impl ServiceTraffic {
    /// True when every node treats the Service alike, and each connection by itself.
    pub fn is_plain(&self) -> bool {
        let everywhere = self.internal == TrafficPolicy::Cluster && self.external == TrafficPolicy::Cluster;
        everywhere && self.affinity.is_none() && self.distribution.is_none()
    }
}
