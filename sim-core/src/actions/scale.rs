//! A workload gets another number of pods, as with `kubectl scale` or `docker compose up --scale`.

use super::{ActionKind, Change};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<ActionKind> = Spec {
    name: "scale",
    summary: "more or fewer pods; ready ones go last, the newest of them first; of containers the last made goes first",
    source: "D21, D22",
    parameters: &[
        Parameter { name: "workload", summary: "the workload", kind: ParameterKind::Workload, required: true },
        Parameter {
            name: "replicas",
            summary: "the number of pods",
            kind: ParameterKind::Count { min: 0 },
            required: true,
        },
    ],
    build: |arguments| {
        let workload = arguments.workload("workload")?;
        let replicas = u32::try_from(arguments.count("replicas")?).ok()?;
        Some(ActionKind { name: "scale", change: Change::Scale { workload, replicas } })
    },
};
