//! A workload gets another image: a changed template, so a rollout, as `kubectl set image` starts.

use super::{ActionKind, Change};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<ActionKind> = Spec {
    name: "set-image",
    summary: "another template, so a rollout under a new hash; containers are recreated one after the other",
    source: "A5, D20, D21, D22",
    parameters: &[
        Parameter { name: "workload", summary: "the workload", kind: ParameterKind::Workload, required: true },
        Parameter {
            name: "image",
            summary: "the new image; any when absent",
            kind: ParameterKind::Text,
            required: false,
        },
    ],
    build: |arguments| {
        let workload = arguments.workload("workload")?;
        Some(ActionKind { name: "set-image", change: Change::SetImage { workload, image: arguments.text("image") } })
    },
};
