//! IPVS `wlc`, weighted least connection: the least overhead per weight (`ip_vs_wlc.c`). The kernel multiplies crosswise in
//! 64 bits; the ranks here order fractions in the same way.

use super::parts::destinations::Destination;
use super::parts::ranking::{Rank, Ranking, weighted};
use super::{Algorithm, Input};
use crate::model::parameters::Spec;

/// By overhead per weight.
#[derive(Clone, Debug)]
pub struct WeightedOverhead;

impl Rank for WeightedOverhead {
    #[inline]
    fn rank(destination: &Destination) -> u64 {
        weighted(destination.overhead(), destination.weight)
    }
}

/// The balancer, for use without the registry.
pub type Wlc = Ranking<WeightedOverhead>;

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "wlc",
        summary: "IPVS weighted least connection: the fewest connections per weight",
        source: "linux ip_vs_wlc.c",
        parameters: &[],
        build: |_| Some(Box::new(Wlc::new())),
    },
    reads: &[Input::Weights, Input::Loads, Input::Thresholds],
    state: "a tournament of n",
    cost: "the kernel scans n; podwire picks in O(1) and changes in O(log n)",
    use_when: "unequal backends with requests of unequal length; what ipvsadm takes by default",
};
