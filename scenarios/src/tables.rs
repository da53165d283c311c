//! Parts of the documentation that are made from the registries and tables themselves.

use std::fmt::Write as _;

use sim_core::actions::ACTIONS;
use sim_core::balancing::BALANCERS;
use sim_core::faults::FAULTS;
use sim_core::model::parameters::{Parameter, ParameterKind, Spec};
use sim_core::workload::arrivals::ARRIVALS;
use sim_core::workload::distribution::DISTRIBUTIONS;

use crate::arms::PRESETS;
use crate::diagnostics::codes::CODES;
use crate::import::compose;
use crate::import::kubernetes::types;

/// A generated part of the documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The name of its place in the document.
    pub name: &'static str,
    /// The part itself, in Markdown, ending in a newline.
    pub markdown: String,
}

/// All generated parts, in the order of the document.
pub fn format_tables() -> Vec<Table> {
    vec![
        Table { name: "presets", markdown: presets() },
        Table { name: "arrivals", markdown: registry(ARRIVALS) },
        Table { name: "distributions", markdown: registry(DISTRIBUTIONS) },
        Table { name: "balancers", markdown: registry(BALANCERS.iter().map(|algorithm| &algorithm.spec)) },
        Table { name: "faults", markdown: registry(FAULTS) },
        Table { name: "actions", markdown: registry(ACTIONS) },
        Table { name: "kubernetes", markdown: pairs("object", "keys that are modelled", types::SUPPORTED) },
        Table { name: "compose", markdown: pairs("mapping", "keys that are modelled", compose::SUPPORTED) },
        Table { name: "diagnostics", markdown: codes() },
    ]
}

fn row(out: &mut String, cells: &[&str]) {
    // Writing into a String cannot fail.
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

fn head(cells: &[&str]) -> String {
    let mut out = String::new();
    row(&mut out, cells);
    row(&mut out, &vec!["---"; cells.len()]);
    out
}

fn presets() -> String {
    let mut out = head(&["preset", "model", "discovery", "rescheduler", "what it stands for"]);
    for preset in PRESETS {
        let rescheduler = preset.rescheduler.name();
        let model = preset.discovery.model().name();
        row(&mut out, &[&format!("`{}`", preset.name), model, preset.discovery.name(), rescheduler, preset.summary]);
    }
    out
}

fn registry<T: 'static>(specs: impl IntoIterator<Item = &'static Spec<T>>) -> String {
    let mut out = head(&["kind", "what it does", "parameters", "source"]);
    for spec in specs {
        let parameters = parameter_texts(spec.parameters);
        row(&mut out, &[&format!("`{}`", spec.name), spec.summary, &parameters.join("; "), spec.source]);
    }
    out
}

/// What to know of each parameter: its name, the form of its value, what it sets.
pub fn parameter_texts(parameters: &[Parameter]) -> Vec<String> {
    let text = |parameter: &Parameter| {
        let optional = if parameter.required { "" } else { ", optional" };
        format!("`{}` ({}{optional}): {}", parameter.name, kind_name(parameter.kind), parameter.summary)
    };
    parameters.iter().map(text).collect()
}

fn kind_name(kind: ParameterKind) -> String {
    match kind {
        ParameterKind::Duration => "duration".to_owned(),
        ParameterKind::Rate => "rate".to_owned(),
        ParameterKind::RateOrZero => "rate or 0/s".to_owned(),
        ParameterKind::Choice { names } => names.join(" or "),
        ParameterKind::Steps => "list".to_owned(),
        ParameterKind::ArrivalFile => "path".to_owned(),
        ParameterKind::Count { min } => format!("number from {min}"),
        ParameterKind::Within { min, max, default } => format!("number from {min} to {max}, default {default}"),
        ParameterKind::Distribution => "distribution".to_owned(),
        ParameterKind::Node => "node name, or {hosting, index}".to_owned(),
        ParameterKind::Pod => "pod name, or {of, index}".to_owned(),
        ParameterKind::Link => "link name".to_owned(),
        ParameterKind::Zone => "zone name".to_owned(),
        ParameterKind::Workload => "workload".to_owned(),
        ParameterKind::Service => "Service name".to_owned(),
        ParameterKind::Text => "text".to_owned(),
        ParameterKind::Factor => "factor".to_owned(),
        ParameterKind::Percent => "share".to_owned(),
        ParameterKind::Nodes => "node names".to_owned(),
    }
}

fn pairs(left: &str, right: &str, rows: &[(&str, &str)]) -> String {
    let mut out = head(&[left, right]);
    for (name, keys) in rows {
        row(&mut out, &[name, keys]);
    }
    out
}

fn codes() -> String {
    let mut out = head(&["code", "severity", "meaning"]);
    for code in CODES {
        row(&mut out, &[code.code, code.severity.name(), code.summary]);
    }
    out
}
