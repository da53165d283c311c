//! A node's kube-proxy hangs: its rules stay as they are, whatever the EndpointSlices say.

use super::{FaultKind, Impairment, impairing};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<FaultKind> = Spec {
    name: "kube-proxy-stall",
    summary: "the rules of the node stay at the version that they hold until the fault ends",
    source: "C.1",
    parameters: &[Parameter { name: "node", summary: "the node", kind: ParameterKind::Node, required: true }],
    build: |arguments| Some(impairing("kube-proxy-stall", Impairment::ProxyStall(arguments.victim("node")?))),
};
