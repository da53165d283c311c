//! Maglev (Eisenbud et al., NSDI 2016, section 3.4): a table of M slots, M prime, in which each backend takes the next free
//! slot of its own permutation whenever it is its turn; a connection goes to slot hash % M. Knows hashes and names only.
//!
//! Flavours differ in how a backend's permutation begins, in whose turn is when, and in the order of the first turns:
//!
//! | flavour | offset, skip | order | turns with weights |
//! | --- | --- | --- | --- |
//! | `envoy` | XXH64 of the name with seeds 0 and 1 | by name | in round i a backend whose i * w / W has reached its target, which each turn raises by the greatest w / W |
//! | `cilium` | the halves of `MurmurHash3` x64 128 of the name | by name | the same with a target raised by W, tried from the n-th backend on at turn n; ignored when W / N, rounded down, is 1 |
//! | `katran` | `MurmurHash3` of (hash, 42), seed 0, and of (hash, 2718281828), seed 2307 | by hash | as many turns at once as it weighs in the first round, one in all others |
//! | `katran-v2` | as `katran` | by hash | whenever the sum of its weights has reached the greatest weight |
//!
//! The table keeps its size when backends come and go. With more backends than slots, the first in the order get a slot
//! each and the others nothing. Where podwire differs: the name stands for the text that Cilium makes of a backend; its XXH64
//! for folly's hash of an address in Katran; Katran multiplies in 32 bits, which a table of more than 65 537 slots overflows,
//! podwire in steps that do not overflow; Envoy's change of the hash at a retry is not there, as a request knows no retries.

use super::parts::hash_on::{HASH_ON, HashOn};
use super::parts::maglev_turns as turns;
use super::parts::mixing::{high, xxh64};
use super::parts::murmur3::murmur3_x64_128;
use super::{Algorithm, Backend, Input, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::model::parameters::{Parameter, ParameterKind, Spec};

/// Whose Maglev it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Envoy's.
    Envoy,
    /// Cilium's, with its default seed.
    Cilium,
    /// Katran's default hash function, `MaglevHash`.
    Katran,
    /// Katran's `MaglevHashV2`.
    KatranV2,
}

const FLAVOURS: [(&str, Flavour); 4] = [
    ("envoy", Flavour::Envoy),
    ("cilium", Flavour::Cilium),
    ("katran", Flavour::Katran),
    ("katran-v2", Flavour::KatranV2),
];

/// The first four bytes of Cilium's default seed `JLfvgnHc2kaSUFaI`, which is base64, as a number.
const CILIUM_SEED: u32 = 0x24b7_ef82;

/// The table sizes that are allowed; Envoy's own limit is the greatest.
const SIZES: std::ops::RangeInclusive<u64> = 2..=5_000_011;

/// A divisor, with what it takes to divide by it without dividing.
#[derive(Clone, Copy, Debug)]
struct Modulus {
    size: u64,
    /// The greatest number that `size` times stays below 2^64 times 2 to the `shift`.
    reciprocal: u64,
    /// The binary logarithm of `size`, rounded down.
    shift: u32,
}

impl Modulus {
    fn new(size: u64) -> Self {
        let shift = size.ilog2();
        let reciprocal = ((1_u128 << (64 + shift)) - 1) / u128::from(size);
        Self { size, reciprocal: u64::try_from(reciprocal).expect("the divisor is 2 to the shift at least"), shift }
    }

    /// `hash % size`: the quotient by the reciprocal is the true one, or one less in one of 2^`shift` cases at most.
    #[inline]
    fn rest(self, hash: u64) -> u64 {
        let quotient = high(u128::from(hash) * u128::from(self.reciprocal)) >> self.shift;
        let rest = hash.wrapping_sub(quotient.wrapping_mul(self.size));
        if rest < self.size { rest } else { less(rest, self.size) }
    }
}

/// Out of the way, because it is rare.
#[cold]
fn less(rest: u64, size: u64) -> u64 {
    rest - size
}

/// A backend, with the hashes that its permutation follows from.
#[derive(Clone, Debug)]
struct Known {
    name: String,
    /// What it is sorted by before its name.
    rank: u64,
    /// The hashes behind its permutation's offset and skip.
    hashes: (u64, u64),
    weight: u32,
}

/// A backend's way through the table.
#[derive(Clone, Copy, Debug)]
struct Walk {
    slot: u32,
    /// The next place it tries.
    at: u32,
    skip: u32,
}

