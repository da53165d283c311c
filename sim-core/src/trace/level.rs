//! How much of a run a trace holds.

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
