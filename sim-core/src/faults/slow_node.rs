//! A machine is slow, as with a noisy neighbour or a throttled processor: what it serves takes longer.

use super::{FaultKind, Impairment, impairing};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<FaultKind> = Spec {
    name: "slow-node",
    summary: "service that begins on the node takes longer by a factor until the fault ends",
    source: "assumption",
    parameters: &[
        Parameter { name: "node", summary: "the machine", kind: ParameterKind::Node, required: true },
        Parameter {
            name: "factor",
            summary: "what service times are multiplied by: 0.001 to 1000",
            kind: ParameterKind::Factor,
            required: true,
        },
    ],
    build: |arguments| {
        let (node, permille) = (arguments.victim("node")?, arguments.factor("factor")?);
        Some(impairing("slow-node", Impairment::SlowNode { node, permille }))
    },
};
