//! The processes of a pod die, as after a segmentation fault or an out-of-memory kill.

use super::{Effect, FaultKind};
use crate::kernel::time::SimDuration;
use crate::model::parameters::{Parameter, ParameterKind, Spec};
pub(super) const SPEC: Spec<FaultKind> = Spec {
    name: "container-kill",
    summary: "the processes die, and die again at each start until the fault ends",
    source: "A25, D18",
    parameters: &[Parameter { name: "pod", summary: "the pod", kind: ParameterKind::Pod, required: true }],
    build: |arguments| {
        let victim = arguments.victim("pod")?;
        Some(FaultKind {
            name: "container-kill",
            begin: Effect::KillContainers(victim),
            end: Some(Effect::SpareContainers(victim)),
            default_length: Some(SimDuration::ZERO),
        })
    },
};
