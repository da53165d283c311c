//! Addresses of what stands outside the cluster. Knows no topology.

use std::net::IpAddr;

use crate::kernel::draws::below;
use crate::model::settings::Subnet;

/// Addresses of load balancers: the block for benchmarks (RFC 6890), which no cluster and no host uses here.
const LOAD_BALANCERS: Subnet = Subnet::v4(198, 18, 0, 0, 15);

/// The address of a Service's load balancer, by the Service's own draw.
pub fn load_balancer_address(draw: u64) -> IpAddr {
    LOAD_BALANCERS.nth(1 + below(draw, LOAD_BALANCERS.size() - 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_the_blocks_own_address_nor_its_broadcast_is_given_out() {
        assert_eq!(load_balancer_address(0).to_string(), "198.18.0.1");
        assert_eq!(load_balancer_address(u64::MAX).to_string(), "198.19.255.254");
    }
}