/// A Maglev table.
#[derive(Clone, Debug)]
pub struct Maglev {
    flavour: Flavour,
    hash_on: HashOn,
    size: Modulus,
    /// By slot.
    known: Vec<Option<Known>>,
    table: Vec<u32>,
}

fn is_prime(number: u64) -> bool {
    number >= 2 && (2..=number.isqrt()).all(|divisor| !number.is_multiple_of(divisor))
}

/// The hashes behind the permutation of a Katran real with this hash.
fn katran_hashes(hash: u64) -> (u64, u64) {
    let with = |number: u64, seed| {
        let mut words = [0; 16];
        words[..8].copy_from_slice(&hash.to_le_bytes());
        words[8..].copy_from_slice(&number.to_le_bytes());
        murmur3_x64_128(&words, seed).0
    };
    (with(42, 0), with(2_718_281_828, 2307))
}

/// The place `skip` further in a table of `size`; both are below `size`.
#[inline]
fn step(at: u32, skip: u32, size: u32) -> u32 {
    let next = at.wrapping_add(skip);
    next.min(next.wrapping_sub(size))
}

/// Deals the table: the walk whose turn it is takes the next place of its permutation that is free.
fn deal(table: &mut Vec<u32>, size: u32, walks: &mut [Walk], mut turn: impl FnMut() -> usize) {
    table.clear();
    table.resize(size as usize, 0);
    // One bit per place: far smaller than the table, which is written to once per place.
    let mut taken = vec![0_u64; (size as usize).div_ceil(64)];
    for _ in 0..size {
        let walk = &mut walks[turn()];
        let mut at = walk.at;
        while (taken[(at >> 6) as usize] >> (at & 63)) & 1 == 1 {
            at = step(at, walk.skip, size);
        }
        taken[(at >> 6) as usize] |= 1 << (at & 63);
        table[at as usize] = walk.slot;
        walk.at = step(at, walk.skip, size);
    }
}

impl Maglev {
    /// An empty table of `size` slots; `None` when that is not a prime from 2 to 5 000 011.
    pub fn new(flavour: Flavour, size: u64, hash_on: HashOn) -> Option<Self> {
        let allowed = SIZES.contains(&size) && is_prime(size);
        let size = Modulus::new(size.max(1));
        allowed.then(|| Self { flavour, hash_on, size, known: Vec::new(), table: Vec::new() })
    }

    /// The slot of the backend for this hash, `None` without backends.
    #[inline]
    pub fn look_up(&self, hash: u64) -> Option<u32> {
        let place = usize::try_from(self.size.rest(hash)).expect("a place in the table");
        self.table.get(place).copied()
    }

    fn know(&self, backend: &Backend) -> Known {
        let name = backend.name.as_bytes();
        let (rank, hashes) = match self.flavour {
            Flavour::Envoy => (0, (xxh64(name, 0), xxh64(name, 1))),
            Flavour::Cilium => (0, murmur3_x64_128(name, CILIUM_SEED)),
            Flavour::Katran | Flavour::KatranV2 => {
                let hash = xxh64(name, 0);
                (hash, katran_hashes(hash))
            }
        };
        Known { name: backend.name.clone(), rank, hashes, weight: backend.weight }
    }

    fn rebuild(&mut self, order: &[usize]) {
        let mut listed: Vec<(usize, &Known)> =
            order.iter().filter_map(|slot| Some((*slot, self.known[*slot].as_ref()?))).collect();
        listed.sort_by(|(_, one), (_, other)| (one.rank, &one.name).cmp(&(other.rank, &other.name)));
        let size = self.size.size;
        let below = |hash: u64, bound: u64| u32::try_from(hash % bound).expect("a table has less than 2^32 places");
        let walk = |(slot, known): &(usize, &Known)| Walk {
            slot: u32::try_from(*slot).expect("fewer than 2^32 backends"),
            at: below(known.hashes.0, size),
            skip: below(known.hashes.1, size - 1) + 1,
        };
        let mut walks: Vec<Walk> = listed.iter().map(walk).collect();
        let weights: Vec<u32> = listed.iter().map(|(_, known)| known.weight).collect();
        if walks.is_empty() {
            self.table.clear();
            return;
        }
        let size = u32::try_from(size).expect("a table has less than 2^32 places");
        let (table, walks) = (&mut self.table, &mut walks[..]);
        match self.flavour {
            _ if weights.iter().all(|weight| *weight == 1) => deal(table, size, walks, turns::equal(weights.len())),
            Flavour::Envoy => deal(table, size, walks, turns::envoy(&weights)),
            Flavour::Cilium => deal(table, size, walks, turns::cilium(weights)),
            Flavour::Katran => deal(table, size, walks, turns::katran(weights)),
            Flavour::KatranV2 => deal(table, size, walks, turns::katran_v2(weights)),
        }
    }
}

