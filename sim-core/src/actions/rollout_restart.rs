//! A workload's pods are replaced, step by step, as `kubectl rollout restart` or `docker compose up --force-
//! recreate` do.

use super::{ActionKind, Change};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<ActionKind> = Spec {
    name: "rollout-restart",
    summary: "pods are replaced as the workload's strategy says; containers one after the other on their host",
    source: "A5, D20, D21, D22",
    parameters: &[Parameter {
        name: "workload",
        summary: "the workload",
        kind: ParameterKind::Workload,
        required: true,
    }],
    build: |arguments| {
        let workload = arguments.workload("workload")?;
        Some(ActionKind { name: "rollout-restart", change: Change::Restart(workload) })
    },
};
