//! How much a trace holds, and what is told about a record kind. Knows no record.

use super::fields::FieldType;

/// How much of a run a trace holds; each level holds the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Faults, control plane, requests.
    Request,
    /// And connections. The digest is over this level.
    Connection,
    /// And TCP segments.
    Segment,
}

impl Level {
    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Connection => "connection",
            Self::Segment => "segment",
        }
    }
}

/// A record kind, as documentation and readers see it.
#[derive(Clone, Copy, Debug)]
pub struct KindInfo {
    /// Code in the canonical encoding.
    pub code: u8,
    /// Name in JSONL.
    pub name: &'static str,
    /// Level from which on a trace holds it.
    pub level: Level,
    /// What it says.
    pub doc: &'static str,
    /// Fields in order: name and type.
    pub fields: &'static [(&'static str, FieldType)],
}
