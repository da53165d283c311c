//! A machine hangs: its kernel answers as before, its processes do not run, its kubelet among them.

use super::{FaultKind, Impairment, impairing};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<FaultKind> = Spec {
    name: "node-hang",
    summary: "the kernel answers, the processes stand still and go on where they were when the fault ends",
    source: "D2, D16, linux-kernel 9",
    parameters: &[Parameter { name: "node", summary: "the machine", kind: ParameterKind::Node, required: true }],
    build: |arguments| Some(impairing("node-hang", Impairment::NodeHang(arguments.victim("node")?))),
};
