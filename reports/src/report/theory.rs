//! What theory gives for an arm, beside what its runs measured. Knows no formula: the caller hands the figures in.

use serde::Serialize;

use super::RunReport;
use super::units::human_value;
use crate::metrics::spec::{Selector, metric};

/// A figure that theory gives for an arm.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    /// The value, or its upper bound; `None` when there is none.
    pub high: Option<f64>,
    /// `ns`, `ratio`, `count` or `/s`.
    pub unit: &'static str,
    /// The metric that measures it, if one does.
    pub metric: Option<String>,
    /// What must hold.
    pub assumes: String,
}

/// Theory and measurement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClosedForm {
    /// What theory gives.
    #[serde(flatten)]
    pub theory: Theory,
    /// The mean over the arm's runs, where a metric measures it.
    pub measured: Option<f64>,
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
    ClosedForm { theory: given, measured }
}

impl Theory {
    /// The source or fault that it speaks of.
    pub fn about(&self) -> &str {
        self.traffic.as_deref().or(self.fault.as_deref()).unwrap_or_default()
    }

    /// The value, or its bounds, with their unit.
    pub fn value(&self) -> String {
        bounds(self.low, self.high, self.unit)
    }
}

fn bounds(low: f64, high: Option<f64>, unit: &str) -> String {
    let shown = |value: f64| match unit {
        "/s" => format!("{value:.2} /s"),
        _ if unit == "count" => format!("{value:.0}"),
        _ => human_value(value, unit),
    };
    let Some(high) = high else { return format!("at least {}", shown(low)) };
    let (from, to) = (shown(low), shown(high));
    if from == to { from } else { format!("{from} .. {to}") }
}

#[cfg(test)]
mod tests {
    use sim_core::trace::words::Outcome;

    use super::*;
    use crate::metrics::Metrics;
    use crate::testing::{Builder, MS, S, header};

    /// Two requests of 2 and 4 ms.
    fn run() -> RunReport {
        let mut run = Builder::cluster();
        for number in 0..2 {
            let from = (1 + number) * S;
            run.request(number, from, Some(0), Some((from + 2 * (1 + number) * MS, Outcome::Ok, 0)));
        }
        RunReport::new(&header(), run.feed(Metrics::new(&header())).finish())
    }

    fn latency(high: Option<f64>) -> Theory {
        Theory {
            arm: "service".into(),
            form: "M/M/1".into(),
            traffic: Some("curl".into()),
            fault: None,
            quantity: "mean latency".into(),
            low: 2.5e6,
            high,
            unit: "ns",
            metric: Some("latency_mean".into()),
            assumes: "one pod".into(),
        }
    }

    #[test]
    fn a_figure_stands_beside_what_was_measured() {
        let elsewhere = Theory { arm: "docker-static".into(), ..latency(None) };
        let found = beside(vec![latency(Some(3.5e6)), elsewhere], &[run()]);
        assert_eq!((found[0].measured, found[1].measured), (Some(3e6), None), "only runs of its arm");
        assert_eq!(
            (found[0].theory.value(), found[1].theory.value()),
            ("2.50 ms .. 3.50 ms".into(), "at least 2.50 ms".into())
        );
        assert_eq!(latency(Some(2.5e6)).value(), "2.50 ms");
        assert_eq!(found[0].theory.about(), "curl");
    }
}
