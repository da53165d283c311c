//! nginx's smooth weighted round robin: each pick adds every backend's weight to its current value, takes the highest (the
//! first in the list of several), and takes the sum of all weights off that one. Weights 5, 1, 1 give a a b a c a a.
//!
//! Left out: nginx lowers a backend's weight for a while after failures (`max_fails`); no failure is told here. A change of
//! the list is a reload of nginx: all current values begin at 0.

use super::{Algorithm, Backend, Input, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::model::parameters::Spec;

#[derive(Clone, Debug, Default)]
struct SmoothWrr {
    /// By slot.
    weights: Vec<u32>,
    order: Vec<usize>,
    /// Weight and current value, in the list's order. A value stays between minus and plus the sum of the weights.
    peers: Vec<(i64, i64)>,
    total: i64,
}

impl LoadBalancer for SmoothWrr {
    fn add(&mut self, slot: usize, backend: &Backend) {
        if self.weights.len() <= slot {
            self.weights.resize(slot + 1, 0);
        }
        self.weights[slot] = backend.weight;
    }

    fn set_weight(&mut self, slot: usize, weight: u32) {
        self.weights[slot] = weight;
    }

    fn settle(&mut self, order: &[usize]) {
        self.order.clear();
        self.order.extend_from_slice(order);
        self.peers.clear();
        self.peers.extend(order.iter().map(|slot| (i64::from(self.weights[*slot]), 0)));
        self.total = self.peers.iter().map(|(weight, _)| weight).sum();
    }

    fn pick(&mut self, _request: &Request, _bits: &mut dyn RandomBits) -> Option<usize> {
        let mut best = None;
        let mut highest = i64::MIN;
        for (place, (weight, current)) in self.peers.iter_mut().enumerate() {
            *current += *weight;
            if *current > highest {
                (best, highest) = (Some(place), *current);
            }
        }
        let best = best?;
        self.peers[best].1 -= self.total;
        Some(self.order[best])
    }

    fn table_bytes(&self) -> usize {
        size_of_val(&self.weights[..]) + size_of_val(&self.order[..]) + size_of_val(&self.peers[..])
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "smooth-wrr",
        summary: "by weight, the heavy ones spread between the light ones",
        source: "nginx ngx_http_upstream_round_robin.c",
        parameters: &[],
        build: |_| Some(Box::new(SmoothWrr::default())),
    },
    reads: &[Input::Weights, Input::History],
    state: "a current value per backend",
    cost: "O(n), as in nginx; a change O(n)",
    use_when: "unequal backends and equal requests: exact shares over every sum of weights picks, without bursts",
};

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::super::parts::testing::picks;
    use super::*;

    #[test]
    fn shares_are_exact_over_a_period_and_a_change_starts_again() {
        let mut balancer = SmoothWrr::default();
        for (slot, weight) in [5, 1, 1].into_iter().enumerate() {
            balancer.add(slot, &Backend::new(SocketAddr::from(([10, 0, 0, 1], 80))).weighing(weight));
        }
        balancer.settle(&[0, 1, 2]);
        assert_eq!(picks(&mut balancer, 9), [0, 0, 1, 0, 2, 0, 0, 0, 0].map(Some));
        balancer.set_weight(0, 2);
        balancer.settle(&[0, 2]);
        assert_eq!(picks(&mut balancer, 3), [0, 2, 0].map(Some));
        balancer.settle(&[]);
        assert_eq!(picks(&mut balancer, 1), [None]);
    }
}
