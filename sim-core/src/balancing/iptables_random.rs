//! kube-proxy's iptables chain: rule i of n takes the connection with probability "%0.10f" of 1/(n-i),
//! which the kernel compares as 31 bits; the last rule takes the rest (C.2, balancing.md section 1).

use super::{Algorithm, Input, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::model::parameters::Spec;

/// The exact distribution of the chain, as cumulative bounds of a 64-bit draw.
#[derive(Clone, Debug, Default)]
struct IptablesRandom {
    /// Slots in the order of the rules.
    rules: Vec<usize>,
    /// Draws below `bounds[i]` and not below `bounds[i - 1]` fall to rule i; the last rule has no bound.
    bounds: Vec<u64>,
}

/// The 31-bit number the kernel stores for the probability of a rule with `left` endpoints left.
fn stored_probability(left: u64) -> u64 {
    // "%0.10f" of 1/left, in units of 1e-10, rounded to nearest; then times 2^31, rounded to nearest.
    let tenth_billionths = (10_000_000_000 + left / 2) / left;
    (tenth_billionths * (1 << 31) + 5_000_000_000) / 10_000_000_000
}

/// The bounds of a chain of `backends` rules.
fn bounds(backends: u64) -> impl Iterator<Item = u64> {
    let mut rest = u128::from(u64::MAX) + 1;
    let mut bound = 0_u128;
    (2..=backends).rev().map(move |left| {
        let share = (rest * u128::from(stored_probability(left))) >> 31;
        bound += share;
        rest -= share;
        u64::try_from(bound).expect("the shares of all rules but the last stay below one")
    })
}

/// The chains of all Services and nodes: one per length, as nothing else makes a difference.
#[derive(Clone, Debug, Default)]
pub struct Chains {
    /// The chain used last of each length that leaves the same rest.
    kept: Vec<(usize, Vec<u64>)>,
}

/// Chains that are kept.
const KEPT: usize = 64;

impl Chains {
    /// The place of the backend that a draw falls to, of so many.
    pub fn place(&mut self, draw: u64, backends: usize) -> usize {
        if self.kept.is_empty() {
            self.kept.resize(KEPT, (0, Vec::new()));
        }
        let (length, kept) = &mut self.kept[backends % KEPT];
        if *length != backends {
            *length = backends;
            kept.clear();
            kept.extend(bounds(backends as u64));
        }
        kept.partition_point(|bound| *bound <= draw)
    }
}

impl IptablesRandom {
    /// How many rules the draw walks before the one that takes it.
    fn rules_passed(&self, draw: u64) -> usize {
        self.bounds.partition_point(|bound| *bound <= draw)
    }
}

impl LoadBalancer for IptablesRandom {
    fn settle(&mut self, order: &[usize]) {
        if order.len() != self.rules.len() {
            self.bounds.clear();
            self.bounds.extend(bounds(order.len() as u64));
        }
        self.rules.clear();
        self.rules.extend_from_slice(order);
    }

    fn pick(&mut self, _request: &Request, bits: &mut dyn RandomBits) -> Option<usize> {
        let passed = self.rules_passed(bits.next_u64());
        self.rules.get(passed).copied()
    }

    fn table_bytes(&self) -> usize {
        (self.rules.len() + self.bounds.len()) * 8
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "iptables-random",
        summary: "kube-proxy iptables: a chain of rules, each taking its share of what is left",
        source: "kube-proxy pkg/proxy/iptables (C.2)",
        parameters: &[],
        build: |_| Some(Box::new(IptablesRandom::default())),
    },
    reads: &[Input::Bits],
    state: "none; n rules",
    cost: "the kernel walks (n+1)/2 rules on average; podwire draws once, O(log n)",
    use_when: "what a cluster does by default; even over many connections, uneven over few long ones",
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
        let bounds: Vec<u64> = bounds(7).collect();
        // The literal chain, in exact rational steps of 2^-31 per rule.
        let mut rest = 1.0_f64;
        let mut below = 0.0;
        for (index, left) in (2..=7_u64).rev().enumerate() {
            #[allow(clippy::cast_precision_loss)]
            let probability = stored_probability(left) as f64 / (1_u64 << 31) as f64;
            below += rest * probability;
            rest *= 1.0 - probability;
            #[allow(clippy::cast_precision_loss)]
            let bound = bounds[index] as f64 / 18_446_744_073_709_551_616.0;
            assert!((bound - below).abs() < 1e-15, "rule {index}");
        }
    }

    #[test]
    fn a_chain_for_all_falls_as_a_balancers_own_does() {
        let (mut chains, mut balancer) = (Chains::default(), IptablesRandom::default());
        let draws = || (0..64).map(|step| step << 58).chain([u64::MAX]);
        for backends in [3, 1, 67, 3, 2, 500] {
            balancer.settle(&(0..backends).collect::<Vec<_>>());
            for draw in draws() {
                assert_eq!(chains.place(draw, backends), balancer.rules_passed(draw), "{backends}");
            }
        }
    }

    #[test]
    fn the_ends_of_the_draw_reach_the_first_and_last_rule() {
        let mut balancer = IptablesRandom::default();
        balancer.settle(&[0, 1, 2]);
        assert_eq!([0, u64::MAX].map(|draw| balancer.rules_passed(draw)), [0, 2]);
        balancer.settle(&[0]);
        assert_eq!(balancer.rules_passed(u64::MAX), 0);
    }
}
