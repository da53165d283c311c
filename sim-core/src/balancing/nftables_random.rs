//! kube-proxy's nftables mode: `numgen random mod n` over a verdict map, (u32 * n) >> 32 (C.4).

use super::{Algorithm, Input, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::model::parameters::Spec;

#[derive(Clone, Debug, Default)]
struct NftablesRandom {
    /// The verdict map: slots in the list's order.
    map: Vec<usize>,
}

/// The place of the backend that a draw falls to, of so many: `reciprocal_scale` of its upper 32 bits.
pub fn scaled(draw: u64, backends: usize) -> usize {
    let index = ((draw >> 32) * backends as u64) >> 32;
    usize::try_from(index).expect("below the number of backends")
}

impl LoadBalancer for NftablesRandom {
    fn settle(&mut self, order: &[usize]) {
        self.map.clear();
        self.map.extend_from_slice(order);
    }

    fn pick(&mut self, _request: &Request, bits: &mut dyn RandomBits) -> Option<usize> {
        self.map.get(scaled(bits.next_u64(), self.map.len())).copied()
    }

    fn table_bytes(&self) -> usize {
        self.map.len() * 8
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "nftables-random",
        summary: "kube-proxy nftables: one random number over a verdict map",
        source: "kube-proxy pkg/proxy/nftables (C.4)",
        parameters: &[],
        build: |_| Some(Box::new(NftablesRandom::default())),
    },
    reads: &[Input::Bits],
    state: "none; a map of n",
    cost: "O(1): one draw, one look-up",
    use_when: "as iptables-random, without the walk: what a cluster in nftables mode does",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reciprocal_scale_of_the_upper_half() {
        let picks = [0, 0x5555_5555, 0x5555_5556, 0xffff_ffff].map(|upper: u64| scaled(upper << 32, 3));
        assert_eq!(picks, [0, 0, 1, 2]);
    }
}
