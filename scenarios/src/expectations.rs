//! Thresholds: bounds of a metric, perhaps in one arm, of one traffic source or edge, after one fault.

use std::collections::BTreeSet;

use crate::arms::ArmPlan;
use crate::diagnostics::codes::{BAD_VALUE, MISSING_KEY, UNKNOWN_NAME};
use crate::diagnostics::{Place, Sink};
use crate::load::Arm;
use crate::nearest::did_you_mean;
use crate::schema::values::BoundText;
use crate::schema::{ExpectSpec, Spec};
use crate::units;

/// What the numbers of a bound mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoundUnit {
    /// A plain number.
    Number,
    /// Nanoseconds, written as durations.
    Nanoseconds,
}

impl BoundUnit {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number => "",
            Self::Nanoseconds => "ns",
        }
    }
}

/// A metric that expectations may name: its name, and how its bounds are written.
pub type Metric<'a> = (&'a str, BoundUnit);

/// A threshold with every name checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// The metric's name.
    pub metric: String,
    /// In this arm; in every arm when absent.
    pub arm: Option<String>,
    /// Of this traffic source; of all together when absent.
    pub traffic: Option<String>,
    /// After this fault or action.
    pub fault: Option<String>,
    /// Of this edge of the call graph.
    pub edge: Option<String>,
    /// The least value allowed, in `unit`.
    pub min: Option<f64>,
    /// The greatest value allowed, in `unit`.
    pub max: Option<f64>,
    /// What the bounds' numbers mean.
    pub unit: BoundUnit,
}

pub(crate) fn resolve(
    spec: &Spec,
    arms: &[ArmPlan],
    metrics: &[Metric<'_>],
    place: &Place,
    sink: &mut Sink,
) -> Vec<Expectation> {
    let place = place.at("expect");
    let mut all = Vec::new();
    for (index, given) in spec.expect.iter() {
        let at = place.item(index);
        check_names(spec, given, arms, metrics, &at, sink);
        let wanted = metrics.iter().find(|(name, _)| given.metric.as_deref() == Some(*name)).map(|(_, unit)| *unit);
        let min = bound(given.min.as_ref(), wanted, &at.at("min"), sink);
        let max = bound(given.max.as_ref(), wanted, &at.at("max"), sink);
        let Some(metric) = given.metric.clone() else {
            sink.report(MISSING_KEY, &at, "an expectation needs a `metric`");
            continue;
        };
        if given.traffic.is_some() && given.edge.is_some() {
            let message = "an expectation is about a `traffic` source or an `edge`; a source is an edge, too";
            sink.report(BAD_VALUE, &at.at("edge"), message);
        }
        if given.min.is_none() && given.max.is_none() {
            sink.report(MISSING_KEY, &at, "an expectation needs `min` or `max`");
        }
        if let (Some(min), Some(max)) = (min, max)
            && min.0 > max.0
        {
            sink.report(BAD_VALUE, &at.at("max"), "`max` is below `min`");
        }
        all.push(Expectation {
            metric,
            arm: given.arm.clone(),
            traffic: given.traffic.clone(),
            fault: given.fault.clone(),
            edge: given.edge.clone(),
            min: min.map(|bound| bound.0),
            max: max.map(|bound| bound.0),
            unit: min.or(max).map_or(BoundUnit::Number, |bound| bound.1),
        });
    }
    all
}

/// Edges have their names from the models, so these are checked last.
pub(crate) fn check_edges(spec: &Spec, arms: &[Arm], place: &Place, sink: &mut Sink) {
    let place = place.at("expect");
    for (index, given) in spec.expect.iter() {
        let Some(name) = &given.edge else { continue };
        let meant = arms.iter().filter(|arm| given.arm.as_ref().is_none_or(|wanted| *wanted == arm.name));
        let known: BTreeSet<&str> =
            meant.flat_map(|arm| arm.model.graph().edges.iter()).map(|e| e.name.as_str()).collect();
        if !known.is_empty() && !known.contains(name.as_str()) {
            let help = did_you_mean(name, known.iter().copied());
            sink.help(UNKNOWN_NAME, &place.item(index).at("edge"), format!("there is no edge `{name}`"), &help);
        }
    }
}

fn check_names(
    spec: &Spec,
    given: &ExpectSpec,
    arms: &[ArmPlan],
    metrics: &[Metric<'_>],
    place: &Place,
    sink: &mut Sink,
) {
    let arms: Vec<&str> = arms.iter().map(|arm| arm.name.as_str()).collect();
    let traffic: Vec<&str> = spec.traffic.iter().filter_map(|(_, source)| source.name.as_deref()).collect();
    // An action is followed like a fault.
    let actions = spec.actions.iter().filter_map(|(_, action)| action.name());
    let faults: Vec<&str> = spec.faults.iter().filter_map(|(_, fault)| fault.name()).chain(actions).collect();
    // An arm in error has no name here, and was reported already.
    let metrics: Vec<&str> = metrics.iter().map(|(name, _)| *name).collect();
    let all_arms = spec.arms.is_empty() || arms.len() == spec.arms.0.len();
    let asked = [
        ("metric", &given.metric, &metrics),
        ("arm", &given.arm, &arms),
        ("traffic", &given.traffic, &traffic),
        ("fault", &given.fault, &faults),
    ];
    for (what, name, known) in asked {
        let Some(name) = name else { continue };
        if !known.contains(&name.as_str()) && (what != "arm" || all_arms) {
            let help = did_you_mean(name, known.iter().copied());
            sink.help(UNKNOWN_NAME, &place.at(what), format!("there is no {what} `{name}`"), &help);
        }
    }
}

/// A bound and what its number means; it must be written as the metric's own unit (`wanted`) asks.
#[allow(clippy::cast_precision_loss)]
fn bound(
    text: Option<&BoundText>,
    wanted: Option<BoundUnit>,
    place: &Place,
    sink: &mut Sink,
) -> Option<(f64, BoundUnit)> {
    let text = &text?.0;
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    let length = units::duration(text).ok().map(|length| length.as_nanos() as f64);
    let found = match number {
        Some(number) => Some((number, BoundUnit::Number)),
        None => length.map(|length| (length, BoundUnit::Nanoseconds)),
    };
    let complaint = match (found, wanted) {
        (None, _) => format!("`{text}` is neither a number nor a duration"),
        (Some((_, BoundUnit::Number)), Some(BoundUnit::Nanoseconds)) => {
            format!("this metric is a time: write `{text}` as a duration, such as {text}s")
        }
        (Some((_, BoundUnit::Nanoseconds)), Some(BoundUnit::Number)) => {
            format!("this metric is a plain number, `{text}` is a duration")
        }
        (Some(_), _) => return found,
    };
    sink.report(BAD_VALUE, place, complaint);
    None
}
