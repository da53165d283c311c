//! The lists of a Service port before its newest one: what turns each into the one before it, and whole lists now and then
//! and where somebody has asked for one. Knows nothing of who asks.

use std::sync::{Arc, OnceLock};

use super::versions::{Backend, Snapshot};

/// Of so many lists one is kept whole, so that none takes more steps than these to be made again.
const STRIDE: usize = 128;

/// What of a list is not as in the list after it.
#[derive(Clone, Debug)]
struct Patch {
    /// So many backends at the beginning are the same.
    start: usize,
    /// So many of the later list come then.
    later: usize,
    /// These stood in their place.
    earlier: Box<[Backend]>,
}

impl Patch {
    fn between(earlier: &[Backend], later: &[Backend]) -> Self {
        let start = earlier.iter().zip(later).take_while(|(one, other)| one == other).count();
        let rest = (&earlier[start..], &later[start..]);
        let end = rest.0.iter().rev().zip(rest.1.iter().rev()).take_while(|(one, other)| one == other).count();
        Self { start, later: rest.1.len() - end, earlier: rest.0[..rest.0.len() - end].into() }
    }

    fn undo(&self, list: &mut Vec<Backend>) {
        list.splice(self.start..self.start + self.later, self.earlier.iter().copied());
    }
}

/// A list that is no longer the newest.
#[derive(Clone, Debug)]
struct Old {
    version: u64,
    record: u64,
    backends: Patch,
    leaving: Patch,
    is_distinct: bool,
    whole: OnceLock<Box<Snapshot>>,
}

/// All of them, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct OldLists {
    lists: Vec<Old>,
}

impl OldLists {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.lists.len()
    }

    /// Heap memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let of_old = |old: &Old| {
            let patches = (old.backends.earlier.len() + old.leaving.earlier.len()) * size_of::<Backend>();
            patches + old.whole.get().map_or(0, |whole| size_of::<Snapshot>() + whole.heap_bytes())
        };
        self.lists.capacity() * size_of::<Old>() + self.lists.iter().map(of_old).sum::<usize>()
    }

    /// Adds the list that was the newest one until `after`.
    pub(super) fn push(&mut self, before: Snapshot, after: &Snapshot) {
        let (version, record, is_distinct) = (before.version, before.record, before.is_distinct());
        let backends = Patch::between(&before.backends, &after.backends);
        let leaving = Patch::between(&before.leaving, &after.leaving);
        let is_kept = (self.lists.len() + 1).is_multiple_of(STRIDE);
        let whole = if is_kept { OnceLock::from(Box::new(before)) } else { OnceLock::new() };
        self.lists.push(Old { version, record, backends, leaving, is_distinct, whole });
    }

    /// The last of them that is not younger than `version`; `newest` is the list after all of them.
    pub(super) fn at(&self, version: u64, newest: &Snapshot) -> &Snapshot {
        let place = self.lists.partition_point(|old| old.version <= version) - 1;
        self.lists[place].whole.get_or_init(|| Box::new(self.made_again(place, newest)))
    }

    fn made_again(&self, place: usize, newest: &Snapshot) -> Snapshot {
        let later = &self.lists[place..];
        let whole = later.iter().zip(0..).find_map(|(old, steps)| Some((steps, old.whole.get()?.as_ref())));
        let (steps, from) = whole.unwrap_or((later.len(), newest));
        let (mut backends, mut leaving) = (from.backends.to_vec(), from.leaving.to_vec());
        for old in later[..steps].iter().rev() {
            old.backends.undo(&mut backends);
            old.leaving.undo(&mut leaving);
        }
        let Old { version, record, is_distinct, .. } = self.lists[place];
        Snapshot::new((version, record), [Arc::from(backends), Arc::from(leaving)], is_distinct)
    }

    /// Forgets those before the one that stood at `version`, or all of them when the newest one stood then.
    pub(super) fn forget_before(&mut self, version: u64, newest: &Snapshot) {
        let passed = self.lists.partition_point(|old| old.version <= version);
        let unused = if newest.version <= version { passed } else { passed.saturating_sub(1) };
        if unused > 0 {
            self.lists.drain(..unused);
            self.lists.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::PodId;
    use proptest::prelude::*;
    use std::net::IpAddr;

    fn list(pods: &[u32]) -> Arc<[Backend]> {
        let backend = |pod: &u32| Backend { pod: PodId(*pod), address: IpAddr::from(pod.to_be_bytes()), port: 80 };
        pods.iter().map(backend).collect()
    }

    proptest! {
        /// Whatever became of the lists, and whichever are asked for first, each is what it was, also once others are
        /// forgotten.
        #[test]
        fn every_list_is_what_it_was(
            all in prop::collection::vec((prop::collection::vec(0..6_u32, 0..6), prop::collection::vec(0..6_u32, 0..3)), 2..400),
            asked in prop::collection::vec(any::<prop::sample::Index>(), 1..60),
            forgotten in any::<prop::sample::Index>(),
        ) {
            let snapshot = |(version, (backends, leaving)): (usize, &(Vec<u32>, Vec<u32>))| {
                Snapshot::new((version as u64, version as u64 + 7), [list(backends), list(leaving)], false)
            };
            let all: Vec<Snapshot> = all.iter().enumerate().map(snapshot).collect();
            let mut old = OldLists::default();
            all.windows(2).for_each(|pair| old.push(pair[0].clone(), &pair[1]));
            let newest = &all[all.len() - 1];
            let check = |old: &OldLists, from: usize| -> Result<(), TestCaseError> {
                for place in asked.iter().map(|index| index.index(all.len() - 1)).filter(|place| *place >= from) {
                    let (found, expected) = (old.at(place as u64, newest), &all[place]);
                    prop_assert_eq!((found.version, found.record), (expected.version, expected.record));
                    prop_assert_eq!(&found.backends, &expected.backends);
                    prop_assert_eq!(&found.leaving, &expected.leaving);
                    prop_assert_eq!(found.usable(), expected.usable());
                }
                Ok(())
            };
            check(&old, 0)?;
            let kept = forgotten.index(all.len() - 1);
            old.forget_before(kept as u64, newest);
            prop_assert_eq!(old.len(), all.len() - 1 - kept);
            check(&old, kept)?;
            old.forget_before(newest.version, newest);
            prop_assert_eq!((old.len(), old.heap_bytes()), (0, 0));
        }
    }
}
