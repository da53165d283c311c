//! A node reboots: it stops dead and boots again.

use super::{Effect, FaultKind};
use crate::kernel::time::SimDuration;
use crate::model::parameters::{Parameter, ParameterKind, Spec};
pub(super) const SPEC: Spec<FaultKind> = Spec {
    name: "node-restart",
    summary: "the machine stops and boots again, after 60s unless `for` says otherwise",
    source: "A9, A24, D18",
    parameters: &[Parameter { name: "node", summary: "the machine", kind: ParameterKind::Node, required: true }],
    build: |arguments| {
        let victim = arguments.victim("node")?;
        Some(FaultKind {
            name: "node-restart",
            begin: Effect::StopNode(victim),
            end: Some(Effect::StartNode(victim)),
            default_length: Some(SimDuration::from_secs(60)),
        })
    },
};
