//! `systemctl restart docker`: without `live-restore` every container of the host stops and starts, with other ports.

use super::{FaultKind, Impairment, impairing};
use crate::kernel::time::SimDuration;
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<FaultKind> = Spec {
    name: "docker-daemon-restart",
    summary: "dockerd stops, and starts after 1s or what `for` says; all containers with it unless `live-restore`",
    source: "A9, A24",
    parameters: &[Parameter { name: "node", summary: "the host", kind: ParameterKind::Node, required: true }],
    build: |arguments| {
        let node = arguments.victim("node")?;
        let plain = impairing("docker-daemon-restart", Impairment::DockerDaemon { node, stops_containers: true });
        Some(FaultKind { default_length: Some(SimDuration::from_secs(1)), ..plain })
    },
};
