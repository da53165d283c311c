//! Why something happened, in words: the chain from a record through what decided or triggered it, back to a root.
//! Knows records and names; knows no page and no picture.

mod explainer;
pub(crate) mod history;
mod otherwise;
mod story;
mod telling;
#[cfg(test)]
mod tests;
mod text;
pub(crate) mod words;

pub use explainer::{BadRequest, Explainer, Wanted};
pub use history::History;
pub use otherwise::Otherwise;
pub use telling::{Explanation, Happening};
pub use words::sentence;

/// One link of a chain of causes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Step {
    /// When it happened, ns.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub time: u64,
    /// The kind of record that tells of it.
    pub kind: &'static str,
    /// What happened, as a sentence without a full stop.
    pub words: String,
}
