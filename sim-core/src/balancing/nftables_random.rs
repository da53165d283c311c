//! kube-proxy's nftables mode: `numgen random mod n` over a verdict map, (u32 * n) >> 32 (C.4).

use super::LoadBalancer;
use crate::model::parameters::Spec;

#[derive(Clone, Debug, Default)]
struct NftablesRandom {
    backends: u64,
}

impl LoadBalancer for NftablesRandom {
    fn rebuild(&mut self, backends: usize) {
        self.backends = backends as u64;
    }

    fn pick(&mut self, draw: u64) -> usize {
        let index = ((draw >> 32) * self.backends) >> 32;
        usize::try_from(index).expect("below the number of backends")
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Spec<Box<dyn LoadBalancer>> = Spec {
    name: "nftables-random",
    summary: "kube-proxy nftables: one random number over a verdict map",
    source: "kube-proxy pkg/proxy/nftables (C.4)",
    parameters: &[],
    build: |_| Some(Box::new(NftablesRandom::default())),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reciprocal_scale_of_the_upper_half() {
        let mut balancer = NftablesRandom::default();
        balancer.rebuild(3);
        let pick = |balancer: &mut NftablesRandom, upper: u64| balancer.pick(upper << 32);
        assert_eq!(pick(&mut balancer, 0), 0);
        assert_eq!(pick(&mut balancer, 0x5555_5555), 0);
        assert_eq!(pick(&mut balancer, 0x5555_5556), 1);
        assert_eq!(pick(&mut balancer, 0xffff_ffff), 2);
    }
}
