//! IPVS `nq`, never queue: the first of the list without an active connection, else as `sed` (`ip_vs_nq.c`).

use super::parts::destinations::Destination;
use super::parts::ranking::{Rank, Ranking};
use super::sed::ExpectedDelay;
use super::{Algorithm, Input};
use crate::model::parameters::Spec;

/// Idle ones before all others.
#[derive(Clone, Debug)]
struct IdleFirst;

impl Rank for IdleFirst {
    fn rank(destination: &Destination) -> u64 {
        // With an active connection the expected delay is at least 2 / 65535, so its rank is above 0.
        if destination.load.active == 0 { 0 } else { ExpectedDelay::rank(destination) }
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "nq",
        summary: "IPVS never queue: the first idle backend, else the shortest expected delay",
        source: "linux ip_vs_nq.c",
        parameters: &[],
        build: |_| Some(Box::new(Ranking::<IdleFirst>::new())),
    },
    reads: &[Input::Weights, Input::Loads, Input::Thresholds],
    state: "a tournament of n",
    cost: "the kernel scans n; podwire picks in O(1) and changes in O(log n)",
    use_when: "as sed, when no backend may stay idle; under light load all goes to the newest",
};
