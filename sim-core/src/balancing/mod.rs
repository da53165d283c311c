//! Balancing algorithms: one file each, one registry line each. An algorithm answers "which of n backends";
//! it knows no addresses, no pods and no time.

mod iptables_random;
mod nftables_random;
mod round_robin;

use crate::model::parameters::Spec;

/// Chooses among the backends of one list. One balancer serves one holder of that list (a node, a client).
pub trait LoadBalancer: std::fmt::Debug + Send + Sync {
    /// The list has changed to `backends` entries (in the list's own order).
    fn rebuild(&mut self, backends: usize);

    /// The place of the chosen backend, below the number given to `rebuild`, which was at least 1.
    /// `draw` is this pick's own 64 random bits.
    fn pick(&mut self, draw: u64) -> usize;

    /// A copy, so that a world can be forked.
    fn boxed_clone(&self) -> Box<dyn LoadBalancer>;
}

impl Clone for Box<dyn LoadBalancer> {
    fn clone(&self) -> Self {
        self.boxed_clone()
    }
}

/// Every algorithm that scenario files can name.
pub const BALANCERS: &[Spec<Box<dyn LoadBalancer>>] =
    &[iptables_random::SPEC, nftables_random::SPEC, round_robin::SPEC];
