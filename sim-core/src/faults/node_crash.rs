//! A node stops dead, as at a power cut, and stays away unless the fault has an end.

use super::{Effect, FaultKind};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<FaultKind> = Spec {
    name: "node-crash",
    summary: "the machine stops; it boots again when the fault ends",
    source: "D6, A26",
    parameters: &[Parameter { name: "node", summary: "the machine", kind: ParameterKind::Node, required: true }],
    build: |arguments| {
        let victim = arguments.victim("node")?;
        Some(FaultKind {
            name: "node-crash",
            begin: Effect::StopNode(victim),
            end: Some(Effect::StartNode(victim)),
            default_length: None,
        })
    },
};
