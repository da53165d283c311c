//! kube-proxy's iptables chain: rule i of n takes the connection with probability "%0.10f" of 1/(n-i),
//! which the kernel compares as 31 bits; the last rule takes the rest (C.2, balancing.md section 1).

use super::LoadBalancer;
use crate::model::parameters::Spec;

/// The exact distribution of the chain, as cumulative bounds of a 64-bit draw.
#[derive(Clone, Debug, Default)]
struct IptablesRandom {
    /// Draws below `bounds[i]` and not below `bounds[i - 1]` fall to rule i; the last rule has no bound.
    bounds: Vec<u64>,
}

/// The 31-bit number the kernel stores for the probability of a rule with `left` endpoints left.
fn stored_probability(left: u64) -> u64 {
    // "%0.10f" of 1/left, in units of 1e-10, rounded to nearest; then times 2^31, rounded to nearest.
    let tenth_billionths = (10_000_000_000 + left / 2) / left;
    (tenth_billionths * (1 << 31) + 5_000_000_000) / 10_000_000_000
}

impl LoadBalancer for IptablesRandom {
    fn rebuild(&mut self, backends: usize) {
        self.bounds.clear();
        let mut rest = u128::from(u64::MAX) + 1;
        let mut bound = 0_u128;
        for left in (2..=backends as u64).rev() {
            let share = (rest * u128::from(stored_probability(left))) >> 31;
            bound += share;
            rest -= share;
            self.bounds.push(u64::try_from(bound).expect("the shares of all rules but the last stay below one"));
        }
    }

    fn pick(&mut self, draw: u64) -> usize {
        self.bounds.partition_point(|bound| *bound <= draw)
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Spec<Box<dyn LoadBalancer>> = Spec {
    name: "iptables-random",
    summary: "kube-proxy iptables: a chain of rules, each taking its share of what is left",
    source: "kube-proxy pkg/proxy/iptables (C.2)",
    parameters: &[],
    build: |_| Some(Box::new(IptablesRandom::default())),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_probabilities_are_the_kernels() {
        for (left, stored) in [(3, 715_827_883), (10, 214_748_365), (100, 21_474_836), (1_000, 2_147_484)] {
            assert_eq!(stored_probability(left), stored);
        }
    }

    #[test]
    fn bounds_are_the_literal_chains_distribution() {
        let mut balancer = IptablesRandom::default();
        balancer.rebuild(7);
        // The literal chain, in exact rational steps of 2^-31 per rule.
        let mut rest = 1.0_f64;
        let mut below = 0.0;
        for (index, left) in (2..=7_u64).rev().enumerate() {
            #[allow(clippy::cast_precision_loss)]
            let probability = stored_probability(left) as f64 / (1_u64 << 31) as f64;
            below += rest * probability;
            rest *= 1.0 - probability;
            #[allow(clippy::cast_precision_loss)]
            let bound = balancer.bounds[index] as f64 / 18_446_744_073_709_551_616.0;
            assert!((bound - below).abs() < 1e-15, "rule {index}");
        }
    }

    #[test]
    fn the_ends_of_the_draw_reach_the_first_and_last_rule() {
        let mut balancer = IptablesRandom::default();
        balancer.rebuild(3);
        assert_eq!(balancer.pick(0), 0);
        assert_eq!(balancer.pick(u64::MAX), 2);
        balancer.rebuild(1);
        assert_eq!(balancer.pick(u64::MAX), 0);
    }
}
