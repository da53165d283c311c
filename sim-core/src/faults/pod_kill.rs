//! A pod is removed without grace, as `kubectl delete pod --grace-period=0 --force` or `docker rm --force` do.

use super::{Effect, FaultKind};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<FaultKind> = Spec {
    name: "pod-kill",
    summary: "the pod or container is removed at once; its controller, if any, makes another",
    source: "D11, D12",
    parameters: &[Parameter { name: "pod", summary: "the pod", kind: ParameterKind::Pod, required: true }],
    build: |arguments| {
        let victim = arguments.victim("pod")?;
        Some(FaultKind { name: "pod-kill", begin: Effect::RemovePod(victim), end: None, default_length: None })
    },
};