impl LoadBalancer for Maglev {
    fn add(&mut self, slot: usize, backend: &Backend) {
        if self.known.len() <= slot {
            self.known.resize(slot + 1, None);
        }
        self.known[slot] = Some(self.know(backend));
    }

    fn remove(&mut self, slot: usize) {
        self.known[slot] = None;
    }

    fn set_weight(&mut self, slot: usize, weight: u32) {
        if let Some(known) = &mut self.known[slot] {
            known.weight = weight;
        }
    }

    fn settle(&mut self, order: &[usize]) {
        self.rebuild(order);
    }

    #[inline]
    fn pick(&mut self, request: &Request, _bits: &mut dyn RandomBits) -> Option<usize> {
        Some(self.look_up(self.hash_on.hash(request))? as usize)
    }

    fn table_bytes(&self) -> usize {
        self.table.len() * 4
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

const FLAVOUR: Parameter = Parameter {
    name: "flavour",
    summary: "whose hashes and turns (envoy); katran heeds weights in the first round alone",
    kind: ParameterKind::Choice { names: &[FLAVOURS[0].0, FLAVOURS[1].0, FLAVOURS[2].0, FLAVOURS[3].0] },
    required: false,
};

const TABLE_SIZE: Parameter = Parameter {
    name: "tableSize",
    summary: "slots of the table, a prime above the number of backends; Envoy and Katran have 65537, Cilium 16381",
    kind: ParameterKind::Within { min: *SIZES.start(), max: *SIZES.end(), default: DEFAULT_SIZE },
    required: false,
};

const DEFAULT_SIZE: u64 = 65_537;

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "maglev",
        summary: "a table that backends fill in turns, each by its own permutation; the hash is looked up in it",
        source: "Eisenbud et al., NSDI 2016; Envoy, Cilium pkg/maglev, Katran",
        parameters: &[FLAVOUR, TABLE_SIZE, HASH_ON],
        build: |arguments| {
            let named = arguments.choice(FLAVOUR.name);
            let flavour = FLAVOURS.iter().find(|(name, _)| Some(*name) == named).map_or(FLAVOURS[0].1, |(_, it)| *it);
            let size = arguments.count(TABLE_SIZE.name).unwrap_or(DEFAULT_SIZE);
            Some(Box::new(Maglev::new(flavour, size, HashOn::of(arguments))?))
        },
    },
    reads: &[Input::Weights, Input::Key, Input::Client],
    state: "a table of M slots, 4 bytes each",
    cost: "O(1); a change of the list makes the table anew, O(M log M)",
    use_when: "many holders must agree without talking to each other: even to a slot, and a removal moves few keys beside the lost backend's own",
};

#[cfg(test)]
mod tests {
    use super::super::parts::mixing::mix;
    use super::*;
    use proptest::prelude::*;

    /// The table as the paper has it: one permutation after the other, a division per step.
    fn plain(size: u32, walks: &[Walk], mut turn: impl FnMut() -> usize) -> Vec<u32> {
        let mut table = vec![None; size as usize];
        let mut tried = vec![0_u64; walks.len()];
        for _ in 0..size {
            let index = turn();
            loop {
                let place = u64::from(walks[index].at) + tried[index] * u64::from(walks[index].skip);
                let place = usize::try_from(place % u64::from(size)).unwrap();
                tried[index] += 1;
                if table[place].is_none() {
                    table[place] = Some(walks[index].slot);
                    break;
                }
            }
        }
        table.into_iter().map(Option::unwrap).collect()
    }

    fn built(flavour: Flavour, size: u64, weights: &[u32]) -> Maglev {
        let mut maglev = Maglev::new(flavour, size, HashOn::Connection).unwrap();
        for (slot, weight) in weights.iter().enumerate() {
            let backend = Backend::new(([10, 0, 0, u8::try_from(slot).unwrap()], 80).into()).weighing(*weight);
            maglev.add(slot, &backend);
        }
        let order: Vec<usize> = (0..weights.len()).filter(|slot| weights[*slot] > 0).collect();
        maglev.settle(&order);
        maglev
    }

