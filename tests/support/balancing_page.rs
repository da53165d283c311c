//! The generated parts of docs/balancing.md and its pictures: from the registry, and from what `podwire balance` measures.

use std::fmt::Write as _;

use podwire::experiment;
use reports::balance::picture::{Panel, svg};
use reports::balance::{Contender, Figures, Plan, counts, measure};
use sim_core::balancing::{Algorithm, BALANCERS};

/// Flows of each row of figures.
const FLOWS: u64 = 100_000;
/// Flows and backends of a picture: few enough that chance shows.
const PICTURE: (u64, u32) = (2_000, 20);
/// The weights of the weighted rows and pictures, over and over.
const WEIGHTS: [u32; 4] = [1, 2, 3, 4];

/// A generated text.
pub(crate) struct Part {
    /// Of its place in the document, or the file's name.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// What is generated.
pub(crate) struct Page {
    /// Of the document.
    pub(crate) parts: Vec<Part>,
    /// Files of its folder.
    pub(crate) pictures: Vec<Part>,
}

/// The plans of the rows, with what a row calls its backends.
fn plans() -> Vec<(&'static str, Plan)> {
    let plan = |backends: u32, weights: &[u32]| Plan {
        weights: weights.to_vec(),
        remove: Some(backends / 2),
        ..Plan::new(1, backends, FLOWS)
    };
    vec![
        ("10", plan(10, &[])),
        ("100", plan(100, &[])),
        ("1 000", plan(1_000, &[])),
        ("100, weights 1 to 4", plan(100, &WEIGHTS)),
    ]
}

/// What picks depend on, in the registry's own words.
fn reads(algorithm: &Algorithm) -> String {
    let words: Vec<String> = algorithm.reads.iter().map(|input| format!("{input:?}").to_lowercase()).collect();
    words.join(", ")
}

/// An algorithm's rows, one per contender and plan.
struct Measured {
    algorithm: &'static Algorithm,
    rows: Vec<(&'static str, Figures)>,
    picture: String,
}

fn measured(algorithm: &'static Algorithm) -> Measured {
    let mut rows = Vec::new();
    for contender in Contender::variants(algorithm) {
        rows.extend(plans().iter().map(|(backends, plan)| (*backends, measure(plan, &contender))));
    }
    let (flows, backends) = PICTURE;
    let plan = Plan::new(1, backends, flows);
    let weighted = Plan { weights: WEIGHTS.to_vec(), ..plan.clone() };
    let contender = Contender::new(algorithm);
    let panel = |title: &str, plan| Panel { title: title.to_owned(), plan, counts: counts(plan, &contender) };
    let panels = [
        panel(&format!("{flows} connections over {backends} equal backends"), &plan),
        panel(&format!("{flows} over weights 1, 2, 3, 4, 1, 2, ..."), &weighted),
    ];
    let name = format!("Connections per backend under {}", algorithm.spec.name);
    Measured { algorithm, rows, picture: svg(&name, &panels) }
}

/// Makes everything anew, on all cores.
pub(crate) fn page() -> Page {
    let algorithms: Vec<&'static Algorithm> = BALANCERS.iter().collect();
    let measured = experiment::run_all(&algorithms, None, |algorithm| measured(algorithm));
    let part = |name: &str, text: String| Part { name: name.to_owned(), text };
    let sections = measured.iter().map(section).collect::<Vec<_>>().join("\n");
    let picture = |of: &Measured| part(&format!("{}.svg", of.algorithm.spec.name), of.picture.clone());
    Page {
        parts: vec![part("overview", overview(&measured)), part("floors", floors()), part("algorithms", sections)],
        pictures: measured.iter().map(picture).collect(),
    }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

fn or_dash<T>(figure: Option<T>, text: impl Fn(T) -> String) -> String {
    figure.map_or_else(|| "-".to_owned(), text)
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Every algorithm in a line, at 100 backends.
fn overview(measured: &[Measured]) -> String {
    let mut out = "| algorithm | what it does | reads | dropped | sd/fair | moved | bytes |\n\
         | --- | --- | --- | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    for Measured { algorithm, rows, .. } in measured {
        let (_, figures) = rows.iter().find(|(backends, _)| *backends == "100").expect("a row of every algorithm");
        // Writing into a String cannot fail.
        let _ = writeln!(
            out,
            "| [`{0}`](#{0}) | {1} | {2} | {3} | {4} | {5} | {6} |",
            algorithm.spec.name,
            cell(algorithm.spec.summary),
            reads(algorithm),
            figures.dropped,
            or_dash(figures.flows, |even| format!("{:.4}", even.sd_to_fair)),
            or_dash(figures.disruption, |of| percent(of.moved)),
            figures.table_bytes
        );
    }
    out
}

/// What random draws would have.
fn floors() -> String {
    let mut out =
        "| backends | sd/fair of random draws | fair share of the backend that goes |\n| --- | ---: | ---: |\n"
            .to_owned();
    for (backends, plan) in plans() {
        let victim = plan.remove.map_or(0, |victim| plan.weight(victim));
        let total = u32::try_from(plan.total_weight()).expect("few small weights");
        let share = percent(f64::from(victim) / f64::from(total));
        let _ = writeln!(out, "| {backends} | {:.4} | {share} |", plan.floor());
    }
    out
}

fn section(measured: &Measured) -> String {
    let Measured { algorithm, rows, .. } = measured;
    let spec = &algorithm.spec;
    let name = spec.name;
    let mut out = format!("### {name}\n\n![Connections per backend under {name}](balancing/{name}.svg)\n\n");
    let parameters = scenarios::parameter_texts(spec.parameters);
    let parameters = if parameters.is_empty() { "none".to_owned() } else { parameters.join("; ") };
    let facts: [(&str, &str); 7] = [
        ("rule", spec.summary),
        ("source", spec.source),
        ("parameters", &parameters),
        ("reads", &reads(algorithm)),
        ("state", algorithm.state),
        ("cost", algorithm.cost),
        ("when to use", algorithm.use_when),
    ];
    out.push_str("| | |\n| --- | --- |\n");
    for (fact, text) in facts {
        let _ = writeln!(out, "| {fact} | {} |", cell(text));
    }
    out.push_str(
        "\n| algorithm | backends | max/fair | Jain | sd/fair | live max/fair | dropped | moved | excess | bytes |\n",
    );
    out.push_str("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (backends, figures) in rows {
        let cells = [
            or_dash(figures.flows, |even| format!("{:.4}", even.max_to_fair)),
            or_dash(figures.flows, |even| format!("{:.4}", even.jain)),
            or_dash(figures.flows, |even| format!("{:.4}", even.sd_to_fair)),
            or_dash(figures.live_max_to_fair, |most| format!("{most:.2}")),
            figures.dropped.to_string(),
            or_dash(figures.disruption, |of| percent(of.moved)),
            or_dash(figures.disruption, |of| percent(of.excess)),
            figures.table_bytes.to_string(),
        ];
        let _ = writeln!(out, "| `{}` | {backends} | {} |", figures.algorithm, cells.join(" | "));
    }
    out
}
