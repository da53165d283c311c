//! How a manifest says that old pods make room for new ones: `strategy`, `updateStrategy`, `minReadySeconds`.

use sim_core::kernel::time::SimDuration;
use sim_core::model::application::WorkloadKind;
use sim_core::model::lifecycle::{Amount, UpdateStrategy, Updates};

use super::types::{IntOrString, RollingUpdateObject, StrategyObject};
use crate::diagnostics::codes::{BAD_VALUE, PARTLY_MODELLED};
use crate::diagnostics::{Place, Sink};

/// The keys of a workload's `spec` that speak of updates.
pub(super) struct Given<'a> {
    pub(super) strategy: Option<&'a StrategyObject>,
    pub(super) update_strategy: Option<&'a StrategyObject>,
    pub(super) min_ready_seconds: Option<u32>,
    pub(super) pod_management_policy: Option<&'a str>,
}

/// How a workload of this kind is updated.
pub(super) fn read(given: &Given<'_>, kind: WorkloadKind, place: &Place, sink: &mut Sink) -> Updates {
    let (own, object, foreign, other) = if kind == WorkloadKind::Deployment {
        ("strategy", given.strategy, "updateStrategy", given.update_strategy)
    } else {
        ("updateStrategy", given.update_strategy, "strategy", given.strategy)
    };
    if other.is_some() {
        let message = format!("a {} has no `{foreign}`, so this changes nothing", kind.reference());
        sink.report(PARTLY_MODELLED, &place.at(foreign), message);
    }
    let default = StrategyObject::default();
    let rolling = object.and_then(|object| object.rolling_update.as_ref());
    Updates {
        partition: rolling.and_then(|rolling| rolling.partition).filter(|_| stateful(kind)).unwrap_or(0),
        parallel: parallel(given.pod_management_policy, kind, &place.at("podManagementPolicy"), sink),
        strategy: strategy(object.unwrap_or(&default), kind, &place.at(own), sink),
        min_ready: SimDuration::from_secs(u64::from(given.min_ready_seconds.unwrap_or(0))),
    }
}

fn stateful(kind: WorkloadKind) -> bool {
    kind == WorkloadKind::StatefulSet
}

/// `OrderedReady` is the default (D22).
fn parallel(given: Option<&str>, kind: WorkloadKind, place: &Place, sink: &mut Sink) -> bool {
    match given {
        Some(_) if !stateful(kind) => {
            let message = format!("a {} has no `podManagementPolicy`, so this changes nothing", kind.reference());
            sink.report(PARTLY_MODELLED, place, message);
        }
        None | Some("OrderedReady") => {}
        Some("Parallel") => return true,
        Some(other) => {
            let message = format!("`{other}` is not a policy of managing pods");
            sink.help(BAD_VALUE, place, message, "known: OrderedReady, Parallel");
        }
    }
    false
}

fn strategy(object: &StrategyObject, kind: WorkloadKind, place: &Place, sink: &mut Sink) -> UpdateStrategy {
    let known: &[&str] =
        if kind == WorkloadKind::Deployment { &["RollingUpdate", "Recreate"] } else { &["RollingUpdate", "OnDelete"] };
    match object.kind.as_deref().unwrap_or("RollingUpdate") {
        "Recreate" if kind == WorkloadKind::Deployment => UpdateStrategy::Recreate,
        "OnDelete" if kind != WorkloadKind::Deployment => UpdateStrategy::OnDelete,
        given => {
            if given != "RollingUpdate" {
                let message = format!("`{given}` is not a strategy of a {}", kind.reference());
                sink.help(BAD_VALUE, &place.at("type"), message, &format!("known: {}", known.join(", ")));
            }
            let default = RollingUpdateObject::default();
            rolling(object.rolling_update.as_ref().unwrap_or(&default), kind, &place.at("rollingUpdate"), sink)
        }
    }
}

/// Defaults by kind: a quarter each way (D20), one by one for the others (D22).
fn rolling(object: &RollingUpdateObject, kind: WorkloadKind, place: &Place, sink: &mut Sink) -> UpdateStrategy {
    let deployment = kind == WorkloadKind::Deployment;
    let (surge, unavailable) =
        if deployment { (Amount::Percent(25), Amount::Percent(25)) } else { (Amount::Count(0), Amount::Count(1)) };
    let max_surge = amount(object.max_surge.as_ref(), &place.at("maxSurge"), sink).unwrap_or(surge);
    let max_unavailable =
        amount(object.max_unavailable.as_ref(), &place.at("maxUnavailable"), sink).unwrap_or(unavailable);
    if !deployment && max_surge != Amount::Count(0) {
        sink.report(PARTLY_MODELLED, &place.at("maxSurge"), "no pod comes before the old one of its node is gone");
    }
    if stateful(kind) && max_unavailable != Amount::Count(1) {
        sink.report(PARTLY_MODELLED, &place.at("maxUnavailable"), "pods of a StatefulSet are updated one by one");
    }
    if object.partition.is_some_and(|partition| partition > 0) && !stateful(kind) {
        let message = format!("a {} has no `partition`, so this changes nothing", kind.reference());
        sink.report(PARTLY_MODELLED, &place.at("partition"), message);
    }
    UpdateStrategy::RollingUpdate { max_surge, max_unavailable }
}

/// A number of pods or a share of them.
pub(super) fn amount(given: Option<&IntOrString>, place: &Place, sink: &mut Sink) -> Option<Amount> {
    let read = match given? {
        IntOrString::Int(count) => u32::try_from(*count).ok().map(Amount::Count),
        IntOrString::Text(text) => {
            let share = text.strip_suffix('%').and_then(|share| share.parse::<u32>().ok());
            share.map(Amount::Percent)
        }
    };
    if read.is_none() {
        sink.report(BAD_VALUE, place, "expected a whole number, 0 or more, or a share such as 25%");
    }
    read
}
