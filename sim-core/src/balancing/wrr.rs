//! IPVS `wrr`, weighted round robin (`ip_vs_wrr.c`): passes over the list from the newest to the oldest, each with a weight
//! `current` that a destination must have at least; at a pass's end it falls by the weights' greatest common divisor, and
//! from below 1 it rises to the greatest weight less (divisor - 1).
//!
//! A destination that comes, goes or changes its weight starts the pass anew at the list's head, keeps `current` where it
//! fits and moves it to the new divisor's grid; so a server that is filled one by one begins with a pass for all. The
//! kernel walks the passes; here empty ones are jumped over.

use super::parts::divisors::Divisors;
use super::parts::ranking::{ByWeight, Ranking};
use super::{Algorithm, Backend, Input, Load, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::model::parameters::Spec;

#[derive(Clone, Debug, Default)]
struct Wrr {
    ranking: Ranking<ByWeight>,
    /// All weights, also those of overloaded ones.
    weights: Divisors,
    /// `cl`: the slot picked last; none: the list's head.
    last: Option<usize>,
    /// `cw`: what the pass asks for. Once there is a weight above 0 it is a multiple of `step` plus 1, up to `greatest`.
    current: u32,
    /// `mw`.
    greatest: u32,
    /// `di`.
    step: u32,
}

impl Wrr {
    /// `ip_vs_wrr_dest_changed`.
    fn changed(&mut self) {
        self.last = None;
        self.step = self.weights.greatest_common().max(1);
        // Without a weight above 0 this is 0 - (1 - 1).
        self.greatest = self.weights.maximum() - (self.step - 1);
        if self.current > self.greatest || self.current == 0 {
            self.current = self.greatest;
        } else if self.step > 1 {
            self.current = self.current / self.step * self.step + 1;
        }
    }

    /// No one weighs enough in the rest of a pass, but `heaviest` is usable: what the first pass asks for that finds one.
    fn next_pass(&self, heaviest: u32) -> u32 {
        let from = if self.current > self.step { self.current - self.step } else { self.greatest };
        from - from.saturating_sub(heaviest).div_ceil(self.step) * self.step
    }

    /// All that weigh anything are overloaded: where the kernel's walk ends.
    fn give_up(&mut self) {
        let from_head = self.last.is_none();
        if from_head || self.current > self.step {
            (self.last, self.current) = (None, self.greatest);
        } else {
            // It has begun in the last pass, and ends where it has begun, in the next last one.
            self.current = 1;
        }
    }
}

impl LoadBalancer for Wrr {
    fn add(&mut self, slot: usize, backend: &Backend) {
        self.ranking.add(slot, backend);
        self.weights.set(slot, backend.weight);
        self.changed();
    }

    fn remove(&mut self, slot: usize) {
        self.ranking.remove(slot);
        self.weights.set(slot, 0);
        self.changed();
    }

    fn set_weight(&mut self, slot: usize, weight: u32) {
        self.ranking.set_weight(slot, weight);
        self.weights.set(slot, weight);
        self.changed();
    }

    fn set_load(&mut self, slot: usize, load: Load) {
        self.ranking.set_load(slot, load);
    }

    fn pick(&mut self, _request: &Request, _bits: &mut dyn RandomBits) -> Option<usize> {
        if self.greatest == 0 {
            return None;
        }
        let in_this_pass = self.ranking.after(self.last, ByWeight::of(self.current));
        let picked = in_this_pass.or_else(|| {
            let Some(heaviest) = ByWeight::weight_of(self.ranking.least()) else {
                self.give_up();
                return None;
            };
            self.current = self.next_pass(heaviest);
            self.ranking.after(None, ByWeight::of(self.current))
        })?;
        self.last = Some(picked);
        Some(picked)
    }

    fn table_bytes(&self) -> usize {
        self.ranking.table_bytes() + self.weights.bytes() + size_of::<Option<usize>>() + 3 * size_of::<u32>()
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "wrr",
        summary: "IPVS weighted round robin: in turn, the heavy ones more often, in a row",
        source: "linux ip_vs_wrr.c",
        parameters: &[],
        build: |_| Some(Box::new(Wrr::default())),
    },
    reads: &[Input::Weights, Input::Thresholds, Input::History],
    state: "a position and a weight; two trees of n",
    cost: "the kernel walks up to n times the greatest weight per divisor; O(log n) here",
    use_when: "unequal backends and equal requests; bursts go to the heaviest, which smooth weighting avoids",
};
