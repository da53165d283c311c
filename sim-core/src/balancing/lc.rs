//! IPVS `lc`, least connection: the least overhead, active connections counting 256 times (`ip_vs_lc.c`).

use super::parts::destinations::Destination;
use super::parts::ranking::{Rank, Ranking};
use super::{Algorithm, Input};
use crate::model::parameters::Spec;

/// By overhead, whatever the weight.
#[derive(Clone, Debug)]
pub struct Overhead;

impl Rank for Overhead {
    fn rank(destination: &Destination) -> u64 {
        u64::from(destination.overhead())
    }
}

/// The balancer, for use without the registry.
pub type Lc = Ranking<Overhead>;

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "lc",
        summary: "IPVS least connection: the fewest connections, active ones counting 256 times",
        source: "linux ip_vs_lc.c",
        parameters: &[],
        build: |_| Some(Box::new(Lc::new())),
    },
    reads: &[Input::Weights, Input::Loads, Input::Thresholds],
    state: "a tournament of n",
    cost: "the kernel scans n; podwire picks in O(1) and changes in O(log n)",
    use_when: "equal backends with requests of unequal length; a node counts its own connections alone",
};
