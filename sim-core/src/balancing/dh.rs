//! IPVS `dh`, destination hashing (`ip_vs_dh.c`): 256 buckets, dealt to the list from the newest on, one each, whatever
//! their weights; the address dialled is hashed to a bucket. When its destination is quiesced or overloaded, the connection
//! is dropped. Behind one Service address all connections have one bucket.

use super::parts::address_hash::{folded, hash_32};
use super::parts::buckets::Buckets;
use super::{Algorithm, Backend, Input, Load, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::model::parameters::Spec;

#[derive(Clone, Debug, Default)]
struct Dh {
    buckets: Buckets,
}

impl LoadBalancer for Dh {
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
        self.buckets.deal(|_| 1);
    }

    fn pick(&mut self, request: &Request, _bits: &mut dyn RandomBits) -> Option<usize> {
        self.buckets.usable(hash_32(folded(request.destination), 8)).ok()
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
        name: "dh",
        summary: "IPVS destination hashing: by the address dialled, over 256 buckets dealt without regard to weights",
        source: "linux ip_vs_dh.c",
        parameters: &[],
        build: |_| Some(Box::new(Dh::default())),
    },
    reads: &[Input::Weights, Input::Thresholds, Input::Destination],
    state: "256 buckets",
    cost: "O(1); a change deals all buckets anew",
    use_when: "transparent caches with many destinations; behind one Service address all goes to one backend",
};
