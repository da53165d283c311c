//! What the algorithms' own tests share.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::balancing::{Backend, LoadBalancer, Request};
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

/// A backend of this weight at 10.244.0.1:80.
pub(crate) fn backend(weight: u32) -> Backend {
    Backend::new(SocketAddr::from(([10, 244, 0, 1], 80))).weighing(weight)
}

/// Numbers that look random (splitmix64).
pub(crate) struct Mixer(pub(crate) u64);

impl Mixer {
    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of the first numbers.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % bound
    }
}
