//! Expectations: thresholds of a scenario, checked against every run of their arm.

use serde::Serialize;
use std::fmt::Write as _;

use super::RunReport;
use super::units::human_value;
use crate::metrics::spec::{Selector, metric};

/// A threshold. Bounds are in the metric's own unit (`ns`, `ratio`, `count`, `bool`) and are themselves allowed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expectation {
    /// A name of [`crate::metrics::METRICS`].
    pub metric: String,
    /// Only this arm; `None` is every arm.
    pub arm: Option<String>,
    /// Only this source.
    pub traffic: Option<String>,
    /// Only this fault.
    pub fault: Option<String>,
    /// Only this edge of the call graph.
    pub edge: Option<String>,
    /// The least value.
    pub min: Option<f64>,
    /// The largest value.
    pub max: Option<f64>,
}

/// A threshold and how it was met.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExpectationResult {
    /// The metric.
    pub metric: String,
    /// The arm.
    pub arm: String,
    /// The source, if one was named.
    pub traffic: Option<String>,
    /// The fault, if one was named.
    pub fault: Option<String>,
    /// The edge of the call graph, if one was named.
    pub edge: Option<String>,
    /// The least value.
    pub min: Option<f64>,
    /// The largest value.
    pub max: Option<f64>,
    /// Unit of the bounds and the value.
    pub unit: String,
    /// Whether every run of the arm met it.
    pub pass: bool,
    /// The worst value over the arm's runs; `None` when a run had nothing to measure.
    pub value: Option<f64>,
}

impl ExpectationResult {
    /// The metric with the source or edge and the fault it is about.
    pub fn title(&self) -> String {
        let mut title = self.metric.clone();
        for (word, name) in [("of", &self.traffic), ("of", &self.edge), ("under", &self.fault)] {
            if let Some(name) = name {
                let _ = write!(title, " {word} {name}");
            }
        }
        title
    }

    /// The bounds in words.
    pub fn bounds(&self) -> String {
        let unit = &self.unit;
        match (self.min, self.max) {
            (Some(min), Some(max)) => format!("{} to {}", human_value(min, unit), human_value(max, unit)),
            (Some(min), None) => format!("at least {}", human_value(min, unit)),
            (None, Some(max)) => format!("at most {}", human_value(max, unit)),
            (None, None) => "any value".to_owned(),
        }
    }
}

/// How far a value lies outside its bounds; negative inside.
fn badness(value: f64, expectation: &Expectation) -> f64 {
    let above = expectation.max.map_or(f64::NEG_INFINITY, |max| value - max);
    let below = expectation.min.map_or(f64::NEG_INFINITY, |min| min - value);
    if above.total_cmp(&below).is_gt() { above } else { below }
}

/// Checks each expectation on each arm it is about.
pub(super) fn check(expectations: &[Expectation], arms: &[String], runs: &[RunReport]) -> Vec<ExpectationResult> {
    let mut results = Vec::new();
    for expectation in expectations {
        let named: Vec<&String> = expectation.arm.iter().collect();
        for arm in if named.is_empty() { arms.iter().collect() } else { named } {
            // An arm that was not run says nothing about its expectations.
            if arms.contains(arm) {
                results.push(check_arm(expectation, arm, runs));
            }
        }
    }
    results
}

fn check_arm(expectation: &Expectation, arm: &str, runs: &[RunReport]) -> ExpectationResult {
    let spec = metric(&expectation.metric);
    let (traffic, fault, edge) = (&expectation.traffic, &expectation.fault, &expectation.edge);
    let selector = Selector { traffic: traffic.as_deref(), fault: fault.as_deref(), edge: edge.as_deref() };
    let of_arm = runs.iter().filter(|run| run.arm == arm);
    let values: Option<Vec<f64>> = of_arm.map(|run| spec?.value(&run.metrics, selector)).collect();
    let worst = values.and_then(|values| {
        values.into_iter().max_by(|a, b| badness(*a, expectation).total_cmp(&badness(*b, expectation)))
    });
    ExpectationResult {
        metric: expectation.metric.clone(),
        arm: arm.to_owned(),
        traffic: expectation.traffic.clone(),
        fault: expectation.fault.clone(),
        edge: expectation.edge.clone(),
        min: expectation.min,
        max: expectation.max,
        unit: spec.map_or("", |spec| spec.unit).to_owned(),
        pass: worst.is_some_and(|value| badness(value, expectation) <= 0.0),
        value: worst,
    }
}
