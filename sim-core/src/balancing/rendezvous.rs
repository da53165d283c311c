//! Rendezvous hashing, also called highest random weight (Thaler and Ravishankar 1998): every backend gets a score from its
//! name and the key, and the highest wins. So a backend that comes or goes moves its own keys only. A score is the folded
//! product of the key and the backend's seed, each whitened first: one multiplication per backend.
//!
//! Weights: while all are equal, the highest 64-bit score wins. Otherwise a score becomes u in (0, 1), by its upper 53 bits,
//! and the highest of -w / ln u wins, which gives shares exactly proportional to weights (Schindelhauer and Schomaker 2005).
//! Equal scores go to the one first in the list.

use super::parts::hash_on::{HASH_ON, HashOn};
use super::parts::mixing::{fold, mix, xxh64};
use super::{Algorithm, Backend, Input, LoadBalancer, Request};
use crate::kernel::draws::{RandomBits, unit};
use crate::model::parameters::Spec;

/// Half of the distance between two values of [`unit`], so that u is never 0.
const HALF_STEP: f64 = f64::EPSILON / 4.0;

/// A score of 1 - u below which -ln u is taken as it is: no rounding reaches this far.
const CLEARLY_LESS: f64 = 1.0 - 1e-9;

/// A flat list of seeds that every look-up goes through.
#[derive(Clone, Debug)]
pub struct Rendezvous {
    hash_on: HashOn,
    /// By slot: the seed from the name, and the weight.
    known: Vec<(u64, u32)>,
    /// In the list's order.
    seeds: Vec<u64>,
    slots: Vec<u32>,
    /// In the list's order; empty while all are equal.
    weights: Vec<f64>,
}

/// The score of a backend for a key that [`mix`] has whitened.
#[inline]
pub fn score(key: u64, seed: u64) -> u64 {
    fold(key ^ seed, key.rotate_left(32) | 1)
}

/// The place of the first highest score.
#[inline]
fn highest(key: u64, seeds: &[u64]) -> usize {
    // Four runs beside each other, each over every fourth seed: a comparison need not wait for the one before it.
    let (fours, rest) = seeds.as_chunks::<4>();
    let mut best = [0_u64; 4];
    let mut best_at = [0_usize; 4];
    for (at, four) in fours.iter().enumerate() {
        for run in 0..4 {
            let scored = score(key, four[run]);
            let better = scored > best[run];
            best[run] = if better { scored } else { best[run] };
            best_at[run] = if better { at } else { best_at[run] };
        }
    }
    let mut winner = (0, 0);
    for run in 0..4 {
        let place = best_at[run] * 4 + run;
        if best[run] > winner.0 || best[run] == winner.0 && place < winner.1 {
            winner = (best[run], place);
        }
    }
    for (at, seed) in rest.iter().enumerate() {
        let scored = score(key, *seed);
        if scored > winner.0 {
            winner = (scored, fours.len() * 4 + at);
        }
    }
    winner.1
}

/// The place of the first highest -w / ln u.
fn highest_weighted(key: u64, seeds: &[u64], weights: &[f64]) -> usize {
    let mut winner = (0.0, 0);
    for (at, (seed, weight)) in seeds.iter().zip(weights).enumerate() {
        let u = unit(score(key, *seed)) + HALF_STEP;
        // -ln u is at least 1 - u, so most need no logarithm to lose.
        if *weight < winner.0 * (1.0 - u) * CLEARLY_LESS {
            continue;
        }
        let scored = *weight / -libm::log(u);
        if scored > winner.0 {
            winner = (scored, at);
        }
    }
    winner.1
}

impl Rendezvous {
    /// No backends.
    pub fn new(hash_on: HashOn) -> Self {
        Self { hash_on, known: Vec::new(), seeds: Vec::new(), slots: Vec::new(), weights: Vec::new() }
    }

    /// The slot of the backend for this hash, `None` without backends.
    #[inline]
    pub fn look_up(&self, hash: u64) -> Option<u32> {
        let key = mix(hash);
        let place = if self.weights.is_empty() {
            highest(key, &self.seeds)
        } else {
            highest_weighted(key, &self.seeds, &self.weights)
        };
        self.slots.get(place).copied()
    }
}

impl LoadBalancer for Rendezvous {
    fn add(&mut self, slot: usize, backend: &Backend) {
        if self.known.len() <= slot {
            self.known.resize(slot + 1, (0, 0));
        }
        self.known[slot] = (xxh64(backend.name.as_bytes(), 0), backend.weight);
    }

    fn set_weight(&mut self, slot: usize, weight: u32) {
        self.known[slot].1 = weight;
    }

