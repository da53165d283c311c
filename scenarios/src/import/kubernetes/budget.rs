//! `PodDisruptionBudget`s.

use serde_json::Value;
use sim_core::model::budgets::Healthy;
use sim_core::model::lifecycle::Amount;

use super::{identity, ignore_unknown, types, updates};
use crate::decode::decode;
use crate::diagnostics::codes::{BAD_VALUE, INCOMPLETE_OBJECT};
use crate::diagnostics::{Place, Sink};
use crate::draft::{Draft, DraftBudget};

pub(crate) fn import(object: &Value, place: &Place, draft: &mut Draft, sink: &mut Sink) {
    let Some(decoded) = decode::<types::DisruptionBudget>(object.clone(), place, sink) else { return };
    ignore_unknown(&decoded.unknown, place, sink);
    let Some((name, namespace)) = identity(decoded.value.metadata.as_ref(), place, sink) else { return };
    let spec = decoded.value.spec.unwrap_or_default();
    let at = place.at("spec");
    let least = updates::amount(spec.min_available.as_ref(), &at.at("minAvailable"), sink);
    let most = updates::amount(spec.max_unavailable.as_ref(), &at.at("maxUnavailable"), sink);
    let healthy = match (least, most) {
        (Some(_), Some(_)) => {
            sink.report(INCOMPLETE_OBJECT, &at, "minAvailable and maxUnavailable cannot be both set");
            return;
        }
        (Some(least), None) => Healthy::AtLeast(least),
        (None, Some(most)) => Healthy::AllBut(most),
        // The controller allows no disruption to who asks for nothing.
        (None, None) => Healthy::AllBut(Amount::Count(0)),
    };
    let policy = spec.unhealthy_pod_eviction_policy.as_deref().unwrap_or("IfHealthyBudget");
    if !["IfHealthyBudget", "AlwaysAllow"].contains(&policy) {
        let message = format!("`{policy}` is not a policy for pods that are not healthy");
        let known = "known: IfHealthyBudget, AlwaysAllow";
        sink.help(BAD_VALUE, &at.at("unhealthyPodEvictionPolicy"), message, known);
    }
    draft.budgets.push(DraftBudget {
        place: place.at("metadata").at("name"),
        name,
        namespace,
        selector: spec.selector.unwrap_or_default().match_labels.0.into_iter().collect(),
        healthy,
        always_allow_unhealthy: policy == "AlwaysAllow",
    });
}
