//! Uniform random choice, whatever the weights and loads: the least that an algorithm must beat.

use super::parts::sampling;
use super::{Algorithm, Input, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::model::parameters::Spec;

#[derive(Clone, Debug, Default)]
struct Random {
    order: Vec<usize>,
}

impl LoadBalancer for Random {
    fn settle(&mut self, order: &[usize]) {
        self.order.clear();
        self.order.extend_from_slice(order);
    }

    fn pick(&mut self, _request: &Request, bits: &mut dyn RandomBits) -> Option<usize> {
        (!self.order.is_empty()).then(|| self.order[sampling::place(bits, self.order.len())])
    }

    fn table_bytes(&self) -> usize {
        size_of_val(&self.order[..])
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "random",
        summary: "any backend, all equally likely",
        source: "Envoy random; without its bias of one part in 2^64 / n (Lemire 2019)",
        parameters: &[],
        build: |_| Some(Box::new(Random::default())),
    },
    reads: &[Input::Bits],
    state: "none; n slots",
    cost: "O(1)",
    use_when: "many holders that do not know of each other; with few flows or busy backends, two choices do much better",
};

#[cfg(test)]
mod tests {
    use super::super::parts::testing::request;
    use super::*;

    #[test]
    fn draws_again_where_a_draw_would_favour_the_first() {
        let mut balancer = Random::default();
        balancer.settle(&[4, 5, 6]);
        // 2^64 mod 3 is 1: of all draws only 0 is one too many.
        let mut draws = [0, u64::MAX, 0, 1, 1 << 63].into_iter();
        let mut pick = || balancer.pick(&request(0), &mut || draws.next().unwrap());
        assert_eq!([pick(), pick(), pick()], [6, 4, 5].map(Some));
        balancer.settle(&[]);
        assert_eq!(balancer.pick(&request(0), &mut || 0), None);
    }
}
