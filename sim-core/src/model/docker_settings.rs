//! What an administrator can set of Docker's daemons. Plain data; knows no containers.

use std::net::IpAddr;

use super::settings::{PortRange, Subnet};
use crate::kernel::time::SimDuration;

/// The Docker daemon of each host.
#[derive(Clone, Debug, PartialEq)]
pub struct DockerSettings {
    /// Subnet of `docker0`, the same on every host (A1, A3: 172.17.0.0/16).
    pub bridge_subnet: Subnet,
    /// Dynamic host ports: `net.ipv4.ip_local_port_range` of the host (A7: 32768-60999).
    pub dynamic_ports: PortRange,
    /// First wait before a container is restarted (A25: 100 ms).
    pub restart_back_off_initial: SimDuration,
    /// Longest wait before a container is restarted (A25: 1 min).
    pub restart_back_off_max: SimDuration,
    /// A run this long resets the wait (A25: 10 s).
    pub restart_back_off_reset: SimDuration,
    /// `userland-proxy`: docker-proxy serves what DNAT does not; without it the bridge is in hairpin mode (A20, A22: true).
    pub userland_proxy: bool,
    /// User-defined networks, by number (A1).
    pub networks: Vec<DockerNetwork>,
    /// `live-restore`: containers run on while the daemon is away (Docker's documentation: false).
    pub live_restore: bool,
}

impl Default for DockerSettings {
    fn default() -> Self {
        Self {
            bridge_subnet: Subnet::v4(172, 17, 0, 0, 16),
            dynamic_ports: PortRange { first: 32_768, last: 60_999 },
            restart_back_off_initial: SimDuration::from_millis(100),
            restart_back_off_max: SimDuration::from_secs(60),
            restart_back_off_reset: SimDuration::from_secs(10),
            userland_proxy: true,
            networks: Vec::new(),
            live_restore: false,
        }
    }
}

/// A user-defined bridge network, with the same subnet on every host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerNetwork {
    /// Its name.
    pub name: String,
    /// Its subnet.
    pub subnet: Subnet,
}

impl DockerSettings {
    /// The subnet of a network by number; of `docker0` without one.
    pub fn subnet(&self, network: Option<u16>) -> Subnet {
        network.map_or(self.bridge_subnet, |network| self.networks[usize::from(network)].subnet)
    }

    /// The subnet that holds an address, with the number of its network, which `docker0` has none of.
    pub fn holding(&self, address: IpAddr) -> Option<(Option<u16>, Subnet)> {
        if self.bridge_subnet.holds(address) {
            return Some((None, self.bridge_subnet));
        }
        let networks = self.networks.iter().zip(0_u16..);
        let found = networks.into_iter().find(|(network, _)| network.subnet.holds(address));
        found.map(|(network, number)| (Some(number), network.subnet))
    }
}
