//! One connection, hop by hop: where its two ends are, what a probe's records say about its way, and that as text or JSON.
//! Knows records, the header and the wires of a model; knows no engine and no command line.

mod ends;
mod hops;
mod lookup;
mod places;
mod story;
mod text;
mod watch;
mod wires;

pub use ends::{EndError, Goal, Start, goal, start};
pub use hops::{Candidate, Connection, Conntrack, Hop, Step, Syn, hops, unresolved};
pub use lookup::{Lookup, Query};
pub use places::Places;
pub use watch::Watch;
pub use wires::Wires;

impl Connection {
    /// The connection for people, 80 columns wide.
    pub fn text(&self) -> String {
        text::render(self)
    }

    /// The connection for programs, indented, with a newline at the end.
    pub fn json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}
