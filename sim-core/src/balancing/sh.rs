//! IPVS `sh`, source hashing (`ip_vs_sh.c`): 256 buckets, dealt to the list from the newest on, as many in a row as each
//! weighs and at least one; the client's address is hashed to a bucket. When its destination is quiesced or overloaded, the
//! connection is dropped, or with `fallback` the buckets are gone through from there on.
//!
//! The weights fill the buckets up to 256; of those that come later nobody is picked.

use super::parts::address_hash::{folded, hash_32};
use super::parts::buckets::{BUCKETS, Buckets, FALLBACK, PORT, is_on};
use super::{Algorithm, Backend, Input, Load, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::model::parameters::Spec;

#[derive(Clone, Debug, Default)]
struct Sh {
    /// `sh-port`.
    port: bool,
    /// `sh-fallback`.
    fallback: bool,
    buckets: Buckets,
}

impl LoadBalancer for Sh {
    fn add(&mut self, slot: usize, backend: &Backend) {
        self.buckets.destinations.add(slot, backend);
    }

    fn remove(&mut self, slot: usize) {
        self.buckets.destinations.remove(slot);
    }

    fn set_weight(&mut self, slot: usize, weight: u32) {
        self.buckets.destinations.set_weight(slot, weight);
    }

    fn set_load(&mut self, slot: usize, load: Load) {
        self.buckets.destinations.set_load(slot, load);
    }

    fn settle(&mut self, _order: &[usize]) {
        self.buckets.deal(|destination| destination.weight);
    }

    fn pick(&mut self, request: &Request, _bits: &mut dyn RandomBits) -> Option<usize> {
        let port = if self.port { u32::from(request.client.port()) } else { 0 };
        let hash = hash_32(folded(request.client.ip()).wrapping_add(port), 8);
        match self.buckets.usable(hash) {
            Ok(slot) => Some(slot),
            // The offset is the hash and then one more each; it is added to the hash.
            Err(true) if self.fallback => {
                (0..BUCKETS).find_map(|offset| self.buckets.usable((2 * hash + offset) % BUCKETS).ok())
            }
            Err(_) => None,
        }
    }

    fn table_bytes(&self) -> usize {
        self.buckets.bytes()
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "sh",
        summary: "IPVS source hashing: by the client's address, over 256 buckets",
        source: "linux ip_vs_sh.c",
        parameters: &[PORT, FALLBACK],
        build: |arguments| {
            let (port, fallback) = (is_on(arguments, PORT), is_on(arguments, FALLBACK));
            Some(Box::new(Sh { port, fallback, ..Sh::default() }))
        },
    },
    reads: &[Input::Weights, Input::Thresholds, Input::Client],
    state: "256 buckets",
    cost: "O(1); a change deals all buckets anew",
    use_when: "clients that must keep their backend without a table of clients; few backends, many addresses",
};

#[cfg(test)]
mod tests {
    use super::super::parts::testing::backend;
    use super::*;

    /// Buckets per backend, of equal weights.
    fn shares(backends: usize) -> Vec<usize> {
        let mut sh = Sh::default();
        (0..backends).for_each(|slot| sh.add(slot, &backend(1)));
        sh.settle(&[]);
        let mut counts = vec![0; backends];
        (0..BUCKETS).filter_map(|bucket| sh.buckets.usable(bucket).ok()).for_each(|slot| counts[slot] += 1);
        counts
    }

    #[test]
    fn equal_weights_have_256_by_n_buckets_rounded_up_or_down() {
        // Max/mean: ceil(256/N) * N / 256.
        for (backends, most, ratio) in [(3, 86, 1.0078), (10, 26, 1.0156), (100, 3, 1.1719), (1_000, 1, 3.9063)] {
            let counts = shares(backends);
            assert_eq!(counts.iter().sum::<usize>(), BUCKETS);
            assert_eq!(*counts.iter().max().unwrap(), most);
            assert_eq!(most, BUCKETS.div_ceil(backends));
            #[allow(clippy::cast_precision_loss)]
            let found = (most * backends) as f64 / BUCKETS as f64;
            assert!((found - ratio).abs() < 5e-5, "{found}");
        }
        let counts = shares(1_000);
        assert_eq!(counts.iter().filter(|count| **count > 0).count(), 256);
        assert!(counts[..744].iter().all(|count| *count == 0), "the newest have them");
    }
}
