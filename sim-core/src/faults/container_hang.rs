//! The processes of a pod stand still, as after SIGSTOP or in a dead lock: the kernel goes on answering for them.

use super::{FaultKind, Impairment, impairing};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<FaultKind> = Spec {
    name: "container-hang",
    summary: "the pod's processes stand still; kernel and kubelet go on. Ends with the processes at the latest",
    source: "A28, D16, linux-kernel 9",
    parameters: &[Parameter { name: "pod", summary: "the pod", kind: ParameterKind::Pod, required: true }],
    build: |arguments| Some(impairing("container-hang", Impairment::ContainerHang(arguments.victim("pod")?))),
};
