//! What differs between two arms: their metrics, paired by seed, and their settings.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::RunReport;
use crate::metrics::METRICS;
use crate::metrics::spec::{MetricSpec, Scope, Selector};

/// A metric's difference between two arms.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The metric.
    pub metric: String,
    /// The two arms.
    pub arms: [String; 2],
    /// The second arm's value minus the first's; over several seeds the mean of these.
    pub value: f64,
    /// Unit of the value.
    pub unit: &'static str,
    /// The source, where the metric is one source's.
    pub traffic: Option<String>,
    /// The fault, where the metric is an outage's.
    pub fault: Option<String>,
    /// How many seeds have a value in both arms.
    pub seeds: u64,
    /// 95 % interval of the mean (Student's t, paired by seed); `None` under two seeds.
    pub interval: Option<[f64; 2]>,
}

/// A setting that differs between two arms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettingsDifference {
    /// The two arms.
    pub arms: [String; 2],
    /// Where the setting stands.
    pub path: String,
    /// Its value in each; empty where it is absent.
    pub values: [String; 2],
}

/// Each arm's level of every factor.
type Levels = BTreeMap<String, Vec<String>>;

/// Each pair of arms that differ in one factor once, in order.
fn pairs<'a>(arms: &'a [String], levels: &'a Levels) -> impl Iterator<Item = (&'a String, &'a String)> {
    let all = arms.iter().enumerate();
    let all = all.flat_map(|(index, first)| arms[index + 1..].iter().map(move |second| (first, second)));
    all.filter(|(first, second)| match (levels.get(*first), levels.get(*second)) {
        (Some(mine), Some(theirs)) => mine.iter().zip(theirs).filter(|(mine, theirs)| mine != theirs).count() == 1,
        _ => true,
    })
}

/// Every metric for each pair of arms.
pub(super) fn between(arms: &[String], runs: &[RunReport], levels: &Levels) -> Vec<Difference> {
    let mut differences = Vec::new();
    let traffic = names(runs, |run| run.metrics.traffic.iter().map(|traffic| traffic.name.clone()).collect());
    let faults = names(runs, |run| run.metrics.faults.clone());
    for (first, second) in pairs(arms, levels) {
        let paired = pair_runs(first, second, runs);
        for metric in METRICS {
            for (traffic, fault) in selectors(metric.scope, &traffic, &faults) {
                let selector = Selector { traffic: traffic.as_deref(), fault: fault.as_deref(), edge: None };
                let values: Vec<f64> = paired.iter().filter_map(|pair| difference(metric, *pair, selector)).collect();
                let Some(value) = mean(&values) else { continue };
                differences.push(Difference {
                    metric: metric.name.to_owned(),
                    arms: [first.clone(), second.clone()],
                    value,
                    unit: metric.unit,
                    traffic,
                    fault,
                    seeds: values.len() as u64,
                    interval: interval(&values, value),
                });
            }
        }
    }
    differences
}

fn names(runs: &[RunReport], of: impl Fn(&RunReport) -> Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    runs.iter().flat_map(of).filter(|name| seen.insert(name.clone())).collect()
}

/// Runs of two arms with equal seeds.
fn pair_runs<'a>(first: &str, second: &str, runs: &'a [RunReport]) -> Vec<(&'a RunReport, &'a RunReport)> {
    let of_second: BTreeMap<u64, &RunReport> =
        runs.iter().filter(|run| run.arm == second).map(|run| (run.seed, run)).collect();
    let of_first = runs.iter().filter(|run| run.arm == first);
    of_first.filter_map(|run| Some((run, *of_second.get(&run.seed)?))).collect()
}

/// The parts of a run that a metric is compared on: the whole, and each source where there are several.
fn selectors(scope: Scope, traffic: &[String], faults: &[String]) -> Vec<(Option<String>, Option<String>)> {
    let single = || traffic.iter().cloned().map(Some);
    match scope {
        // An edge need not be there in both arms.
        Scope::Run | Scope::Edge => vec![(None, None)],
        Scope::Traffic if traffic.len() < 2 => vec![(None, None)],
        Scope::Traffic => std::iter::once(None).chain(single()).map(|traffic| (traffic, None)).collect(),
        Scope::Outage => {
            let of_fault = |fault: &String| single().map(|traffic| (traffic, Some(fault.clone()))).collect::<Vec<_>>();
            faults.iter().flat_map(of_fault).collect()
        }
    }
}

fn difference(metric: &MetricSpec, pair: (&RunReport, &RunReport), selector: Selector<'_>) -> Option<f64> {
    Some(metric.value(&pair.1.metrics, selector)? - metric.value(&pair.0.metrics, selector)?)
}

#[allow(clippy::cast_precision_loss)] // a number of seeds is far below 2^53
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[allow(clippy::cast_precision_loss)] // a number of seeds is far below 2^53
fn interval(values: &[f64], mean: f64) -> Option<[f64; 2]> {
    let freedom = values.len().checked_sub(1).filter(|freedom| *freedom > 0)?;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let error = (squares / freedom as f64 / values.len() as f64).sqrt();
    let half = student_t(freedom) * error;
    Some([mean - half, mean + half])
}

/// The 97.5 % quantile of Student's t; between the table's rows the row below, which is the wider interval.
fn student_t(freedom: usize) -> f64 {
    const FIRST: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
        2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ];
    match freedom {
        0 => f64::INFINITY,
        1..=30 => FIRST[freedom - 1],
        31..=39 => 2.042,
        40..=59 => 2.021,
        60..=99 => 2.000,
        100..=999 => 1.984,
        _ => 1.962,
    }
}

/// Settings that differ, for each pair of arms.
pub(super) fn of_settings(
    arms: &[String],
    settings: &BTreeMap<String, BTreeMap<String, String>>,
    levels: &Levels,
) -> Vec<SettingsDifference> {
    let none = BTreeMap::new();
    let mut differences = Vec::new();
    for (first, second) in pairs(arms, levels) {
        let (mine, theirs) = (settings.get(first).unwrap_or(&none), settings.get(second).unwrap_or(&none));
        let paths: BTreeSet<&String> = mine.keys().chain(theirs.keys()).collect();
        for path in paths {
            let value = |of: &BTreeMap<String, String>| of.get(path).cloned().unwrap_or_default();
            let values = [value(mine), value(theirs)];
            if values[0] != values[1] {
                differences.push(SettingsDifference {
                    arms: [first.clone(), second.clone()],
                    path: path.clone(),
                    values,
                });
            }
        }
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_by_hand() {
        // Mean 2, standard deviation 1, three seeds: 4.303 / sqrt(3) = 2.4843.
        let [low, high] = interval(&[1.0, 2.0, 3.0], 2.0).unwrap();
        assert!((low - (2.0 - 2.484_338)).abs() < 1e-5 && (high - (2.0 + 2.484_338)).abs() < 1e-5);
        assert_eq!(interval(&[1.0], 1.0), None);
        assert_eq!(mean(&[]), None);
    }

    #[test]
    fn the_table_of_t_falls() {
        for freedom in 1..1_200 {
            assert!(student_t(freedom) >= student_t(freedom + 1));
        }
    }
}
