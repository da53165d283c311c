//! Tracks for slices that may overlap: as many of a name below a place as there are at once. Knows no packet.

use std::collections::{BTreeMap, BTreeSet};

/// A track that one slice has to itself until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lane {
    pub track: u64,
    parent: u64,
    name: &'static str,
}

/// All tracks so far, and those that are free.
#[derive(Clone, Debug, Default)]
pub(super) struct Lanes {
    described: BTreeSet<u64>,
    free: BTreeMap<(u64, &'static str), BTreeSet<Lane>>,
    made: u64,
}

/// Tracks of places have smaller numbers.
const FIRST: u64 = 1 << 40;

impl Lanes {
    /// Whether a track is met for the first time.
    pub(super) fn is_new(&mut self, track: u64) -> bool {
        self.described.insert(track)
    }

    /// The free track of this name that was made first, or a new one, which must be described.
    pub(super) fn take(&mut self, parent: u64, name: &'static str) -> (Lane, bool) {
        if let Some(lane) = self.free.get_mut(&(parent, name)).and_then(BTreeSet::pop_first) {
            return (lane, false);
        }
        self.made += 1;
        (Lane { track: FIRST + self.made, parent, name }, true)
    }

    /// The slice on a track has ended.
    pub(super) fn free(&mut self, lane: Lane) {
        self.free.entry((lane.parent, lane.name)).or_default().insert(lane);
    }
}
