//! The service registry is away: nobody registers, nothing is checked, clients keep the lists that they have.

use super::{FaultKind, Impairment, impairing};
use crate::model::parameters::Spec;

pub(super) const SPEC: Spec<FaultKind> = Spec {
    name: "registry-outage",
    summary: "the registry checks nothing and tells nobody anything until the fault ends",
    source: "A30",
    parameters: &[],
    build: |_| Some(impairing("registry-outage", Impairment::RegistryOutage)),
};
