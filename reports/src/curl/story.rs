//! Why something happened, in words: a record of the control plane or of a fault, and the fault behind it.

use std::collections::BTreeMap;

use sim_core::trace::{Body, Record, RecordId};

use crate::timeline::words::what;
use crate::trace_io::Names;

/// What a record says, when it was, and the fault that it came from; nothing for the plan, or for no record.
pub(super) fn why(id: RecordId, others: &BTreeMap<RecordId, Record>, names: &Names) -> Option<String> {
    let record = others.get(&id)?;
    if matches!(record.body, Body::PlanApplied {} | Body::ContainerStarted { .. } | Body::ClientConfigured { .. }) {
        return None;
    }
    let said = format!("{} at {}", what(&record.body, names), record.time);
    let mut root = record;
    while let Some(cause) = others.get(&root.cause) {
        root = cause;
    }
    let Body::FaultStarted { fault } = root.body else { return Some(said) };
    let fault = names.fault(fault);
    Some(if root.id == id { format!("fault {fault} at {}", record.time) } else { format!("{said} (fault {fault})") })
}

#[cfg(test)]
mod tests {
    use sim_core::model::ids::{FaultId, NodeId};

    use super::*;
    use crate::testing::{Builder, header};

    #[test]
    fn the_fault_behind_a_record_is_named() {
        let mut run = Builder::default();
        let plan = run.add(0, 0, Body::PlanApplied {});
        run.at(60_000_000_000);
        let fault = run.add(0, 0, Body::FaultStarted { fault: FaultId(0) });
        let down = run.add(fault, 0, Body::NodeDown { node: NodeId(2) });
        let others: BTreeMap<RecordId, Record> = run.records.iter().map(|record| (record.id, *record)).collect();
        let names = Names::new(&header());
        assert_eq!(why(plan, &others, &names), None);
        assert_eq!(why(0, &others, &names), None);
        assert_eq!(why(down, &others, &names).unwrap(), "node-2 stops at 1m0s (fault lost-node)");
        assert_eq!(why(fault, &others, &names).unwrap(), "fault lost-node at 1m0s");
    }
}
