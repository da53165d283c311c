//! IPVS `sed`, shortest expected delay: the least (active + 1) / weight (`ip_vs_sed.c`). The kernel multiplies crosswise in
//! 32 bits, which wrap from 2^32 on; here they do not.

use super::parts::destinations::Destination;
use super::parts::ranking::{Rank, Ranking, weighted};
use super::{Algorithm, Input};
use crate::model::parameters::Spec;

/// By what a new connection would wait for.
#[derive(Clone, Debug)]
pub struct ExpectedDelay;

impl Rank for ExpectedDelay {
    #[inline]
    fn rank(destination: &Destination) -> u64 {
        weighted(destination.load.active.saturating_add(1), destination.weight)
    }
}

/// The balancer, for use without the registry.
pub type Sed = Ranking<ExpectedDelay>;

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "sed",
        summary: "IPVS shortest expected delay: the least (active connections + 1) per weight",
        source: "linux ip_vs_sed.c",
        parameters: &[],
        build: |_| Some(Box::new(Sed::new())),
    },
    reads: &[Input::Weights, Input::Loads, Input::Thresholds],
    state: "a tournament of n",
    cost: "the kernel scans n; podwire picks in O(1) and changes in O(log n)",
    use_when: "weights that differ much and few connections; a light backend may stay idle",
};
