//! A link flaps, as with a loose plug or a failing transceiver: down, up, down, up.

use super::{FaultKind, Impairment, impairing};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<FaultKind> = Spec {
    name: "link-flap",
    summary: "the link goes down and up, again and again, until the fault ends",
    source: "E11",
    parameters: &[
        Parameter { name: "link", summary: "the link", kind: ParameterKind::Link, required: true },
        Parameter {
            name: "down",
            summary: "how long it is down each time; first of all",
            kind: ParameterKind::Duration,
            required: true,
        },
        Parameter { name: "up", summary: "how long it is up each time", kind: ParameterKind::Duration, required: true },
    ],
    build: |arguments| {
        let (link, down, up) = (arguments.victim("link")?, arguments.duration("down")?, arguments.duration("up")?);
        let moves = !down.is_zero() && !up.is_zero();
        moves.then(|| impairing("link-flap", Impairment::LinkFlap { link, down, up }))
    },
};
