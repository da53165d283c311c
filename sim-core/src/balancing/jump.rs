//! Jump consistent hash (Lamping and Veach 2014): a key's bucket among n, so that one bucket more takes its share of every
//! other and moves nothing else. Bucket i is the i-th backend of the list: one that goes from the middle moves all behind
//! it by one. Weights count only as 0 or not.

use super::parts::hash_on::{HASH_ON, HashOn};
use super::{Algorithm, Input, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::model::parameters::Spec;

/// The bucket of a key among `buckets`, of which there is at least one.
#[inline]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "the rule's own arithmetic: numbers below 2^32 times at most 2^31, cut off"
)]
pub fn bucket(mut key: u64, buckets: u32) -> u32 {
    let mut bucket = 0;
    let mut next = 0_u64;
    while next < u64::from(buckets) {
        bucket = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        next = ((bucket + 1) as f64 * ((1_u64 << 31) as f64 / ((key >> 33) + 1) as f64)) as u64;
    }
    bucket as u32
}

/// Buckets in the list's order.
#[derive(Clone, Debug)]
pub struct Jump {
    hash_on: HashOn,
    order: Vec<u32>,
}

impl Jump {
    /// No buckets.
    pub fn new(hash_on: HashOn) -> Self {
        Self { hash_on, order: Vec::new() }
    }

    /// The slot of the backend for this hash, `None` without backends.
    #[inline]
    pub fn look_up(&self, hash: u64) -> Option<u32> {
        let buckets = u32::try_from(self.order.len()).expect("fewer than 2^32 backends");
        self.order.get(bucket(hash, buckets) as usize).copied()
    }
}

impl LoadBalancer for Jump {
    fn settle(&mut self, order: &[usize]) {
        self.order.clear();
        self.order.extend(order.iter().map(|slot| u32::try_from(*slot).expect("fewer than 2^32 backends")));
    }

    #[inline]
    fn pick(&mut self, request: &Request, _bits: &mut dyn RandomBits) -> Option<usize> {
        Some(self.look_up(self.hash_on.hash(request))? as usize)
    }

    fn table_bytes(&self) -> usize {
        self.order.len() * 4
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "jump",
        summary: "jump consistent hash over the list's order",
        source: "Lamping and Veach 2014; Guava's consistentHash",
        parameters: &[HASH_ON],
        build: |arguments| Some(Box::new(Jump::new(HashOn::of(arguments)))),
    },
    reads: &[Input::Key, Input::Client],
    state: "the list",
    cost: "O(log n) steps of a multiplication and a division",
    use_when: "shards that are numbered and change at the end only; when one in the middle goes, half of all keys move",
};

#[cfg(test)]
mod tests {
    use super::super::parts::testing::request;
    use super::*;

    /// Guava's `HashingTest`; smaller numbers of buckets are in `tests/vectors/balancing-jump.yaml`.
    #[test]
    fn a_hundred_thousand_buckets_are_guavas() {
        for (key, wanted) in [(2, 80_343), (2_201, 22_152), (2_202, 15_018)] {
            assert_eq!(bucket(key, 100_001), wanted);
        }
    }

    #[test]
    fn one_bucket_more_takes_from_others_and_moves_nothing_else() {
        for key in (0..10_000).map(|number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
            for buckets in [1, 2, 10, 1_000] {
                let (before, after) = (bucket(key, buckets), bucket(key, buckets + 1));
                assert!(before == after || after == buckets, "{key}");
            }
        }
    }

    #[test]
    fn buckets_are_places_in_the_list() {
        let mut jump = Jump::new(HashOn::Connection);
        assert_eq!(jump.pick(&request(1), &mut || 0), None);
        jump.settle(&[7, 5]);
        let picks: Vec<usize> = (0..8).map(|key| jump.pick(&request(key), &mut || 0).unwrap()).collect();
        let wanted: Vec<usize> = (0..8).map(|key| [7, 5][bucket(key, 2) as usize]).collect();
        assert_eq!(picks, wanted);
        assert!(picks.contains(&7) && picks.contains(&5));
    }
}
