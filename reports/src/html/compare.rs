//! The main figures of all arms side by side, each with its difference from the first arm.

use crate::metrics::spec::{MetricSpec, Scope, Selector, metric};
use crate::report::table::Table;
use crate::report::{Report, RunReport, Section, human_count, human_duration, human_value, percent, shown_runs};

/// The figures that are shown, in this order.
const SHOWN: [&str; 16] = [
    "request_success_rate",
    "request_total",
    "request_failed",
    "request_unfinished",
    "latency_p50",
    "latency_p99",
    "latency_p999",
    "latency_max",
    "outage_duration",
    "detection_time",
    "propagation_time",
    "programming_time",
    "client_time",
    "retries",
    "max_over_mean",
    "translations",
];

/// Arms that get a column; a larger comparison is in the tables below.
const MOST_ARMS: usize = 8;

/// The table, for several arms.
pub(super) fn side_by_side(report: &Report) -> Option<Section> {
    let runs: Vec<&RunReport> = shown_runs(report).into_iter().take(MOST_ARMS).collect();
    let (first, others) = runs.split_first()?;
    if others.is_empty() {
        return None;
    }
    let mut header = vec!["METRIC".to_owned(), format!(">{}", first.arm)];
    header.extend(others.iter().map(|run| format!(">{}", run.arm)));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = Table::new(&header);
    for spec in SHOWN.into_iter().filter_map(metric) {
        let faults = first.metrics.faults.iter().map(|fault| Some(fault.as_str()));
        let about: Vec<Option<&str>> = if spec.scope == Scope::Outage { faults.collect() } else { vec![None] };
        for fault in about {
            row(&mut table, report, spec, fault, (first, others));
        }
    }
    let note =
        format!("In brackets: the difference from {}. Every metric and pair of arms is in the JSON report.", first.arm);
    let mut section = Section::new("All arms", table);
    section.notes.push(note);
    Some(section)
}

fn row(
    table: &mut Table,
    report: &Report,
    spec: &MetricSpec,
    fault: Option<&str>,
    (first, others): (&RunReport, &[&RunReport]),
) {
    let selector = Selector { fault, ..Selector::default() };
    let values: Vec<Option<f64>> = std::iter::once(&first)
        .map(|run| spec.value(&run.metrics, selector))
        .chain(others.iter().map(|run| spec.value(&run.metrics, selector)))
        .collect();
    // A row of nothing, or of nought everywhere, says nothing.
    if values.iter().all(|value| value.is_none_or(|value| value == 0.0)) {
        return;
    }
    let about = fault.map_or_else(String::new, |fault| format!(" ({fault})"));
    let mut cells = vec![format!("{}{about}", spec.name.replace('_', " "))];
    for (place, value) in values.iter().enumerate() {
        let mut cell = value.map_or_else(
            || "-".to_owned(),
            |value| shown(value, if spec.name.ends_with("_rate") { "rate" } else { spec.unit }),
        );
        if let Some(run) = place.checked_sub(1).and_then(|place| others.get(place))
            && let Some(difference) = difference(report, spec, fault, [&first.arm, &run.arm])
        {
            cell = format!(
                "{cell} ({})",
                signed(difference, if spec.name.ends_with("_rate") { "rate" } else { spec.unit })
            );
        }
        cells.push(cell);
    }
    table.row(cells);
}

/// The report's own difference of two arms in a metric; over several sources the whole run's, or the first one's.
fn difference(report: &Report, spec: &MetricSpec, fault: Option<&str>, arms: [&String; 2]) -> Option<f64> {
    let of_arms = report.differences.iter().filter(|known| known.metric == spec.name && known.arms.each_ref() == arms);
    let mut fitting = of_arms.filter(|known| known.fault.as_deref() == fault);
    fitting.next().map(|known| known.value).filter(|value| *value != 0.0)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // counts below 2^53, for display
fn shown(value: f64, unit: &str) -> String {
    match unit {
        "rate" => percent((value * 1e9 + 0.5) as u64, 1_000_000_000),
        "count" => human_count(value as u64),
        "ns" => human_duration(value as u64),
        _ => human_value(value, unit),
    }
}

fn signed(value: f64, unit: &str) -> String {
    let sign = if value > 0.0 { "+" } else { "\u{2212}" };
    let size = value.abs();
    match unit {
        "rate" => format!("{sign}{:.2} points", size * 100.0),
        _ => format!("{sign}{}", shown(size, unit)),
    }
}