    fn settle(&mut self, order: &[usize]) {
        self.seeds.clear();
        self.slots.clear();
        self.weights.clear();
        self.seeds.extend(order.iter().map(|slot| self.known[*slot].0));
        self.slots.extend(order.iter().map(|slot| u32::try_from(*slot).expect("fewer than 2^32 backends")));
        let weight = |slot: &usize| self.known[*slot].1;
        if order.iter().any(|slot| weight(slot) != weight(&order[0])) {
            self.weights.extend(order.iter().map(|slot| f64::from(weight(slot))));
        }
    }

    #[inline]
    fn pick(&mut self, request: &Request, _bits: &mut dyn RandomBits) -> Option<usize> {
        Some(self.look_up(self.hash_on.hash(request))? as usize)
    }

    fn table_bytes(&self) -> usize {
        (self.seeds.len() + self.weights.len()) * 8 + self.slots.len() * 4
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "rendezvous",
        summary: "every backend gets a score from its name and the key; the highest wins",
        source: "Thaler and Ravishankar 1998; weights: Schindelhauer and Schomaker 2005",
        parameters: &[HASH_ON],
        build: |arguments| Some(Box::new(Rendezvous::new(HashOn::of(arguments)))),
    },
    reads: &[Input::Weights, Input::Key, Input::Client],
    state: "a seed per backend",
    cost: "O(n), a multiplication per backend",
    use_when: "up to some hundred backends: exact weights, only a lost backend's keys move, nothing to agree on but names",
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn built(weights: &[u32]) -> Rendezvous {
        let mut rendezvous = Rendezvous::new(HashOn::Connection);
        for (slot, weight) in weights.iter().enumerate() {
            rendezvous.add(slot, &Backend::new(([10, 0, 0, 1], u16::try_from(slot).unwrap()).into()).weighing(*weight));
        }
        rendezvous.settle(&(0..weights.len()).filter(|slot| weights[*slot] > 0).collect::<Vec<_>>());
        rendezvous
    }

    /// The rule, word by word.
    fn plain(rendezvous: &Rendezvous, key: u64) -> Option<u32> {
        let scores = rendezvous.seeds.iter().map(|seed| score(mix(key), *seed));
        let worth = |(place, score): (usize, u64)| match rendezvous.weights.get(place) {
            #[allow(clippy::cast_precision_loss)]
            None => (0.0, score),
            Some(weight) => (weight / -libm::log(unit(score) + HALF_STEP), 0),
        };
        let better = |one: &(usize, (f64, u64)), other: &(usize, (f64, u64))| {
            one.1.0.total_cmp(&other.1.0).then(one.1.1.cmp(&other.1.1)).then(other.0.cmp(&one.0))
        };
        let worths = scores.enumerate().map(|(place, score)| (place, worth((place, score))));
        worths.max_by(better).map(|(place, _)| rendezvous.slots[place])
    }

    #[test]
    fn nobody_gets_what_nobody_can_take() {
        assert_eq!(built(&[]).look_up(1), None);
        assert_eq!(built(&[0, 0]).look_up(1), None);
        assert_eq!(built(&[0, 3]).look_up(1), Some(1));
    }

    #[test]
    fn equal_scores_go_to_the_first() {
        for backends in [2, 4, 5, 8, 11] {
            assert_eq!(highest(7, &vec![3; backends]), 0);
            assert_eq!(highest_weighted(7, &vec![3; backends], &vec![2.0; backends]), 0);
        }
    }

    proptest! {
        #[test]
        fn picks_are_those_of_a_plain_scan(weights in prop_oneof![prop::collection::vec(0_u32..4, 0..70), prop::collection::vec(0_u32..4, 1_000)], equal: bool, keys: [u64; 32]) {
            let weights: Vec<u32> = weights.iter().map(|weight| if equal { 1 } else { weight * weight }).collect();
            let rendezvous = built(&weights);
            for key in keys.iter().copied().chain(0..200) {
                prop_assert_eq!(rendezvous.look_up(key), plain(&rendezvous, key));
            }
        }

        #[test]
        fn one_that_goes_moves_its_own_keys_alone(weights in prop::collection::vec(1_u32..9, 3..40), victim in 0_usize..3) {
            let mut left = weights.clone();
            left[victim] = 0;
            let (before, after) = (built(&weights), built(&left));
            // With all other weights equal, what is left is compared by the whole score: ties of 53 bits do not happen here.
            for key in 0..2_000 {
                let (was, is) = (before.look_up(key), after.look_up(key));
                prop_assert!(was == is || was == Some(u32::try_from(victim).unwrap()), "{key}");
            }
        }
    }
}
