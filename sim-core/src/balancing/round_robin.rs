//! Round robin: each backend in turn, in the list's order, from the first again when the list changes.

use super::LoadBalancer;
use crate::model::parameters::Spec;

#[derive(Clone, Debug, Default)]
struct RoundRobin {
    backends: usize,
    next: usize,
}

impl LoadBalancer for RoundRobin {
    fn rebuild(&mut self, backends: usize) {
        self.backends = backends;
        self.next = 0;
    }

    fn pick(&mut self, _draw: u64) -> usize {
        let picked = self.next;
        self.next = (picked + 1) % self.backends;
        picked
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Spec<Box<dyn LoadBalancer>> = Spec {
    name: "round-robin",
    summary: "each backend in turn",
    source: "textbook round robin, one position per list holder",
    parameters: &[],
    build: |_| Some(Box::new(RoundRobin::default())),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_turns_and_starts_again_after_a_change() {
        let mut balancer = RoundRobin::default();
        balancer.rebuild(3);
        let picks: Vec<usize> = (0..4).map(|_| balancer.pick(0)).collect();
        assert_eq!(picks, [0, 1, 2, 0]);
        balancer.rebuild(2);
        assert_eq!(balancer.pick(0), 0);
    }
}
