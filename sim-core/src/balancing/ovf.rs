//! IPVS `ovf`, weighted overflow: the highest weight with at most as many active connections (`ip_vs_ovf.c`). So one of
//! weight w takes w + 1 before the next one gets any, and when all are over nobody is picked.

use super::parts::destinations::Destination;
use super::parts::ranking::{ByWeight, Rank, Ranking};
use super::parts::tournament::UNUSABLE;
use super::{Algorithm, Input};
use crate::model::parameters::Spec;

/// By weight, without those that have more active connections than it.
#[derive(Clone, Debug)]
struct NotOver;

impl Rank for NotOver {
    fn rank(destination: &Destination) -> u64 {
        if destination.load.active > destination.weight { UNUSABLE } else { ByWeight::rank(destination) }
    }
}

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "ovf",
        summary: "IPVS weighted overflow: the highest weight until its active connections exceed it",
        source: "linux ip_vs_ovf.c",
        parameters: &[],
        build: |_| Some(Box::new(Ranking::<NotOver>::new())),
    },
    reads: &[Input::Weights, Input::Loads, Input::Thresholds],
    state: "a tournament of n",
    cost: "the kernel scans n; podwire picks in O(1) and changes in O(log n)",
    use_when: "few busy backends and the others free; refuses connections when all are over",
};
