//! A zone goes dark: every worker in it stops dead at one instant, as when a site loses its power.

use super::{Effect, FaultKind};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<FaultKind> = Spec {
    name: "zone-crash",
    summary: "all workers of the zone stop; they boot again when the fault ends",
    source: "D9, A26",
    parameters: &[Parameter { name: "zone", summary: "the zone", kind: ParameterKind::Zone, required: true }],
    build: |arguments| {
        let victim = arguments.victim("zone")?;
        Some(FaultKind {
            name: "zone-crash",
            begin: Effect::StopNode(victim),
            end: Some(Effect::StartNode(victim)),
            default_length: None,
        })
    },
};
