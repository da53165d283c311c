//! A node takes new pods again, as after `kubectl uncordon`.

use super::{ActionKind, Change};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<ActionKind> = Spec {
    name: "uncordon",
    summary: "the scheduler uses the node again, and looks at waiting pods",
    source: "kubectl uncordon",
    parameters: &[Parameter { name: "node", summary: "the machine", kind: ParameterKind::Node, required: true }],
    build: |arguments| {
        let victim = arguments.victim("node")?;
        Some(ActionKind { name: "uncordon", change: Change::Uncordon(victim) })
    },
};
