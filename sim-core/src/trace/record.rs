//! A record: one thing that happened, when, and why. What it is stands in the table of `body`.

use super::body::Body;
use crate::kernel::time::SimTime;

/// The number of a record, the same at every level: from 1 in order of emission, and from [`FIRST_OF_SEGMENTS`] those of the
/// segment level, which are numbered apart, so that a run that keeps none need not count them. What a record refers to has
/// a lower number. 0 means none.
pub type RecordId = u64;

/// The number of the first record of the segment level. A run ends long before it has so many others, and JSON keeps twice as
/// large a number exactly.
pub const FIRST_OF_SEGMENTS: RecordId = 1 << 52;

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub id: RecordId,
    /// When.
    pub time: SimTime,
    /// The record that triggered it; 0 for a root.
    pub cause: RecordId,
    /// The record of the rule version, drop or limit that decided it; 0 for none.
    pub because: RecordId,
    /// What.
    pub body: Body,
}
