//! Kind, namespace and name are an object's identity, so two objects cannot share them.

use std::collections::BTreeSet;

use crate::diagnostics::codes::DUPLICATE_NAME;
use crate::diagnostics::{Place, Sink};
use crate::draft::Draft;

pub(super) fn check(draft: &Draft, sink: &mut Sink) {
    let workloads =
        draft.workloads.iter().map(|w| (w.kind.reference(), w.namespace.as_str(), w.name.as_str(), &w.place));
    let services = draft.services.iter().map(|s| ("service", s.namespace.as_str(), s.name.as_str(), &s.place));
    let nodes = draft.nodes.iter().map(|node| ("node", "", node.name.as_str(), &node.place));
    let budgets =
        draft.budgets.iter().map(|b| ("poddisruptionbudget", b.namespace.as_str(), b.name.as_str(), &b.place));
    let mut seen: BTreeSet<(&str, &str, &str)> = BTreeSet::new();
    for (kind, namespace, name, place) in workloads.chain(services).chain(nodes).chain(budgets) {
        if !seen.insert((kind, namespace, name)) {
            report(kind, namespace, name, place, sink);
        }
    }
}

fn report(kind: &str, namespace: &str, name: &str, place: &Place, sink: &mut Sink) {
    let within = if namespace.is_empty() { String::new() } else { format!(" in namespace {namespace}") };
    let message = format!("there is already a {kind} `{name}`{within}");
    sink.help(DUPLICATE_NAME, place, message, "rename one of the two, or include only one of their files");
}
