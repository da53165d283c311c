//! A node's agents lose the control plane, and nothing else: its pods go on serving while it counts as lost.

use super::{FaultKind, Impairment, impairing};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<FaultKind> = Spec {
    name: "control-plane-partition",
    summary: "the kubelet and the control plane do not reach each other; all other traffic goes on",
    source: "D2-D12",
    parameters: &[Parameter { name: "node", summary: "the node", kind: ParameterKind::Node, required: true }],
    build: |arguments| {
        Some(impairing("control-plane-partition", Impairment::ControlPlanePartition(arguments.victim("node")?)))
    },
};
