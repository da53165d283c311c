//! `AnchorHash` (Mendelson et al., "`AnchorHash`: A Scalable Consistent Hash", 2020): buckets up to a capacity set beforehand,
//! of which some work; a key that falls on a removed bucket is hashed again among those that worked when it went. So a
//! removal moves the removed bucket's keys only, wherever it stands. Weights count only as 0 or not.
//!
//! Buckets come back in the order opposite to that of their removal (a stack), whatever backend asks for one. A backend that
//! finds none left gets no connections until another one goes.

use super::parts::hash_on::{HASH_ON, HashOn};
use super::parts::mixing::{fold, mix, within};
use super::{Algorithm, Backend, Input, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::model::parameters::{Parameter, ParameterKind, Spec};

const CAPACITY: Parameter = Parameter {
    name: "capacity",
    summary: "buckets: the most backends that can have connections",
    kind: ParameterKind::Within { min: 1, max: GREATEST, default: DEFAULT_CAPACITY },
    required: false,
};
const GREATEST: u64 = 1 << 20;
const DEFAULT_CAPACITY: u64 = 1_024;

/// Keys of the second and later hashes of a key: any odd number with its bits spread.
const AGAIN: u64 = 0x9e37_79b9_7f4a_7c15;

/// What a look-up reads of a bucket.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// 0 while it works; else how many buckets worked when it had been removed (`A` of the paper).
    left: u32,
    /// Who has taken its place among the working ones (`K`); while it works, the slot of its backend.
    leads_to: u32,
}

/// An anchor of buckets, some of which work.
#[derive(Clone, Debug)]
pub struct Anchor {
    hash_on: HashOn,
    buckets: Vec<Bucket>,
    /// The working buckets, one after the other in the first `working` places (`W`).
    places: Vec<u32>,
    /// Where in `places` each bucket stands, or stood last (`L`).
    place_of: Vec<u32>,
    /// Removed buckets, the last on top (`R`).
    removed: Vec<u32>,
    working: u32,
    /// By slot: the bucket of its backend.
    bucket_of: Vec<Option<u32>>,
}

impl Anchor {
    /// `capacity` buckets, from 1 to 2^20, none of which works; `None` for another number.
    pub fn new(capacity: u64, hash_on: HashOn) -> Option<Self> {
        let capacity = u32::try_from(capacity).ok().filter(|it| (1..=GREATEST).contains(&u64::from(*it)))?;
        let all: Vec<u32> = (0..capacity).collect();
        Some(Self {
            hash_on,
            // As if all had worked and been removed, the last first.
            buckets: all.iter().map(|number| Bucket { left: *number, leads_to: *number }).collect(),
            places: all.clone(),
            place_of: all.clone(),
            removed: all.iter().rev().copied().collect(),
            working: 0,
            bucket_of: Vec::new(),
        })
    }

    /// The slot of the backend for this hash, `None` when no bucket works.
    #[inline]
    pub fn look_up(&self, hash: u64) -> Option<u32> {
        if self.working == 0 {
            return None;
        }
        let place = |hash: u64, bound: u64| usize::try_from(within(hash, bound)).expect("a bucket's number");
        let mut hash = mix(hash);
        let mut at = place(hash, self.buckets.len() as u64);
        let mut bucket = self.buckets[at];
        while bucket.left > 0 {
            hash = fold(hash ^ AGAIN, (at as u64).wrapping_mul(2).wrapping_add(AGAIN));
            at = place(hash, u64::from(bucket.left));
            let mut next = self.buckets[at];
            // One that went earlier: who stood in its place when `bucket` had just gone.
            while next.left >= bucket.left {
                at = next.leads_to as usize;
                next = self.buckets[at];
            }
            bucket = next;
        }
        Some(bucket.leads_to)
    }

    /// Gives a bucket to the backend of a slot, if one is left.
    fn bring_back(&mut self, slot: usize) {
        let Some(bucket) = self.removed.pop() else { return };
        let at = bucket as usize;
        let (end, place) = (self.places[self.working as usize], self.place_of[at]);
        let leads_to = u32::try_from(slot).expect("fewer than 2^32 backends");
        self.buckets[at] = Bucket { left: 0, leads_to };
        self.place_of[end as usize] = self.working;
        self.places[place as usize] = bucket;
        self.working += 1;
        self.bucket_of[slot] = Some(bucket);
    }

