//! What the text and the markdown report say, before either's form: an answer first, then tables.

use super::calls;
use super::table::Table;
use super::units::{human_count, human_duration, human_value, instant, percent, seconds};
use super::{ClosedForm, Report, RunReport, SettingsDifference};
use crate::metrics::spec::{Scope, Selector, metric};
use crate::metrics::{Outage, RequestCounts, ServiceBalance};
use std::fmt::Write as _;

/// So many runs are listed.
const SHOWN: usize = 16;

/// One part of a report.
#[derive(Clone, Debug, Default)]
pub(crate) struct Section {
    /// Its heading.
    pub(crate) title: String,
    /// Its table, possibly empty.
    pub(crate) table: Table,
    /// Lines after the table.
    pub(crate) notes: Vec<String>,
}

impl Section {
    /// A part without notes.
    pub(crate) fn new(title: &str, table: Table) -> Self {
        Self { title: title.to_owned(), table, notes: Vec::new() }
    }
}

/// One sentence per arm: what came of it, and how long each fault hurt.
pub(crate) fn answers(report: &Report) -> Vec<(String, String)> {
    let shown = shown_runs(report);
    let arms = report.arms().into_iter().zip(shown);
    arms.map(|(arm, run)| {
        let requests = &run.metrics.requests;
        let mut sentence = format!("{} ok", percent(requests.ok, requests.ended()));
        for outage in &run.metrics.outages {
            let _ = write!(sentence, "; {}", outage_words(outage, run.metrics.traffic.len() > 1));
        }
        let faults = run.metrics.faults.iter();
        for fault in faults.filter(|fault| run.metrics.outages.iter().all(|outage| outage.fault != **fault)) {
            let _ = write!(sentence, "; no request failed by {fault}");
        }
        if requests.unfinished > 0 {
            let _ = write!(sentence, "; {} unfinished", human_count(requests.unfinished));
        }
        (arm, sentence)
    })
    .collect()
}

fn outage_words(outage: &Outage, name_source: bool) -> String {
    let of = if name_source { format!(" for {}", outage.traffic) } else { String::new() };
    let lasted = seconds(outage.to.saturating_sub(outage.from));
    let through = match outage.calls.as_slice() {
        [] => String::new(),
        [call] => format!(" through {call}"),
        [call, rest @ ..] => format!(" through {call} and {} more", rest.len()),
    };
    let mut words = format!("outage of {}{of}{through} {lasted}", outage.fault);
    let stages = &outage.stages;
    let named = [
        ("detection", stages.detection),
        ("propagation", stages.propagation),
        ("programming", stages.programming),
        ("client", stages.client),
    ];
    let reached: Vec<String> =
        named.iter().filter_map(|(name, time)| Some(format!("{name} {}", seconds((*time)?)))).collect();
    if !reached.is_empty() {
        let _ = write!(words, " ({})", reached.join(" + "));
    }
    if !outage.ended {
        words.push_str(", not ended");
    }
    words
}

/// The run of each arm whose numbers the tables show: the one with the first seed.
pub(crate) fn shown_runs(report: &Report) -> Vec<&RunReport> {
    let arms = report.arms();
    arms.iter().filter_map(|arm| report.runs.iter().find(|run| run.arm == *arm)).collect()
}

/// How many seeds were run.
pub(super) fn seeds(report: &Report) -> usize {
    let seeds: std::collections::BTreeSet<u64> = report.runs.iter().map(|run| run.seed).collect();
    seeds.len()
}

/// All parts in order, each with a name for programs; those with nothing to say are left out.
pub(crate) fn sections(report: &Report) -> Vec<(&'static str, Section)> {
    let runs = shown_runs(report);
    let mut sections = vec![
        ("requests", requests(&runs)),
        ("latency", latency(&runs)),
        ("calls", calls::edges(&runs)),
        ("critical-path", calls::critical_path(&runs)),
        ("outages", outages(&runs)),
        ("closed-forms", closed_forms(report)),
        ("unfinished-actions", unfinished_actions(&runs)),
        ("load", load(&runs)),
        ("called-load", calls::load(&runs)),
        ("addressing", addressing(&runs)),
        ("arms-over-seeds", arms_over_seeds(report)),
        ("over-seeds", over_seeds(report)),
        ("settings", settings(report)),
        ("expectations", expectations(report)),
        ("runs", digests(report)),
    ];
    sections.retain(|(_, section)| !section.table.is_empty() || !section.notes.is_empty());
    sections
}

