//! A scenario from manifests and compose files alone: who asks whom is guessed, and every guess says so in a
//! comment. Reads no files and runs nothing; what it writes is loaded like any other scenario.

mod addresses;
mod calls;
mod clues;
mod entry;
mod graph;
mod names;
mod reach;
mod surroundings;
mod write;

use serde_json::Value;

use crate::checks;
use crate::diagnostics::codes::{NOTHING_TO_RUN, UNRECOGNISED};
use crate::diagnostics::{Diagnostic, Place, Severity, Sink, Source};
use crate::draft::Draft;
use crate::import::{DocumentKind, import, kind_of, owners};
use crate::load::parse;

/// A text that holds manifests or compose files.
#[derive(Clone, Debug)]
pub struct InitSource {
    /// Its name, which `include` will hold, and its contents.
    pub source: Source,
    /// True when its documents will follow the scenario in one stream, so that `include` need not name it.
    pub follows: bool,
}

/// What came of the texts.
#[derive(Clone, Debug)]
pub struct Initialised {
    /// The scenario; `None` exactly when a diagnostic is an error.
    pub scenario: Option<String>,
    /// Everything to say about the texts, in their order.
    pub diagnostics: Vec<Diagnostic>,
    /// Number of keys that are not modelled.
    pub ignored: usize,
    /// The texts that `diagnostics` speak of.
    pub sources: Vec<Source>,
}

/// Guesses a scenario for what the texts hold.
pub fn init(texts: Vec<InitSource>) -> Initialised {
    let mut sink = Sink::default();
    let mut draft = Draft::default();
    let mut includes = Vec::new();
    for text in texts {
        if !text.follows {
            includes.push(text.source.name.clone());
        }
        let shown = text.source.name.clone();
        let documents = parse(text.source, &mut sink);
        take_in(&documents, &shown, &mut draft, &mut sink);
    }
    owners::settle(&mut draft, &mut sink);
    checks::check(&draft, &mut sink);
    if !sink.has_errors() && !draft.workloads.iter().any(|workload| workload.replicas > 0) {
        nothing_to_run(&draft, &mut sink);
    }
    let scenario = (!sink.has_errors()).then(|| write::scenario(&draft, &sink, &includes));
    sink.summarise_ignored();
    sink.sort();
    let Sink { items: diagnostics, ignored, sources, .. } = sink;
    debug_assert_eq!(scenario.is_none(), diagnostics.iter().any(|item| item.severity == Severity::Error));
    Initialised { scenario, diagnostics, ignored: ignored.len(), sources }
}

/// A scenario with the documents that it speaks of behind it, as one stream.
pub fn stream(scenario: &str, documents: &[&str]) -> String {
    let mut out = scenario.to_owned();
    for text in documents {
        let text = text.trim_start_matches('\u{feff}');
        if !out.ends_with('\n') {
            out.push('\n');
        }
        // A directive may only stand after the end of a document.
        out.push_str(if text.starts_with('%') { "...\n" } else { "---\n" });
        out.push_str(text);
    }
    out
}

fn take_in(documents: &[Value], name: &str, draft: &mut Draft, sink: &mut Sink) {
    let source = sink.sources.len() - 1;
    let mut empty = true;
    for (index, document) in documents.iter().enumerate() {
        let place = Place::document(source, index);
        let kind = kind_of(document);
        empty &= kind == DocumentKind::Empty;
        if kind == DocumentKind::Scenario {
            let help = "`podwire run` and `podwire check` take it; `podwire init` takes manifests and compose files";
            sink.help(UNRECOGNISED, &place, "this is a scenario already", help);
        } else {
            import(document, &place, draft, sink);
        }
    }
    if empty && !sink.has_errors() {
        let message = format!("{name} holds nothing");
        let help = "give Kubernetes manifests, compose files, or what `kubectl get -o yaml` prints";
        sink.help(UNRECOGNISED, &Place::document(source, 0), message, help);
    }
}

fn nothing_to_run(draft: &Draft, sink: &mut Sink) {
    let help = match draft.services.iter().find(|service| !service.selector.is_empty()) {
        Some(service) => {
            let labels: Vec<String> = service.selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let (name, labels) = (&service.name, labels.join(","));
            format!("Service {name} stands for pods with {labels}: give the file with their Deployment as well")
        }
        None => "give files with Deployments, StatefulSets, Pods or the like, or a compose file".to_owned(),
    };
    sink.help(NOTHING_TO_RUN, &Place::document(0, 0), "nothing in these files has pods, so nothing can run", &help);
}

#[cfg(test)]
mod tests;
