//! Pod disruption budgets: which workloads' pods a selector means.

use std::collections::BTreeSet;

use sim_core::model::application::Workload;
use sim_core::model::budgets::Budget;
use sim_core::model::ids::WorkloadId;

use super::Lowering;
use crate::diagnostics::codes::{PARTLY_MODELLED, SELECTS_NOTHING};
use crate::draft::DraftBudget;

pub(super) fn lower(ctx: &mut Lowering<'_>, workloads: &[Workload]) -> Vec<Budget> {
    let mut taken = BTreeSet::new();
    let mut budgets = Vec::new();
    for given in &ctx.draft.budgets {
        let selected = selected(given, workloads);
        if selected.is_empty() {
            let message = format!("the budget {} selects no pod of namespace `{}`", given.name, given.namespace);
            ctx.sink.report(SELECTS_NOTHING, &given.place, message);
        }
        if let Some(twice) = selected.iter().find(|workload| !taken.insert(**workload)) {
            let reference = workloads[twice.index()].reference();
            let message = format!("pods of {reference} have more than one budget, and the API evicts none of them");
            let help = "here each budget refuses by itself; give each pod one";
            ctx.sink.help(PARTLY_MODELLED, &given.place, message, help);
        }
        budgets.push(Budget {
            name: given.name.clone(),
            workloads: selected,
            healthy: given.healthy,
            always_allow_unhealthy: given.always_allow_unhealthy,
        });
    }
    budgets
}

fn selected(given: &DraftBudget, workloads: &[Workload]) -> Vec<WorkloadId> {
    let means = |workload: &Workload| {
        workload.namespace == given.namespace && given.selector.iter().all(|label| workload.labels.contains(label))
    };
    let numbered = workloads.iter().enumerate().filter(|(_, workload)| means(workload));
    numbered.map(|(index, _)| WorkloadId::from_index(index)).collect()
}
