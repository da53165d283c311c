//! The report as one HTML page that needs nothing else: no request, no other file. The numbers are those of the text report,
//! the drawings those of [`svg`](crate::svg). Every text of a scenario is escaped, and a policy in the page itself lets the
//! browser run the page's own script and nothing else.

mod compare;
mod failures;
mod page;
mod sections;
#[cfg(test)]
mod tests;

pub(crate) use page::render;

/// Failed requests that a page shows, over all its arms.
pub const MOST_FAILED: usize = 1_000;

/// Looks; the drawings bring their own.
const STYLE: &str = include_str!("style.css");
/// What the page can do: show another time, read numbers off, filter.
const SCRIPT: &str = include_str!("script.js");
/// SHA-256 of [`SCRIPT`], in base64, by which the page's policy knows it.
const SCRIPT_DIGEST: &str = include_str!("script.sha256");
