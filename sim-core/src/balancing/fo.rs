//! IPVS `fo`, weighted failover: the highest weight that is not overloaded (`ip_vs_fo.c`).

use super::parts::ranking::{ByWeight, Ranking};
use super::{Algorithm, Input};
use crate::model::parameters::Spec;

pub(super) const SPEC: Algorithm = Algorithm {
    spec: Spec {
        name: "fo",
        summary: "IPVS weighted failover: all to the highest weight",
        source: "linux ip_vs_fo.c",
        parameters: &[],
        build: |_| Some(Box::new(Ranking::<ByWeight>::new())),
    },
    reads: &[Input::Weights, Input::Thresholds],
    state: "a tournament of n",
    cost: "the kernel scans n; podwire picks in O(1) and changes in O(log n)",
    use_when: "one backend that serves and others that stand by",
};
