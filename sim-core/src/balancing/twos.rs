//! IPVS `twos`, power of two choices (`ip_vs_twos.c`): two weighted draws, and of the two destinations the one with the
//! lesser overhead per weight; the first one when they are equal.
//!
//! A draw is uniform over 0 to the sum W of the usable weights, both included, and falls to the destination at which the
//! weights from the list's head on reach it. So 0 falls to the newest as 1 does, whose chance is (w + 1) / (W + 1).
//! The kernel compares products of 32 bits, which wrap from 2^31 on; here they do not.

use super::parts::destinations::Destinations;
use super::parts::sums::Sums;
use super::{Algorithm, Backend, Input, Load, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::model::parameters::Spec;

#[derive(Clone, Debug)]
struct Twos {
    destinations: Destinations,
    usable: Sums,
}

impl Twos {
    fn new() -> Self {
        let destinations = Destinations::default();
        Self { usable: Sums::new(destinations.room()), destinations }
    }

    fn refresh(&mut self, slot: usize) {
        let destination = self.destinations.of(slot);
        let weight = if destination.overloaded { 0 } else { destination.weight };
        self.usable.set(self.destinations.place(slot), weight);
    }

    /// The slot that a draw falls to.
    fn fallen_to(&self, draw: u64) -> usize {
        self.destinations.at(self.usable.reaching(draw.max(1)))
    }
}

impl LoadBalancer for Twos {
    fn add(&mut self, slot: usize, backend: &Backend) {
        if self.destinations.add(slot, backend) {
            self.usable = Sums::new(self.destinations.room());
            let all: Vec<usize> = self.destinations.newest_first().collect();
            for slot in all {
                self.refresh(slot);
            }
        } else {
            self.refresh(slot);
        }
    }

    fn remove(&mut self, slot: usize) {
        let place = self.destinations.remove(slot);
        self.usable.set(place, 0);
    }

    fn set_weight(&mut self, slot: usize, weight: u32) {
        self.destinations.set_weight(slot, weight);
        self.refresh(slot);
    }

    fn set_load(&mut self, slot: usize, load: Load) {
        self.destinations.set_load(slot, load);
        self.refresh(slot);
    }

    fn pick(&mut self, _request: &Request, bits: &mut dyn RandomBits) -> Option<usize> {
        let total = self.usable.total();
        if total == 0 {
            return None;
        }
        let [first, second] = [bits.below(total + 1), bits.below(total + 1)].map(|draw| self.fallen_to(draw));
        let [one, other] = [first, second].map(|slot| self.destinations.of(slot));
        let crosswise = |overhead: u32, weight: u32| u64::from(overhead) * u64::from(weight);
        let lesser = crosswise(one.overhead(), other.weight) > crosswise(other.overhead(), one.weight);
        Some(if lesser { second } else { first })
    }

    fn table_bytes(&self) -> usize {
        self.destinations.bytes() + self.usable.bytes()
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "twos",
        summary: "IPVS power of two choices: of two weighted draws the one with fewer connections per weight",
        source: "linux ip_vs_twos.c",
        parameters: &[],
        build: |_| Some(Box::new(Twos::new())),
    },
    reads: &[Input::Weights, Input::Loads, Input::Thresholds, Input::Bits],
    state: "sums over n weights",
    cost: "the kernel scans n twice; O(log n) here",
    use_when: "many balancers that know their own connections alone: they do not herd",
};

#[cfg(test)]
mod tests {
    use super::super::parts::testing::backend;
    use super::*;

    #[test]
    fn each_draw_falls_to_one_of_its_weight_and_0_to_the_newest() {
        for weights in [&[1, 1, 1][..], &[3], &[0, 2, 5, 0, 1], &[65_535, 1]] {
            let mut twos = Twos::new();
            for (slot, weight) in weights.iter().enumerate() {
                twos.add(slot, &backend(*weight));
            }
            let total: u32 = weights.iter().sum();
            let mut counts = vec![0_u32; weights.len()];
            (0..=u64::from(total)).for_each(|draw| counts[twos.fallen_to(draw)] += 1);
            let first = weights.iter().rposition(|weight| *weight > 0).unwrap();
            // The first of the list has w + 1 of the W + 1 draws, every other one its weight.
            let expected: Vec<u32> =
                weights.iter().enumerate().map(|(slot, weight)| weight + u32::from(slot == first)).collect();
            assert_eq!(counts, expected);
        }
    }
}
