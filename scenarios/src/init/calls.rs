//! Calls as a scenario writes them.

use super::graph::Edge;
use super::names;
use crate::draft::Draft;

/// How guessed calls are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallsForm {
    /// As the key `calls`.
    Keys,
    /// As comments that become the key when their marks are taken away.
    Comments,
}

/// The lines of `calls` below a workload's `behaviour`, at this depth; none without calls. One after the other, in
/// the order of the clues: nothing in a manifest says more.
pub(super) fn lines(draft: &Draft, edges: &[&Edge], form: CallsForm, depth: usize) -> Vec<String> {
    if edges.is_empty() {
        return Vec::new();
    }
    let indent = "  ".repeat(depth);
    let mark = match form {
        CallsForm::Keys => "",
        CallsForm::Comments => "# ",
    };
    let mut lines = vec![format!("{indent}{mark}calls: # guess: each request makes these calls, one after the other")];
    for edge in edges {
        let to = names::scalar(&names::service(draft, edge.service, edge.port));
        lines.push(format!("{indent}{mark}  - {to} # guess: {}", names::comment(&edge.why)));
    }
    lines
}
