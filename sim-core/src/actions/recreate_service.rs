//! A Service is deleted and made again from its manifest, as `kubectl replace --force` does.

use super::{ActionKind, Change};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<ActionKind> = Spec {
    name: "recreate-service",
    summary: "another clusterIP and node ports, unless the manifest fixes them; nothing under port mapping",
    source: "B8, B12",
    parameters: &[Parameter { name: "service", summary: "the Service", kind: ParameterKind::Service, required: true }],
    build: |arguments| {
        let service = arguments.service("service")?;
        Some(ActionKind { name: "recreate-service", change: Change::RecreateService(service) })
    },
};