    /// Takes the bucket of the backend of a slot away, if it has one.
    fn take_away(&mut self, slot: usize) {
        let Some(bucket) = self.bucket_of.get_mut(slot).and_then(Option::take) else { return };
        let at = bucket as usize;
        self.removed.push(bucket);
        self.working -= 1;
        let end = self.places[self.working as usize];
        self.buckets[at] = Bucket { left: self.working, leads_to: end };
        self.places[self.place_of[at] as usize] = end;
        self.place_of[end as usize] = self.place_of[at];
    }
}

impl LoadBalancer for Anchor {
    fn add(&mut self, slot: usize, _backend: &Backend) {
        if self.bucket_of.len() <= slot {
            self.bucket_of.resize(slot + 1, None);
        }
    }

    fn remove(&mut self, slot: usize) {
        self.take_away(slot);
    }

    fn set_weight(&mut self, slot: usize, weight: u32) {
        if weight == 0 {
            self.take_away(slot);
        }
    }

    fn settle(&mut self, order: &[usize]) {
        for slot in order {
            if self.bucket_of[*slot].is_none() {
                self.bring_back(*slot);
            }
        }
    }

    #[inline]
    fn pick(&mut self, request: &Request, _bits: &mut dyn RandomBits) -> Option<usize> {
        Some(self.look_up(self.hash_on.hash(request))? as usize)
    }

    fn table_bytes(&self) -> usize {
        let by_bucket = self.buckets.len() * size_of::<Bucket>();
        by_bucket + (self.places.len() + self.place_of.len() + self.removed.len()) * 4
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "anchor",
        summary: "a key of a removed bucket is hashed again among those that worked when it went",
        source: "Mendelson et al., AnchorHash, 2020",
        parameters: &[CAPACITY, HASH_ON],
        build: |arguments| {
            let capacity = arguments.count(CAPACITY.name).unwrap_or(DEFAULT_CAPACITY);
            Some(Box::new(Anchor::new(capacity, HashOn::of(arguments))?))
        },
    },
    reads: &[Input::Key, Input::Client],
    state: "16 to 20 bytes per bucket of the capacity",
    cost: "O(1 + log(capacity / n)) hashes; O(1) for a change of the list",
    use_when: "any backend may go and only its own keys may move; holders agree only if they saw the same changes in the same order",
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn backend(slot: usize) -> Backend {
        Backend::new(([10, 0, 0, u8::try_from(slot).unwrap()], 80).into())
    }

    fn anchor(capacity: u64, backends: usize) -> Anchor {
        let mut anchor = Anchor::new(capacity, HashOn::Connection).unwrap();
        (0..backends).for_each(|slot| anchor.add(slot, &backend(slot)));
        anchor.settle(&(0..backends).collect::<Vec<_>>());
        anchor
    }

    fn picks(anchor: &Anchor) -> Vec<u32> {
        (0..3_000).map(|key| anchor.look_up(key).unwrap()).collect()
    }

    #[test]
    fn one_that_finds_no_bucket_waits_for_another_to_go() {
        let mut full = anchor(2, 3);
        assert_eq!(picks(&full).into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([0, 1]));
        full.remove(0);
        full.settle(&[1, 2]);
        assert_eq!(picks(&full).into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([1, 2]));
        full.set_weight(1, 0);
        full.settle(&[2]);
        full.set_weight(2, 0);
        full.settle(&[]);
        assert_eq!(full.look_up(1), None);
        full.settle(&[1]);
        assert_eq!(picks(&full).into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([1]));
        assert!([0, GREATEST + 1].iter().all(|capacity| Anchor::new(*capacity, HashOn::Client).is_none()));
    }

    #[test]
    fn backends_come_back_to_their_buckets_in_the_opposite_order() {
        let mut anchor = anchor(16, 10);
        let before = picks(&anchor);
        for gone in [3, 7, 0] {
            anchor.remove(gone);
        }
        anchor.settle(&[1, 2, 4, 5, 6, 8, 9]);
        for (slot, order) in [(0, &[0][..]), (7, &[0, 7]), (3, &[0, 7, 3])] {
            anchor.add(slot, &backend(slot));
            anchor.settle(order);
        }
        assert_eq!(picks(&anchor), before);
    }

