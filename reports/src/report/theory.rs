//! What theory gives for an arm, beside what its runs measured. Knows no formula: the caller hands the figures in.

use serde::{Serialize, Serializer};

use super::RunReport;
use super::units::human_value;
use crate::metrics::spec::{Selector, metric};

/// A figure that theory gives for an arm.
#[derive(Clone, Debug, PartialEq)]
pub struct Theory {
    /// The arm.
    pub arm: String,
    /// The closed form, in the field's notation.
    pub form: String,
    /// The traffic source that it speaks of, if it is one.
    pub traffic: Option<String>,
    /// The fault that it speaks of, if it is one.
    pub fault: Option<String>,
    /// What it gives.
    pub quantity: String,
    /// The value, or its lower bound.
    pub low: f64,
    /// The value, or its upper bound; infinite when there is none.
    pub high: f64,
    /// `ns`, `ratio`, `count` or `/s`.
    pub unit: &'static str,
    /// The metric that measures it, if one does.
    pub metric: Option<String>,
    /// What must hold.
    pub assumes: String,
}

/// Theory and measurement.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClosedForm {
    /// The arm.
    pub arm: String,
    /// The closed form, in the field's notation.
    pub form: String,
    /// The traffic source that it speaks of, if it is one.
    pub traffic: Option<String>,
    /// The fault that it speaks of, if it is one.
    pub fault: Option<String>,
    /// What it gives.
    pub quantity: String,
    /// The value, or its lower bound.
    pub low: f64,
    /// The value, or its upper bound; `null` when there is none.
    #[serde(serialize_with = "finite")]
    pub high: f64,
    /// `ns`, `ratio`, `count` or `/s`.
    pub unit: &'static str,
    /// The mean over the arm's runs, where a metric measures it.
    pub measured: Option<f64>,
    /// What must hold.
    pub assumes: String,
}

fn finite<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    value.is_finite().then_some(*value).serialize(serializer)
}

/// Puts the runs' means beside the figures.
pub(super) fn beside(theory: Vec<Theory>, runs: &[RunReport]) -> Vec<ClosedForm> {
    theory.into_iter().map(|given| measured(given, runs)).collect()
}

fn measured(given: Theory, runs: &[RunReport]) -> ClosedForm {
    let selector = Selector { traffic: given.traffic.as_deref(), fault: given.fault.as_deref(), edge: None };
    let spec = given.metric.as_deref().and_then(metric);
    let own = runs.iter().filter(|run| run.arm == given.arm);
    let values: Vec<f64> = own.filter_map(|run| spec?.value(&run.metrics, selector)).collect();
    #[allow(clippy::cast_precision_loss)] // a number of runs
    let measured = (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    let Theory { arm, form, traffic, fault, quantity, low, high, unit, assumes, .. } = given;
    ClosedForm { arm, form, traffic, fault, quantity, low, high, unit, measured, assumes }
}

impl Theory {
    /// The value, or its bounds, with their unit.
    pub fn value(&self) -> String {
        bounds(self.low, self.high, self.unit)
    }
}

impl ClosedForm {
    /// The source or fault that it speaks of.
    pub fn about(&self) -> &str {
        self.traffic.as_deref().or(self.fault.as_deref()).unwrap_or_default()
    }

    /// The value, or its bounds, with their unit.
    pub fn value(&self) -> String {
        bounds(self.low, self.high, self.unit)
    }
}

fn bounds(low: f64, high: f64, unit: &str) -> String {
    let shown = |value: f64| match unit {
        "/s" => format!("{value:.2} /s"),
        _ if unit == "count" => format!("{value:.0}"),
        _ => human_value(value, unit),
    };
    if high.is_infinite() {
        return format!("at least {}", shown(low));
    }
    let (from, to) = (shown(low), shown(high));
    if from == to { from } else { format!("{from} .. {to}") }
}
