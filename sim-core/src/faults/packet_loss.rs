//! A link loses packets, as with a bad cable or a full buffer: in both directions or in one.

use super::{DIRECTION, FaultKind, Impairment, Way, impairing};
use crate::model::parameters::{Parameter, ParameterKind, Spec};

pub(super) const SPEC: Spec<FaultKind> = Spec {
    name: "packet-loss",
    summary: "the link loses a share of its packets, in addition to its own loss, until the fault ends",
    source: "E1-E6",
    parameters: &[
        Parameter { name: "link", summary: "the link", kind: ParameterKind::Link, required: true },
        Parameter { name: "loss", summary: "the share lost", kind: ParameterKind::Percent, required: true },
        DIRECTION,
    ],
    build: |arguments| {
        let (link, ppm) = (arguments.victim("link")?, arguments.percent("loss")?);
        let way = Way::of(arguments.choice("direction"));
        Some(impairing("packet-loss", Impairment::PacketLoss { link, ppm, way }))
    },
};
