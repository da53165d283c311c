//! A Service is deleted, as `kubectl delete service` does.

use super::{ActionKind, Change};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<ActionKind> = Spec {
    name: "delete-service",
    summary: "its name, clusterIP, node ports and endpoints go; connections stay; nothing under port mapping",
    source: "B8, C.3",
    parameters: &[Parameter { name: "service", summary: "the Service", kind: ParameterKind::Service, required: true }],
    build: |arguments| {
        let service = arguments.service("service")?;
        Some(ActionKind { name: "delete-service", change: Change::DeleteService(service) })
    },
};
