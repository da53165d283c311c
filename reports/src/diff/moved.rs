//! The first number that two runs of one arm do not have in common, exactly: metrics first, as a whole and of each source,
//! fault and edge; then everything else that a report holds.

use serde_json::Value;

use crate::metrics::spec::Selector;
use crate::metrics::{METRICS, MetricSpec, RunMetrics};

/// A number that moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The metric and what it is one of, or the place of a number in a JSON report.
    pub metric: String,
    /// Its value in each run, with its unit.
    pub values: [String; 2],
}

/// The first number that differs; `None` when the runs have all of them in common.
pub fn first_moved(first: &RunMetrics, second: &RunMetrics) -> Option<Moved> {
    selectors(first)
        .iter()
        .find_map(|(of, selector)| {
            METRICS.iter().find_map(|metric| {
                let values = [first, second].map(|run| metric.value(run, *selector));
                (values[0] != values[1]).then(|| Moved {
                    metric: format!("{}{of}", metric.name),
                    values: values.map(|value| in_words(metric, value)),
                })
            })
        })
        .or_else(|| first_in_report(first, second))
}

/// Everything that a metric can be one of, and how it is named.
fn selectors(run: &RunMetrics) -> Vec<(String, Selector<'_>)> {
    let all = std::iter::once((String::new(), Selector::default()));
    let traffic = run.traffic.iter().map(|it| {
        let selector = Selector { traffic: Some(it.name.as_str()), ..Selector::default() };
        (format!(" of traffic {}", it.name), selector)
    });
    let faults = run.faults.iter().map(|name| {
        let selector = Selector { fault: Some(name.as_str()), ..Selector::default() };
        (format!(" of fault {name}"), selector)
    });
    let edges = run.edges.iter().map(|it| {
        let selector = Selector { edge: Some(it.name.as_str()), ..Selector::default() };
        (format!(" of edge {}", it.name), selector)
    });
    all.chain(traffic).chain(faults).chain(edges).collect()
}

fn in_words(metric: &MetricSpec, value: Option<f64>) -> String {
    match (value, metric.unit) {
        (None, _) => "nothing".to_owned(),
        (Some(value), "ns") => format!("{value} ns"),
        (Some(value), _) => value.to_string(),
    }
}

fn first_in_report(first: &RunMetrics, second: &RunMetrics) -> Option<Moved> {
    let values = [first, second].map(|run| serde_json::to_value(run).expect("metrics are JSON"));
    first_value("", &values[0], &values[1])
}

fn first_value(place: &str, first: &Value, second: &Value) -> Option<Moved> {
    match (first, second) {
        (Value::Object(mine), Value::Object(theirs)) if mine.len() == theirs.len() => {
            mine.iter().find_map(|(key, value)| {
                first_value(&format!("{place}/{key}"), value, theirs.get(key).unwrap_or(&Value::Null))
            })
        }
        (Value::Array(mine), Value::Array(theirs)) if mine.len() == theirs.len() => {
            let mut pairs = mine.iter().zip(theirs).enumerate();
            pairs.find_map(|(index, (mine, theirs))| first_value(&format!("{place}/{index}"), mine, theirs))
        }
        _ if first == second => None,
        _ => Some(Moved { metric: place.to_owned(), values: [first.to_string(), second.to_string()] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use crate::testing::{header, sample_records};
    use sim_core::trace::TraceSink;

    fn sample() -> RunMetrics {
        let mut metrics = Metrics::new(&header());
        for record in &sample_records() {
            metrics.record(record);
        }
        metrics.finish()
    }

    #[test]
    fn a_metric_is_named_with_what_it_is_one_of() {
        let run = sample();
        assert_eq!(first_moved(&run, &run), None);
        let mut other = sample();
        other.traffic[0].requests.ok += 1;
        let moved = first_moved(&run, &other).unwrap();
        assert!(moved.metric.ends_with(&format!(" of traffic {}", run.traffic[0].name)), "{moved:?}");
        let mut other = sample();
        other.latency.p99 = other.latency.p99.map(|latency| latency + 1);
        let moved = first_moved(&run, &other).unwrap();
        assert_eq!(moved.metric, "latency_p99");
        assert!(moved.values[0] != moved.values[1] && moved.values[1].ends_with(" ns"), "{moved:?}");
    }

    #[test]
    fn what_is_no_metric_is_named_by_its_place() {
        let run = sample();
        let mut other = sample();
        other.balance[0].instances[0].requests += 1;
        let moved = first_moved(&run, &other).unwrap();
        assert_eq!(moved.metric, "/balance/0/instances/0/requests");
    }
}
