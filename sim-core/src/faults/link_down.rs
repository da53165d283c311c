//! A link is unplugged: both directions carry nothing until the fault ends.

use super::{Effect, FaultKind};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<FaultKind> = Spec {
    name: "link-down",
    summary: "the link carries nothing until the fault ends",
    source: "E11",
    parameters: &[Parameter { name: "link", summary: "the link", kind: ParameterKind::Link, required: true }],
    build: |arguments| {
        let victim = arguments.victim("link")?;
        Some(FaultKind {
            name: "link-down",
            begin: Effect::CutLink(victim),
            end: Some(Effect::MendLink(victim)),
            default_length: None,
        })
    },
};
