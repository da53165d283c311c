//! IPVS `rr`, round robin: the next in the list after the last pick, past those of weight 0 and overloaded ones
//! (`ip_vs_rr.c`). A new destination stands at the list's head, so that its turn comes at the list's end; when the one
//! picked last goes, the turn is as if the one before it had been picked last.

use super::parts::ranking::{ByWeight, Ranking};
use super::{Algorithm, Backend, Input, Load, LoadBalancer, Request};
use crate::kernel::draws::RandomBits;
use crate::model::parameters::Spec;

#[derive(Clone, Debug, Default)]
struct Rr {
    ranking: Ranking<ByWeight>,
    /// The slot picked last; none: the list's head.
    last: Option<usize>,
}

impl LoadBalancer for Rr {
    fn add(&mut self, slot: usize, backend: &Backend) {
        self.ranking.add(slot, backend);
    }

    fn remove(&mut self, slot: usize) {
        if self.last == Some(slot) {
            self.last = self.ranking.destinations().newer_than(slot);
        }
        self.ranking.remove(slot);
    }

    fn set_weight(&mut self, slot: usize, weight: u32) {
        self.ranking.set_weight(slot, weight);
    }

    fn set_load(&mut self, slot: usize, load: Load) {
        self.ranking.set_load(slot, load);
    }

    fn pick(&mut self, _request: &Request, _bits: &mut dyn RandomBits) -> Option<usize> {
        let usable = ByWeight::of(1);
        let picked = self.ranking.after(self.last, usable).or_else(|| self.ranking.after(None, usable))?;
        self.last = Some(picked);
        Some(picked)
    }

    fn table_bytes(&self) -> usize {
        self.ranking.table_bytes() + size_of::<Option<usize>>()
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "rr",
        summary: "IPVS round robin: each in turn, from the newest to the oldest",
        source: "linux ip_vs_rr.c",
        parameters: &[],
        build: |_| Some(Box::new(Rr::default())),
    },
    reads: &[Input::Weights, Input::Thresholds, Input::History],
    state: "a position; a tree of n",
    cost: "O(1) without quiesced backends in the kernel; O(log n) here in any case",
    use_when: "what kube-proxy's ipvs mode does by default; every node begins with the same backend",
};
