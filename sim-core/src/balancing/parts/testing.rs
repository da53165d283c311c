//! What the algorithms' own tests share.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::balancing::{LoadBalancer, Request};
use crate::kernel::time::SimTime;

/// A request of this key from 10.0.0.1:40000 to 10.96.0.1 at the start.
pub(crate) fn request(key: u64) -> Request {
    let client = SocketAddr::from(([10, 0, 0, 1], 40_000));
    Request { key, client, destination: IpAddr::V4(Ipv4Addr::new(10, 96, 0, 1)), now: SimTime::ZERO }
}

/// The next picks, for which random bits are all zero.
pub(crate) fn picks(balancer: &mut dyn LoadBalancer, count: usize) -> Vec<Option<usize>> {
    (0..count).map(|_| balancer.pick(&request(0), &mut || 0)).collect()
}
