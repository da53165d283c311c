//! Planned actions that have not ended when the run does, and what keeps them.

use std::collections::BTreeSet;

use sim_core::trace::{Body, Record, TraceHeader};

/// An action that has begun and not ended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnfinishedAction {
    /// Its name.
    pub action: String,
    /// When it began, ns.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub since: u64,
    /// Pods that it wants to evict and that disruption budgets keep.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub refused_evictions: u64,
}

/// One action under way.
#[derive(Clone, Debug)]
struct Open {
    /// Its number in records.
    number: u32,
    /// The record of its beginning.
    record: u64,
    since: u64,
    refused: BTreeSet<u32>,
}

/// Follows actions.
#[derive(Clone, Debug, Default)]
pub(super) struct ActionTally {
    open: Vec<Open>,
}

impl ActionTally {
    /// Takes a control-plane record.
    #[allow(clippy::wildcard_enum_match_arm)] // only these say something of actions
    pub(super) fn take(&mut self, record: &Record) {
        match record.body {
            Body::ActionStarted { action } => self.open.push(Open {
                number: action.0,
                record: record.id,
                since: record.time.as_nanos(),
                refused: BTreeSet::new(),
            }),
            Body::ActionCompleted { action } => self.open.retain(|open| open.number != action.0),
            Body::EvictionRefused { pod, .. } => {
                if let Some(open) = self.open.iter_mut().find(|open| open.record == record.cause) {
                    open.refused.insert(pod.0);
                }
            }
            Body::PodDeleted { pod, .. } => {
                for open in &mut self.open {
                    open.refused.remove(&pod.0);
                }
            }
            _ => {}
        }
    }

    /// Those that have not ended, in the order in which they began.
    pub(super) fn unfinished(&self, header: &TraceHeader) -> Vec<UnfinishedAction> {
        let name = |number: u32| header.faults.get(number as usize).cloned().unwrap_or_else(|| format!("#{number}"));
        let unfinished = self.open.iter().map(|open| UnfinishedAction {
            action: name(open.number),
            since: open.since,
            refused_evictions: open.refused.len() as u64,
        });
        unfinished.collect()
    }
}