fn requests(runs: &[&RunReport]) -> Section {
    let header = ["ARM", "TRAFFIC", ">TOTAL", ">OK", ">OK %", ">FAILED", ">UNFINISHED", ">CONNECTS"];
    let mut section = Section::new("Requests", Table::new(&header));
    for run in runs {
        for traffic in &run.metrics.traffic {
            let counts = &traffic.requests;
            section.table.row(vec![
                run.arm.clone(),
                traffic.name.clone(),
                human_count(counts.total),
                human_count(counts.ok),
                percent(counts.ok, counts.ended()),
                human_count(counts.failures()),
                human_count(counts.unfinished),
                human_count(traffic.attempts),
            ]);
            if counts.failures() > 0 {
                section.notes.push(format!("{} / {} failed with: {}", run.arm, traffic.name, outcomes(counts)));
            }
        }
    }
    section
}

fn outcomes(counts: &RequestCounts) -> String {
    let words = counts.failed.iter().map(|(word, count)| format!("{word} {}", human_count(*count)));
    words.collect::<Vec<_>>().join(", ")
}

fn latency(runs: &[&RunReport]) -> Section {
    let header = ["ARM", "TRAFFIC", ">P50", ">P90", ">P99", ">P99.9", ">MAX"];
    let mut section = Section::new("Latency of ok requests, from the intended arrival", Table::new(&header));
    for run in runs {
        for traffic in &run.metrics.traffic {
            let latency = &traffic.latency;
            let mut row = vec![run.arm.clone(), traffic.name.clone()];
            let values = [latency.p50, latency.p90, latency.p99, latency.p999, latency.max];
            row.extend(values.map(|value| value.map_or_else(|| "-".to_owned(), human_duration)));
            section.table.row(row);
        }
    }
    section
}

fn outages(runs: &[&RunReport]) -> Section {
    let header = ["ARM", "FAULT", "TRAFFIC", ">FROM", ">LASTED", ">DETECT", ">PROPAG.", ">PROGRAM", ">CLIENT", "ENDED"];
    let mut section = Section::new("Outages", Table::new(&header));
    for run in runs {
        for outage in &run.metrics.outages {
            let stages = &outage.stages;
            let mut row = vec![run.arm.clone(), outage.fault.clone(), outage.traffic.clone(), instant(outage.from)];
            row.push(seconds(outage.to.saturating_sub(outage.from)));
            let stages = [stages.detection, stages.propagation, stages.programming, stages.client];
            row.extend(stages.map(|stage| stage.map_or_else(|| "-".to_owned(), seconds)));
            row.push(if outage.ended { "yes" } else { "no" }.to_owned());
            section.table.row(row);
        }
    }
    if !section.table.is_empty() {
        section.notes.push("The stages count from the fault; FROM is the first failed request's arrival.".to_owned());
    }
    section
}

fn closed_forms(report: &Report) -> Section {
    let header = ["ARM", "ABOUT", "FORM", "QUANTITY", ">THEORY", ">MEASURED"];
    let mut section = Section::new("What theory gives", Table::new(&header));
    for ClosedForm { theory, measured } in &report.closed_forms {
        let measured = measured.map_or_else(|| "-".to_owned(), |value| human_value(value, theory.unit));
        let row = [&theory.arm, theory.about(), &theory.form, &theory.quantity].map(str::to_owned);
        section.table.row(row.into_iter().chain([theory.value(), measured]).collect());
        let note = format!("{}: {}", theory.form, theory.assumes);
        if !section.notes.contains(&note) {
            section.notes.push(note);
        }
    }
    section
}

fn unfinished_actions(runs: &[&RunReport]) -> Section {
    let mut section =
        Section::new("Unfinished actions", Table::new(&["ARM", "ACTION", ">SINCE", ">REFUSED EVICTIONS"]));
    for run in runs {
        for open in &run.metrics.unfinished_actions {
            section.table.row(vec![
                run.arm.clone(),
                open.action.clone(),
                instant(open.since),
                human_count(open.refused_evictions),
            ]);
        }
    }
    if !section.table.is_empty() {
        let note = "These had not ended when the run did. A refused eviction would leave a disruption budget with too few \
                    healthy pods, and kubectl asks again every 5 s.";
        section.notes.push(note.to_owned());
    }
    section
}

