//! A record: one thing that happened, when, and why. What it is stands in the table of `body`.

use super::body::Body;
use crate::kernel::time::SimTime;

/// The number of a record, from 1 in order of emission, the same at every level; 0 means none.
pub type RecordId = u64;

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
