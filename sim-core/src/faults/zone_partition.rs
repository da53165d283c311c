//! Two zones lose each other, or one loses all others: nothing passes between them, and each goes on within.

use super::{DIRECTION, FaultKind, Impairment, Way, impairing};
use crate::model::parameters::{Arguments, Parameter, ParameterKind, Side, Spec, Victim};

pub(super) const SPEC: Spec<FaultKind> = Spec {
    name: "zone-partition",
    summary: "nothing passes between two zones until the fault ends; inside them everything goes on",
    source: "D5, D9, E11",
    parameters: &[
        Parameter { name: "a", summary: "a zone", kind: ParameterKind::Zone, required: true },
        Parameter {
            name: "b",
            summary: "the other zone; all nodes outside `a` when absent",
            kind: ParameterKind::Zone,
            required: false,
        },
        DIRECTION,
    ],
    build: |arguments| {
        let a = zone(arguments, "a")?;
        let b = zone(arguments, "b").unwrap_or(Side::Rest);
        let way = Way::of(arguments.choice("direction"));
        (a != b).then(|| impairing("zone-partition", Impairment::Partition { a, b, way }))
    },
};

fn zone(arguments: &Arguments, key: &str) -> Option<Side> {
    let Victim::ZoneOf(node) = arguments.victim(key)? else { return None };
    Some(Side::ZoneOf(node))
}
