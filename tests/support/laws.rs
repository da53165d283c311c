//! Laws over the records of a run.

use std::collections::BTreeSet;

use proptest::prelude::*;
use sim_core::trace::record::FIRST_OF_SEGMENTS;
use sim_core::trace::{Level, Record};

/// Whether a law holds.
pub(crate) type Checked = Result<(), TestCaseError>;

/// Numbers go up, those of segments apart from the others; time never goes back, and causes come first.
pub(crate) fn order_and_causes(records: &[Record]) -> Checked {
    let mut known: BTreeSet<u64> = BTreeSet::new();
    let (mut last_time, mut last_ids) = (0, [0, FIRST_OF_SEGMENTS - 1]);
    for record in records {
        let time = record.time.as_nanos();
        let last = &mut last_ids[usize::from(record.body.level() == Level::Segment)];
        prop_assert!(time >= last_time && record.id > *last, "{record:?} after {last} at {last_time}");
        (last_time, *last) = (time, record.id);
        for other in [record.cause, record.because].into_iter().filter(|other| *other != 0) {
            prop_assert!(known.contains(&other), "{record:?} refers to nothing before it");
        }
        known.insert(record.id);
    }
    Ok(())
}

/// Every chain of causes begins with a fault, an action, the plan, an arrival or a limit.
pub(crate) fn chains_end_at_roots(records: &[Record]) -> Checked {
    for record in records {
        let kind = record.body.kind();
        let is_root =
            ["plan-applied", "fault-started", "action-started", "request-arrived", "limit-reached"].contains(&kind);
        prop_assert_eq!(record.cause == 0, is_root, "{:?}", record);
    }
    Ok(())
}
