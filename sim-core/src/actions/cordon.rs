//! A node takes no new pods, as after `kubectl cordon`.

use super::{ActionKind, Change};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<ActionKind> = Spec {
    name: "cordon",
    summary: "the scheduler (or an orchestrator of Docker hosts) passes the node by; plain Docker knows no such thing",
    source: "kubectl cordon",
    parameters: &[Parameter { name: "node", summary: "the machine", kind: ParameterKind::Node, required: true }],
    build: |arguments| {
        let victim = arguments.victim("node")?;
        Some(ActionKind { name: "cordon", change: Change::Cordon(victim) })
    },
};
