//! A node is emptied for maintenance, as `kubectl drain --ignore-daemonsets --force` or a stop of all its
//! containers do.

use super::{ActionKind, Change};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<ActionKind> = Spec {
    name: "drain",
    summary: "cordons the node, then deletes its pods with their grace, all at once, but for those of DaemonSets",
    source: "D17",
    parameters: &[Parameter { name: "node", summary: "the machine", kind: ParameterKind::Node, required: true }],
    build: |arguments| {
        let victim = arguments.victim("node")?;
        Some(ActionKind { name: "drain", change: Change::Drain(victim) })
    },
};