    const ALL: [Flavour; 4] = [Flavour::Envoy, Flavour::Cilium, Flavour::Katran, Flavour::KatranV2];

    #[test]
    fn sizes_are_primes_within_the_limits() {
        for size in [2, 7, 251, 16_381, 65_537, 655_373, 5_000_011] {
            assert!(Maglev::new(Flavour::Envoy, size, HashOn::Connection).is_some(), "{size}");
        }
        for size in [0, 1, 4, 65_536, 65_537 * 3, 5_000_017, u64::MAX] {
            assert!(Maglev::new(Flavour::Envoy, size, HashOn::Connection).is_none(), "{size}");
        }
    }

    #[test]
    fn more_backends_than_slots_leave_the_last_in_the_order_without_one() {
        for flavour in ALL {
            let maglev = built(flavour, 7, &[1; 20]);
            let mut held = maglev.table.clone();
            held.sort_unstable();
            held.dedup();
            assert_eq!(held.len(), 7, "{flavour:?}: seven backends with a slot each");
        }
        assert_eq!(built(Flavour::Envoy, 7, &[0, 0]).look_up(5), None, "nobody weighs anything");
    }

    /// Katran's own test of its hash functions: 400 reals whose hash is their number.
    #[test]
    fn four_hundred_katran_reals_have_equally_many_slots_within_one() {
        let size = 65_537;
        let walk = |number: u32| {
            let (offset, skip) = katran_hashes(u64::from(number));
            let below = |hash: u64, bound: u64| u32::try_from(hash % bound).unwrap();
            Walk { slot: number, at: below(offset, size), skip: below(skip, size - 1) + 1 }
        };
        let mut walks: Vec<Walk> = (0..400).map(walk).collect();
        let mut table = Vec::new();
        deal(&mut table, 65_537, &mut walks, turns::katran(vec![1; 400]));
        let mut slots = [0; 400];
        for real in table {
            slots[real as usize] += 1;
        }
        assert_eq!((slots.iter().min(), slots.iter().max()), (Some(&163), Some(&164)));
    }

    proptest! {
        #[test]
        fn the_rest_is_the_divisions(size in 2_u64..5_000_012, hash: u64, small in 0_u64..20_000_000) {
            for hash in [hash, small, u64::MAX - small, hash / size * size, (hash / size * size).wrapping_sub(1)] {
                prop_assert_eq!(Modulus::new(size).rest(hash), hash % size);
            }
        }

        #[test]
        fn the_table_is_the_plain_builds(seed: u64, backends in 1_usize..40, size in prop::sample::select(vec![2_u32, 7, 251, 1_021])) {
            let below = |number: u64, bound: u32| u32::try_from(mix(seed ^ number) % u64::from(bound)).unwrap();
            let walks: Vec<Walk> = (0..backends as u64)
                .map(|number| Walk { slot: below(number, 1_000), at: below(2 * number, size), skip: below(2 * number + 1, size - 1) + 1 })
                .collect();
            let mut table = Vec::new();
            deal(&mut table, size, &mut walks.clone(), turns::equal(backends));
            prop_assert_eq!(&table, &plain(size, &walks, turns::equal(backends)));
        }

        #[test]
        fn shares_follow_the_weights(weights in prop::collection::vec(1_u32..50, 2..10)) {
            // Flavours that mean to be proportional, from the weights on from which Cilium's are.
            let weights: Vec<u32> = weights.iter().map(|weight| weight + 1).collect();
            let sum: u32 = weights.iter().sum();
            for flavour in [Flavour::Envoy, Flavour::Cilium, Flavour::KatranV2] {
                let maglev = built(flavour, 16_381, &weights);
                for (slot, weight) in weights.iter().enumerate() {
                    let held = maglev.table.iter().filter(|held| **held as usize == slot).count();
                    let due = f64::from(*weight) / f64::from(sum) * 16_381.0;
                    // A turn more or less per round of turns, in which the heaviest has one.
                    let held = f64::from(u32::try_from(held).unwrap());
                    prop_assert!((held - due).abs() <= 10.0, "{:?} {}: {} of {}", flavour, slot, held, due);
                }
            }
        }
    }
}
