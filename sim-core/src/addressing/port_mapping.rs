//! port-mapping: one private subnet on every host, and host ports that lead to containers (A3-A15).

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::allocators::LowestFree;
use crate::model::application::Protocol;
use crate::model::ids::PodId;
use crate::model::settings::{DockerSettings, PortRange, Subnet};

/// Why a host port cannot be published; Docker's own words are A12 and A14.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishError {
    /// "Bind for 0.0.0.0:PORT failed: port is already allocated".
    AlreadyAllocated {
        /// The port.
        port: u16,
        /// Who holds it.
        holder: PodId,
    },
    /// "all ports are allocated".
    AllAllocated,
}

/// Where a host port leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The container.
    pub pod: PodId,
    /// The port inside.
    pub container_port: u16,
    /// Of which protocol both are: each has ports of its own (A11).
    pub protocol: Protocol,
}

/// One Docker daemon: private addresses and port mappings of one host.
#[derive(Clone, Debug)]
pub struct DockerHost {
    /// Of `docker0`, then of the user-defined networks by number.
    networks: Vec<(Subnet, LowestFree)>,
    range: PortRange,
    /// The port of each protocol handed out last; the search goes on after it (A8).
    last: BTreeMap<Protocol, u16>,
    mappings: BTreeMap<(Protocol, u16), Mapping>,
}

impl DockerHost {
    /// A freshly started daemon.
    pub fn new(settings: &DockerSettings) -> Self {
        let defined = settings.networks.iter().map(|network| network.subnet);
        let subnets = std::iter::once(settings.bridge_subnet).chain(defined);
        Self {
            // .0 is the network, .1 the bridge itself, the last one the broadcast address.
            networks: subnets.map(|subnet| (subnet, LowestFree::new(2, subnet.size() - 1))).collect(),
            range: settings.dynamic_ports,
            last: BTreeMap::new(),
            mappings: BTreeMap::new(),
        }
    }

    /// The lowest free private address of a user-defined network, or of `docker0`.
    pub fn allocate_address(&mut self, network: Option<u16>) -> Option<IpAddr> {
        let (subnet, addresses) = &mut self.networks[network.map_or(0, |network| usize::from(network) + 1)];
        addresses.allocate().map(|offset| subnet.nth(offset))
    }

    /// Gives a private address back.
    pub fn release_address(&mut self, address: IpAddr) {
        let found = self.networks.iter_mut().find(|(subnet, _)| subnet.holds(address));
        let Some((subnet, addresses)) = found else { return };
        if let (IpAddr::V4(first), IpAddr::V4(address)) = (subnet.address, address) {
            addresses.release(u64::from(u32::from(address) - u32::from(first)));
        }
    }

    /// Publishes a container port on a fixed host port.
    pub fn publish_fixed(&mut self, port: u16, mapping: Mapping) -> Result<u16, PublishError> {
        let place = (mapping.protocol, port);
        if let Some(held) = self.mappings.get(&place) {
            return Err(PublishError::AlreadyAllocated { port, holder: held.pod });
        }
        self.mappings.insert(place, mapping);
        Ok(port)
    }

    /// Publishes a container port on the next dynamic host port.
    pub fn publish_dynamic(&mut self, mapping: Mapping) -> Result<u16, PublishError> {
        let protocol = mapping.protocol;
        let mut candidate = self.last.get(&protocol).copied().unwrap_or(self.range.last);
        for _ in 0..self.range.len() {
            candidate = if candidate >= self.range.last { self.range.first } else { candidate + 1 };
            if !self.mappings.contains_key(&(protocol, candidate)) {
                self.last.insert(protocol, candidate);
                self.mappings.insert((protocol, candidate), mapping);
                return Ok(candidate);
            }
        }
        Err(PublishError::AllAllocated)
    }

    /// A daemon that has just started begins at the range's first port again, and skips those in use (A9).
    pub fn forget_last_port(&mut self) {
        self.last.clear();
    }

    /// Takes a mapping away.
    pub fn release(&mut self, protocol: Protocol, port: u16) {
        self.mappings.remove(&(protocol, port));
    }

    /// Where a host port leads.
    pub fn mapping(&self, protocol: Protocol, port: u16) -> Option<Mapping> {
        self.mappings.get(&(protocol, port)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(pod: u32) -> Mapping {
        Mapping { pod: PodId(pod), container_port: 80, protocol: Protocol::Tcp }
    }

    #[test]
    fn each_protocol_has_ports_of_its_own() {
        let mut host = DockerHost::new(&DockerSettings::default());
        let datagrams = Mapping { protocol: Protocol::Udp, ..mapping(1) };
        assert_eq!([host.publish_fixed(53, mapping(0)), host.publish_fixed(53, datagrams)], [Ok(53), Ok(53)]);
        assert_eq!([host.publish_dynamic(mapping(0)), host.publish_dynamic(datagrams)], [Ok(32_768), Ok(32_768)]);
        host.release(Protocol::Tcp, 53);
        assert_eq!((host.mapping(Protocol::Tcp, 53), host.mapping(Protocol::Udp, 53)), (None, Some(datagrams)));
    }

    #[test]
    fn dynamic_ports_go_on_after_the_last_one_even_when_it_was_released() {
        let mut host = DockerHost::new(&DockerSettings::default());
        assert_eq!(host.publish_dynamic(mapping(0)), Ok(32_768));
        assert_eq!(host.publish_dynamic(mapping(1)), Ok(32_769));
        host.release(Protocol::Tcp, 32_769);
        assert_eq!(host.publish_dynamic(mapping(1)), Ok(32_770));
    }

    #[test]
    fn dynamic_ports_wrap_and_run_out() {
        let settings =
            DockerSettings { dynamic_ports: PortRange { first: 100, last: 102 }, ..DockerSettings::default() };
        let mut host = DockerHost::new(&settings);
        let taken: Vec<u16> = (0..3).filter_map(|pod| host.publish_dynamic(mapping(pod)).ok()).collect();
        assert_eq!(taken, [100, 101, 102]);
        assert_eq!(host.publish_dynamic(mapping(3)), Err(PublishError::AllAllocated));
        host.release(Protocol::Tcp, 101);
        assert_eq!(host.publish_dynamic(mapping(3)), Ok(101));
    }

    #[test]
    fn a_new_daemon_that_kept_its_containers_gives_out_the_lowest_free_port() {
        let mut host = DockerHost::new(&DockerSettings::default());
        let taken: Vec<u16> = (0..3).filter_map(|pod| host.publish_dynamic(mapping(pod)).ok()).collect();
        assert_eq!(taken, [32_768, 32_769, 32_770]);
        host.release(Protocol::Tcp, 32_769);
        host.forget_last_port();
        assert_eq!(host.publish_dynamic(mapping(1)), Ok(32_769));
        assert_eq!(host.publish_dynamic(mapping(3)), Ok(32_771));
    }

    #[test]
    fn a_fixed_port_conflicts_and_names_its_holder() {
        let mut host = DockerHost::new(&DockerSettings::default());
        assert_eq!(host.publish_fixed(8_080, mapping(0)), Ok(8_080));
        assert_eq!(
            host.publish_fixed(8_080, mapping(1)),
            Err(PublishError::AlreadyAllocated { port: 8_080, holder: PodId(0) })
        );
    }

    #[test]
    fn private_addresses_are_the_lowest_free() {
        let mut host = DockerHost::new(&DockerSettings::default());
        let first = host.allocate_address(None).unwrap();
        assert_eq!(first.to_string(), "172.17.0.2");
        host.release_address(first);
        assert_eq!(host.allocate_address(None), Some(first));
    }
}
