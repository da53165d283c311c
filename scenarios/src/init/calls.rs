//! Calls as a scenario writes them.

use super::graph::Edge;
use super::names::{self, Names};

/// The lines of `calls` below a workload's `behaviour`, at this depth; none without calls. One after the other, in
/// the order of the clues: nothing in a manifest says more.
pub(super) fn lines(named: &Names<'_>, edges: &[&Edge], depth: usize) -> Vec<String> {
    if edges.is_empty() {
        return Vec::new();
    }
    let indent = "  ".repeat(depth);
    let mut lines = vec![format!("{indent}calls: # guess: each request makes these calls, one after the other")];
    for edge in edges {
        let to = names::scalar(&named.target(edge.service, edge.port, edge.from));
        lines.push(format!("{indent}  - {to} # guess: {}", names::comment(&edge.why)));
    }
    lines
}
