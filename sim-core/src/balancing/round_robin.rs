//! Round robin: each backend in turn, in the list's order, from the first again when the list changes.

use super::{Algorithm, Input, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::model::parameters::Spec;

#[derive(Clone, Debug, Default)]
struct RoundRobin {
    order: Vec<usize>,
    next: usize,
}

impl LoadBalancer for RoundRobin {
    fn settle(&mut self, order: &[usize]) {
        self.order.clear();
        self.order.extend_from_slice(order);
        self.next = 0;
    }

    fn pick(&mut self, _request: &Request, _bits: &mut dyn RandomBits) -> Option<usize> {
        let picked = self.order.get(self.next).copied()?;
        self.next = (self.next + 1) % self.order.len();
        Some(picked)
    }

    fn table_bytes(&self) -> usize {
        (self.order.len() + 1) * 8
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "round-robin",
        summary: "each backend in turn",
        source: "textbook round robin, one position per list holder",
        parameters: &[],
        build: |_| Some(Box::new(RoundRobin::default())),
    },
    reads: &[Input::History],
    state: "a position",
    cost: "O(1)",
    use_when: "equal backends and equal requests; many holders in step herd on the same backend",
};

#[cfg(test)]
mod tests {
    use super::super::parts::testing::picks;
    use super::*;

    #[test]
    fn takes_turns_and_starts_again_after_a_change() {
        let mut balancer = RoundRobin::default();
        balancer.settle(&[0, 1, 2]);
        assert_eq!(picks(&mut balancer, 4), [0, 1, 2, 0].map(Some));
        balancer.settle(&[0, 2]);
        assert_eq!(picks(&mut balancer, 2), [0, 2].map(Some));
        balancer.settle(&[]);
        assert_eq!(picks(&mut balancer, 1), [None]);
    }
}
