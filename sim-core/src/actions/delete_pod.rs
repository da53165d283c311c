//! A pod is deleted with its grace, as `kubectl delete pod` or `docker stop` and `docker rm` do.

use super::{ActionKind, Change};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<ActionKind> = Spec {
    name: "delete-pod",
    summary: "the pod is asked to stop and then goes; its controller, if any, makes another",
    source: "D12, D17, A27",
    parameters: &[Parameter { name: "pod", summary: "the pod", kind: ParameterKind::Pod, required: true }],
    build: |arguments| {
        let victim = arguments.victim("pod")?;
        Some(ActionKind { name: "delete-pod", change: Change::DeletePod(victim) })
    },
};