/// Instances that the tables list; more than these are counted.
const MOST_INSTANCES: usize = 500;

fn load(runs: &[&RunReport]) -> Section {
    let header = ["ARM", "SERVICE", "INSTANCE", "NODE", "ADDRESS", ">OK", ">SHARE"];
    let mut section = Section::new("Load per instance", Table::new(&header));
    let mut left_out = 0_u64;
    for run in runs {
        let listed = |port: &&ServiceBalance| {
            !calls::has_calls(&run.metrics) || calls::is_asked_by_sources(&run.metrics, &port.service)
        };
        for service in run.metrics.balance.iter().filter(listed) {
            let sum = service.instances.iter().map(|instance| instance.requests).sum();
            for instance in &service.instances {
                if section.table.rows().len() >= MOST_INSTANCES {
                    left_out += 1;
                    continue;
                }
                section.table.row(vec![
                    run.arm.clone(),
                    service.service.clone(),
                    instance.instance.clone(),
                    instance.node.clone(),
                    instance.address.clone(),
                    human_count(instance.requests),
                    percent(instance.requests, sum),
                ]);
            }
            if left_out > 0 {
                continue;
            }
            if let (Some(max), Some(jain)) = (service.max_over_mean, service.jain) {
                let (arm, name) = (&run.arm, &service.service);
                section.notes.push(format!("{arm} / {name}: busiest over mean {max:.3}, Jain's index {jain:.3}"));
            }
        }
    }
    if left_out > 0 {
        section.notes.push(format!("and {} more instances; the JSON report has them all", human_count(left_out)));
    }
    section
}

fn addressing(runs: &[&RunReport]) -> Section {
    let header = ["ARM", ">HOST PORTS", ">CONFLICTS", ">TRANSLATIONS", ">ADDRESSES/CLIENT", ">RECONFIGURATIONS"];
    let mut section = Section::new("What addressing cost", Table::new(&header));
    for run in runs {
        let cost = &run.metrics.addressing;
        let mut row = vec![run.arm.clone()];
        let numbers =
            [cost.host_ports, cost.port_conflicts, cost.translations, cost.addresses_per_client, cost.reconfigurations];
        row.extend(numbers.map(human_count));
        section.table.row(row);
    }
    section
}

/// The main figures of each arm over all its seeds.
fn arms_over_seeds(report: &Report) -> Section {
    let shown = ["request_success_rate", "latency_p99", "outage_duration", "detection_time", "programming_time"];
    let header = ["ARM", "METRIC", "ABOUT", ">SEEDS", ">LEAST", ">MEDIAN", ">LARGEST"];
    let mut section = Section::new(&format!("Each arm over {} seeds", seeds(report)), Table::new(&header));
    if seeds(report) < 2 {
        return section;
    }
    for arm in report.arms() {
        for metric in shown.into_iter().filter_map(metric) {
            let faults = report.runs.first().map_or(&[][..], |run| run.metrics.faults.as_slice());
            let about: Vec<Option<&str>> = match metric.scope {
                Scope::Outage => faults.iter().map(|fault| Some(fault.as_str())).collect(),
                Scope::Traffic | Scope::Edge | Scope::Run => vec![None],
            };
            for fault in about {
                let selector = Selector { fault, ..Selector::default() };
                let values = report.runs_of(&arm).filter_map(|run| metric.value(&run.metrics, selector));
                let mut values: Vec<f64> = values.collect();
                values.sort_by(f64::total_cmp);
                let (Some(least), Some(largest)) = (values.first(), values.last()) else { continue };
                let median = values[values.len() / 2];
                let mut row = vec![arm.clone(), metric.name.to_owned(), fault.unwrap_or_default().to_owned()];
                row.push(values.len().to_string());
                row.extend([*least, median, *largest].map(|value| human_value(value, metric.unit)));
                section.table.row(row);
            }
        }
    }
    section
}

