//! Laws over the records of a run.

use std::collections::BTreeSet;

use proptest::prelude::*;
use sim_core::trace::Record;

/// Whether a law holds.
pub(crate) type Checked = Result<(), TestCaseError>;

/// Numbers go up, time never goes back, and causes come first.
pub(crate) fn order_and_causes(records: &[Record]) -> Checked {
    let mut known: BTreeSet<u64> = BTreeSet::new();
    let mut last = (0, 0);
    for record in records {
        let now = (record.time.as_nanos(), record.id);
        prop_assert!(now.0 >= last.0 && now.1 > last.1, "{record:?} after {last:?}");
        last = now;
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
