//! Why something happened, in words: the chain from a record through what decided or triggered it, back to a root.
//! Knows records and names; knows no page and no picture.

pub(crate) mod history;
pub(crate) mod words;

pub use history::History;
pub use words::sentence;

/// One link of a chain of causes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// When it happened, ns.
    pub time: u64,
    /// The kind of record that tells of it.
    pub kind: &'static str,
    /// What happened, as a sentence without a full stop.
    pub words: String,
}
