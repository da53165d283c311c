//! What the text and the markdown report say about calls between workloads; nothing when nobody calls anybody.

use super::RunReport;
use super::sections::Section;
use super::table::Table;
use super::units::{human_count, human_duration, percent};
use crate::metrics::{EdgeMetrics, LeafFailure, PathPart, RunMetrics};

/// So many lines of one kind are shown of an arm.
const SHOWN: usize = 8;

/// Parts of the critical path below this share are summed up.
const SMALL: f64 = 0.005;

/// True when some workload calls another one.
pub(super) fn has_calls(run: &RunMetrics) -> bool {
    run.edges.len() > run.traffic.len()
}

/// True for a Service port that traffic sources ask themselves.
pub(super) fn is_asked_by_sources(run: &RunMetrics, service: &str) -> bool {
    run.edges.iter().any(|edge| edge.from == edge.name && edge.to == service)
}

/// One row per edge, and what brought failed requests of the sources down.
pub(super) fn edges(runs: &[&RunReport]) -> Section {
    let header = ["ARM", "EDGE", ">REQUESTS", ">OK %", ">P50", ">P99", ">TRIES", ">SHARE"];
    let mut section = Section::new("Calls", Table::new(&header));
    for run in runs.iter().filter(|run| has_calls(&run.metrics)) {
        for edge in &run.metrics.edges {
            section.table.row(edge_row(run, edge));
        }
    }
    for run in runs.iter().filter(|run| has_calls(&run.metrics)) {
        // The sources' own stand among the requests.
        let calls = run.metrics.edges.iter().filter(|edge| edge.from != edge.name);
        let failing = calls.filter(|edge| edge.requests.failures() > 0);
        section.notes.extend(few(failing.map(|edge| {
            let words = edge.requests.failed.iter().map(|(word, count)| format!("{word} {}", human_count(*count)));
            format!("{} / {} failed with: {}", run.arm, edge.name, words.collect::<Vec<_>>().join(", "))
        })));
        section.notes.extend(few(run.metrics.leaf_failures.iter().map(|leaf| format!("{}: {}", run.arm, blame(leaf)))));
        section.notes.extend(amplified(run));
    }
    if !section.table.is_empty() {
        section
            .notes
            .push("TRIES are attempts per request. SHARE is time on the critical path, calls below included.".into());
    }
    section
}

fn edge_row(run: &RunReport, edge: &EdgeMetrics) -> Vec<String> {
    let time = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), human_duration);
    vec![
        run.arm.clone(),
        edge.name.clone(),
        human_count(edge.requests.total),
        percent(edge.requests.ok, edge.requests.ended()),
        time(edge.latency.p50),
        time(edge.latency.p99),
        per_request(edge.attempts, edge.requests.total),
        share(edge.share),
    ]
}

/// `412 of visitors failed because checkout > payment:50051 failed with connect-timeout (fault lost-node)`.
fn blame(failure: &LeafFailure) -> String {
    let LeafFailure { traffic, edge, outcome, faults, leaf, .. } = failure;
    let fault = if faults.is_empty() { String::new() } else { format!(" (fault {})", faults.join(", ")) };
    let count = human_count(failure.count);
    match leaf {
        _ if edge == traffic => format!("{count} of {traffic} failed with {outcome} and no call to blame{fault}"),
        Some(_) => format!("{count} of {traffic} failed because {edge} failed with {outcome}{fault}"),
        None => format!("{count} of {traffic} failed because {edge} had not answered in time ({outcome})"),
    }
}

/// The edge that retries load most.
fn amplified(run: &RunReport) -> Option<String> {
    let known = run.metrics.edges.iter().filter_map(|edge| Some((edge, edge.amplification?)));
    let (edge, most) = known.max_by(|one, other| one.1.total_cmp(&other.1))?;
    (most >= 1.005).then(|| {
        format!(
            "{}: retries make {most:.2} attempts out of each request of {}, the most of all edges",
            run.arm, edge.name
        )
    })
}

/// Where the time of ok requests went, the largest part first.
pub(super) fn critical_path(runs: &[&RunReport]) -> Section {
    let header = ["ARM", "TRAFFIC", "EDGE", ">SELF", ">WITH CALLS", ">SELF, SLOWEST"];
    let mut section = Section::new("Critical path of ok requests", Table::new(&header));
    for run in runs {
        for path in &run.metrics.critical_path {
            let large: Vec<&PathPart> = path.parts.iter().filter(|part| is_large(part)).take(SHOWN).collect();
            let mut row = |edge: String, values: [String; 3]| {
                let mut row = vec![run.arm.clone(), path.traffic.clone(), edge];
                row.extend(values);
                section.table.row(row);
            };
            for part in &large {
                let values = [part.self_share, part.share, part.slowest_self_share].map(share);
                row(part.edge.clone(), values);
            }
            if large.len() < path.parts.len() {
                let rest = || path.parts.iter().filter(|part| !large.iter().any(|shown| shown.edge == part.edge));
                let sum = |of: fn(&PathPart) -> Option<f64>| share(Some(rest().filter_map(of).sum()));
                let values = [sum(|part| part.self_share), "-".to_owned(), sum(|part| part.slowest_self_share)];
                row(format!("{} more", path.parts.len() - large.len()), values);
            }
        }
    }
    if !section.table.is_empty() {
        let note = "From each request's end back over the call that ended last. SELF leaves out the calls below an \
                    edge and sums to 100 %; SLOWEST are the slowest requests, at least 1 %.";
        section.notes.push(note.to_owned());
    }
    section
}

fn is_large(part: &PathPart) -> bool {
    [part.self_share, part.slowest_self_share].into_iter().flatten().any(|share| share >= SMALL)
}

/// Services that only other workloads call, one row each.
pub(super) fn load(runs: &[&RunReport]) -> Section {
    let header = ["ARM", "SERVICE", ">INSTANCES", ">OK", ">BUSIEST/MEAN", ">JAIN"];
    let mut section = Section::new("Load of called services", Table::new(&header));
    for run in runs.iter().filter(|run| has_calls(&run.metrics)) {
        let called = run.metrics.balance.iter().filter(|port| !is_asked_by_sources(&run.metrics, &port.service));
        for port in called {
            let ratio = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
            section.table.row(vec![
                run.arm.clone(),
                port.service.clone(),
                port.instances.len().to_string(),
                human_count(port.instances.iter().map(|instance| instance.requests).sum()),
                ratio(port.max_over_mean),
                ratio(port.jain),
            ]);
        }
    }
    if !section.table.is_empty() {
        section.notes.push("Instances are listed above for what traffic asks itself; the JSON report has all.".into());
    }
    section
}

/// The first few lines, and how many more there are.
fn few(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.collect();
    let more = lines.len().saturating_sub(SHOWN);
    if more > 0 {
        lines.truncate(SHOWN);
        lines.push(format!("and {more} more; the JSON report has them all"));
    }
    lines
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{:.1} %", value * 100.0))
}

fn per_request(attempts: u64, requests: u64) -> String {
    crate::metrics::ratio(attempts.into(), requests.into())
        .map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}
