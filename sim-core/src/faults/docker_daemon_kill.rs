//! dockerd is killed: nobody restarts containers, nobody takes the rules of the dead away, and its docker-proxies are gone.

use super::{FaultKind, Impairment, impairing};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<FaultKind> = Spec {
    name: "docker-daemon-kill",
    summary: "dockerd is killed (SIGKILL); containers run on until it starts again, which stops them unless `live-restore`",
    source: "A9, A20, A24, linux-kernel 2",
    parameters: &[Parameter { name: "node", summary: "the host", kind: ParameterKind::Node, required: true }],
    build: |arguments| {
        let node = arguments.victim("node")?;
        Some(impairing("docker-daemon-kill", Impairment::DockerDaemon { node, stops_containers: false }))
    },
};
