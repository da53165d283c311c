//! A container's port names are how Services find its ports, so none stands twice.

use std::collections::BTreeSet;

use crate::diagnostics::Sink;
use crate::diagnostics::codes::DUPLICATE_NAME;
use crate::draft::Draft;

pub(super) fn check(draft: &Draft, sink: &mut Sink) {
    for container in draft.workloads.iter().flat_map(|workload| &workload.containers) {
        let mut seen = BTreeSet::new();
        for (port, place) in container.container.ports.iter().zip(&container.port_places) {
            if !port.name.is_empty() && !seen.insert(&port.name) {
                sink.report(DUPLICATE_NAME, &place.at("name"), format!("two ports are called `{}`", port.name));
            }
        }
    }
}