    /// The paper's algorithm 3 with its arrays, word by word.
    #[allow(non_snake_case, clippy::many_single_char_names, reason = "the paper's names")]
    struct Paper {
        A: Vec<u64>,
        K: Vec<usize>,
        W: Vec<usize>,
        L: Vec<usize>,
        R: Vec<usize>,
        N: usize,
    }

    impl Paper {
        fn new(capacity: usize) -> Self {
            let all = || (0..capacity).collect::<Vec<_>>();
            Self {
                A: (0..capacity as u64).collect(),
                K: all(),
                W: all(),
                L: all(),
                R: (0..capacity).rev().collect(),
                N: 0,
            }
        }

        fn add(&mut self) -> usize {
            let b = self.R.pop().unwrap();
            self.A[b] = 0;
            self.L[self.W[self.N]] = self.N;
            self.W[self.L[b]] = b;
            self.K[b] = b;
            self.N += 1;
            b
        }

        fn remove(&mut self, b: usize) {
            self.R.push(b);
            self.N -= 1;
            self.A[b] = self.N as u64;
            self.W[self.L[b]] = self.W[self.N];
            self.K[b] = self.W[self.N];
            self.L[self.W[self.N]] = self.L[b];
        }

        fn get(&self, key: u64) -> usize {
            let place = |hash: u64, bound: u64| usize::try_from((u128::from(hash) * u128::from(bound)) >> 64).unwrap();
            let mut hash = mix(key);
            let mut b = place(hash, self.A.len() as u64);
            while self.A[b] > 0 {
                hash = fold(hash ^ AGAIN, (2 * b as u64).wrapping_add(AGAIN));
                let mut h = place(hash, self.A[b]);
                while self.A[h] >= self.A[b] {
                    h = self.K[h];
                }
                b = h;
            }
            b
        }
    }

    proptest! {
        #[test]
        fn buckets_are_those_of_the_paper(capacity in 1_usize..60, changes in prop::collection::vec((any::<bool>(), any::<usize>()), 1..80)) {
            let (mut anchor, mut paper) = (anchor(capacity as u64, 0), Paper::new(capacity));
            // By bucket of the paper: the slot of its backend; slots are numbered on.
            let mut slots = std::collections::BTreeMap::new();
            for (slot, (comes, which)) in changes.into_iter().enumerate() {
                let order: Vec<usize> = if (comes || slots.is_empty()) && slots.len() < capacity {
                    slots.insert(paper.add(), slot);
                    anchor.add(slot, &backend(0));
                    slots.values().copied().collect()
                } else {
                    let bucket = *slots.keys().nth(which % slots.len()).unwrap();
                    paper.remove(bucket);
                    anchor.remove(slots.remove(&bucket).unwrap());
                    slots.values().copied().collect()
                };
                anchor.settle(&order);
                for key in (0..40).filter(|_| !slots.is_empty()) {
                    prop_assert_eq!(anchor.look_up(key).map(|slot| slot as usize), Some(slots[&paper.get(key)]));
                }
            }
        }

        #[test]
        fn a_change_moves_the_keys_of_what_changes_alone(capacity in 12_u64..40, changes in prop::collection::vec(0_usize..12, 1..40)) {
            let mut anchor = anchor(capacity, 12);
            let mut there: BTreeSet<usize> = (0..12).collect();
            let mut before = picks(&anchor);
            for slot in changes {
                if there.len() > 1 && there.remove(&slot) {
                    anchor.remove(slot);
                } else if there.insert(slot) {
                    anchor.add(slot, &backend(slot));
                }
                anchor.settle(&there.iter().copied().collect::<Vec<_>>());
                let after = picks(&anchor);
                for (was, is) in before.iter().zip(&after) {
                    prop_assert!(was == is || *was as usize == slot || *is as usize == slot, "{} to {} by {}", was, is, slot);
                }
                prop_assert_eq!(after.iter().map(|slot| *slot as usize).collect::<BTreeSet<_>>(), there.clone());
                before = after;
            }
        }
    }
}
