//! The analytic twin: what theory says of a model before anything runs, where a closed form exists and its assumptions
//! hold. A form whose assumptions do not hold is not given. Knows models and no results.

pub mod closed_network;
mod detection;
mod load;
mod network;
pub mod queues;
mod stations;
#[cfg(test)]
mod tests;

pub use detection::{Detection, detection};
pub use load::{Load, loads};

use sim_core::control::node_lifecycle::MonitorPasses;
use sim_core::faults::Effect;
use sim_core::kernel::time::SimDuration;
use sim_core::model::settings::AddressModelKind;
use sim_core::model::{Fault, Model};

/// What a closed form speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// A traffic source.
    Traffic(String),
    /// A fault.
    Fault(String),
}

/// One figure that theory gives.
#[derive(Clone, Debug, PartialEq)]
pub struct ClosedForm {
    /// The form, in the field's notation: `M/M/1`, `MVA`, ...
    pub form: String,
    /// What it speaks of.
    pub about: About,
    /// What it gives.
    pub quantity: &'static str,
    /// The value or its lower bound, in `unit`.
    pub low: f64,
    /// The value or its upper bound; `None` when there is none.
    pub high: Option<f64>,
    /// `ns`, `ratio`, `count` or `/s`.
    pub unit: &'static str,
    /// The metric that measures it in a run, if one does.
    pub metric: Option<&'static str>,
    /// What must hold, in a few words.
    pub assumes: String,
}

/// Every closed form of a model, in the order of its sources and faults.
pub fn closed_forms(model: &Model) -> Vec<ClosedForm> {
    let mut forms = stations::forms(model);
    forms.extend(detections(model));
    forms
}

/// Deaths of nodes that last until they are seen, in a cluster whose control plane is well.
#[allow(clippy::cast_precision_loss)] // lengths far below 2^53 ns
fn detections(model: &Model) -> Vec<ClosedForm> {
    let stops = |effect: &Effect| matches!(effect, Effect::StopNode(_));
    let only_deaths = model.faults.iter().all(|fault| stops(&fault.kind.begin) && fault.renewal.is_none());
    if model.address_model != AddressModelKind::FlatPodIp || !only_deaths {
        return Vec::new();
    }
    let found = detection(&model.cluster);
    let lasts = |length: SimDuration| length.as_nanos() as f64 > found.most;
    let seen = model.faults.iter().filter(|fault| {
        let left = model.duration.saturating_sub(fault.at);
        lasts(left) && fault.length.is_none_or(lasts)
    });
    let cluster = &model.cluster;
    let form = |fault: &Fault| ClosedForm {
        form: "lease clocks".to_owned(),
        about: About::Fault(fault.name.clone()),
        quantity: "time to NotReady",
        low: found.least,
        high: Some(found.most),
        unit: "ns",
        metric: Some("detection_time"),
        assumes: format!(
            "grace {}, renewals {} apart and up to {} % more, passes {} apart; mean {:.1} s",
            cluster.node_monitor_grace_period,
            cluster.node_lease_renew_interval,
            cluster.node_lease_renew_jitter_percent,
            MonitorPasses::gap(cluster),
            found.mean / 1e9
        ),
    };
    seen.map(form).collect()
}