/// Differences with their intervals, where there are several seeds to pair.
fn over_seeds(report: &Report) -> Section {
    let header = ["METRIC", "ABOUT", "FROM", "TO", ">MEAN", ">95 % FROM", ">95 % TO"];
    let title = format!("Differences between arms over {} seeds (second minus first)", seeds(report));
    let mut section = Section::new(&title, Table::new(&header));
    for difference in &report.differences {
        let Some([low, high]) = difference.interval else { continue };
        if difference.value == 0.0 && low == 0.0 && high == 0.0 {
            continue;
        }
        let about = [&difference.traffic, &difference.fault].into_iter().flatten().cloned().collect::<Vec<_>>();
        let unit = if difference.unit == "bool" { "ratio" } else { difference.unit };
        section.table.row(vec![
            difference.metric.clone(),
            about.join(", "),
            difference.arms[0].clone(),
            difference.arms[1].clone(),
            human_value(difference.value, unit),
            human_value(low, unit),
            human_value(high, unit),
        ]);
    }
    section
}

fn settings(report: &Report) -> Section {
    let mut section = Section::new("Settings that differ", Table::new(&[]));
    // Pairs of variants often differ in the same way, which is told once.
    let mut told: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for pair in report.settings_differences.chunk_by(|one, other| one.arms == other.arms) {
        let Some(SettingsDifference { arms, .. }) = pair.first() else { continue };
        let heading = format!("{} against {}:", arms[0], arms[1]);
        let lines: Vec<String> = pair.chunk_by(belong_together).flat_map(describe_settings).collect();
        match told.iter_mut().find(|(_, known)| *known == lines) {
            Some((headings, _)) => headings.push(heading),
            None => told.push((vec![heading], lines)),
        }
    }
    section.notes.extend(told.into_iter().flat_map(|(headings, lines)| [headings, lines].concat()));
    section
}

/// Settings of one group that only one arm has: they come with its address model and are told in one line.
fn belong_together(one: &SettingsDifference, other: &SettingsDifference) -> bool {
    let group = |difference: &SettingsDifference| {
        let head = difference.path.split('.').next().map(str::to_owned);
        head.zip(only_arm(difference))
    };
    group(one).is_some() && group(one) == group(other)
}

/// The only arm that has a setting, if just one has it.
fn only_arm(difference: &SettingsDifference) -> Option<String> {
    let place = difference.values.iter().position(String::is_empty)?;
    Some(difference.arms[1 - place].clone())
}

fn describe_settings(group: &[SettingsDifference]) -> Vec<String> {
    if let [first, _, ..] = group {
        let head = first.path.split('.').next().unwrap_or_default();
        let arm = only_arm(first).unwrap_or_default();
        return vec![format!("  {head}.*: {} settings that only {arm} has", group.len())];
    }
    let show = |value: &str| if value.is_empty() { "(none)".to_owned() } else { value.to_owned() };
    let line = |difference: &SettingsDifference| {
        let [mine, theirs] = difference.values.each_ref().map(|value| show(value));
        format!("  {}: {mine} -> {theirs}", difference.path)
    };
    group.iter().map(line).collect()
}

fn expectations(report: &Report) -> Section {
    let mut section = Section::new("Expectations", Table::new(&["", "ARM", "METRIC", "EXPECTED", "MEASURED"]));
    for result in &report.expectations {
        let value = result.value.map_or_else(|| "nothing to measure".to_owned(), |v| human_value(v, &result.unit));
        section.table.row(vec![
            if result.pass { "ok" } else { "FAILED" }.to_owned(),
            result.arm.clone(),
            result.title(),
            result.bounds(),
            value,
        ]);
    }
    section
}

fn digests(report: &Report) -> Section {
    let header = ["ARM", ">SEED", "STOP", ">EVENTS", ">RECORDS", "TRACE DIGEST"];
    let mut section = Section::new("Runs", Table::new(&header));
    for run in report.runs.iter().take(SHOWN) {
        let digest = run.trace_digest.as_ref().map_or_else(|| "-".to_owned(), |digest| digest.hex()[..32].to_owned());
        section.table.row(vec![
            run.arm.clone(),
            run.seed.to_string(),
            if run.stop.is_empty() { "-".to_owned() } else { run.stop.clone() },
            // A saved trace does not tell of events, and no run that was made has none.
            if run.events == 0 { "-".to_owned() } else { human_count(run.events) },
            human_count(run.records),
            digest,
        ]);
    }
    if report.runs.len() > SHOWN {
        section.notes.push(format!("and {} more runs; the JSON report has them all", report.runs.len() - SHOWN));
    }
    section
}
