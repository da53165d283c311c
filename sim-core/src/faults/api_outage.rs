//! The API server answers nobody: no lease is renewed, no controller, scheduler or kubelet hears or does anything.

use super::{FaultKind, Impairment, impairing};
use crate::model::parameters::Spec;

pub(super) const SPEC: Spec<FaultKind> = Spec {
    name: "api-outage",
    summary: "the API server answers nobody until the fault ends: traffic goes on with the rules as they are, nothing heals",
    source: "D2, D5, D9",
    parameters: &[],
    build: |_| Some(impairing("api-outage", Impairment::ApiOutage)),
};
