//! Two sets of nodes lose each other: nothing passes between them, and each goes on within.

use super::{DIRECTION, FaultKind, Impairment, Way, impairing};
use crate::model::parameters::{Parameter, ParameterKind, Side, Spec};

pub(super) const SPEC: Spec<FaultKind> = Spec {
    name: "partition",
    summary: "nothing passes between two sets of nodes until the fault ends; inside them everything goes on",
    source: "D5, E11",
    parameters: &[
        Parameter { name: "a", summary: "some nodes", kind: ParameterKind::Nodes, required: true },
        Parameter {
            name: "b",
            summary: "the others; all nodes not in `a` when absent",
            kind: ParameterKind::Nodes,
            required: false,
        },
        DIRECTION,
    ],
    build: |arguments| {
        let a = arguments.nodes("a")?;
        let b = arguments.nodes("b");
        let disjoint = b.iter().all(|b| !b.iter().any(|node| a.contains(node)));
        let b = b.map_or(Side::Rest, Side::Nodes);
        let way = Way::of(arguments.choice("direction"));
        disjoint.then(|| impairing("partition", Impairment::Partition { a: Side::Nodes(a), b, way }))
    },
};
