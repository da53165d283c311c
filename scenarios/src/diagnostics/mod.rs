//! Everything that can be said about a scenario: with a stable code, a place and a help text.

pub mod codes;
mod lines;
mod render;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use codes::Code;
use lines::Lines;
pub use render::render;

use crate::yaml::{Problem, ProblemKind, SpanIndex};

/// A text that was read, under the name that diagnostics show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name, usually a path as the user typed it.
    pub name: String,
    /// Its contents.
    pub text: String,
}

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The scenario cannot run.
    Error,
    /// It runs, but perhaps not as meant.
    Warning,
    /// For information.
    Note,
}

impl Severity {
    /// The word that output shows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing to say about a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// The stable code; [`codes::CODES`] lists all.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Which source it is in.
    pub source: usize,
    /// Byte offset and length in that source, if the place is known.
    pub span: Option<(usize, usize)>,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What to write under the marked text.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Where something stands: a JSON pointer in a document of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) source: usize,
    pub(crate) document: usize,
    pub(crate) pointer: String,
    /// The key is meant, not its value.
    pub(crate) key: bool,
}

impl Place {
    pub(crate) fn document(source: usize, document: usize) -> Self {
        Self { source, document, pointer: String::new(), key: false }
    }

    /// The place of an entry below this one.
    pub(crate) fn at(&self, segment: &str) -> Self {
        Self { pointer: format!("{}/{}", self.pointer, crate::yaml::escape(segment)), ..self.clone() }
    }

    /// The place of an item of the list at this place.
    pub(crate) fn item(&self, index: usize) -> Self {
        Self { pointer: format!("{}/{index}", self.pointer), ..self.clone() }
    }

    /// The key of the entry at this place.
    pub(crate) fn key(&self) -> Self {
        Self { key: true, ..self.clone() }
    }
}

/// Collects diagnostics and knows where everything stands.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    pub(crate) sources: Vec<Source>,
    pub(crate) items: Vec<Diagnostic>,
    /// Keys of foreign files that are not modelled, each on its own.
    pub(crate) ignored: Vec<Diagnostic>,
    /// What was reported or ignored so far.
    told: HashSet<Diagnostic>,
    /// A file is missing or unreadable, so a name that is not found may stand there.
    pub(crate) incomplete: bool,
    /// Pointers of keys that a misspelt key was probably meant to be; they are not missing as well.
    meant: BTreeSet<String>,
    spans: Vec<SpanIndex>,
    lines: Vec<Lines>,
    /// What `--set` and an arm's `set` put in place of the file's values: pointer -> where that was written.
    overridden: BTreeMap<String, Place>,
    /// The document that `overridden` speaks of.
    scenario: (usize, usize),
}

impl Sink {
    /// Takes a source in and returns its number.
    pub(crate) fn add_source(&mut self, source: Source, spans: SpanIndex) -> usize {
        self.lines.push(Lines::of(&source.text));
        self.sources.push(source);
        self.spans.push(spans);
        self.sources.len() - 1
    }

    /// Says which document the overrides are about.
    pub(crate) fn scenario_is(&mut self, source: usize, document: usize) {
        self.scenario = (source, document);
    }

    /// From now on the value at `pointer` of the scenario was written at `place`.
    pub(crate) fn override_place(&mut self, pointer: String, place: Place) {
        self.overridden.insert(pointer, place);
    }

    /// Overrides in force, to be put back with [`Sink::restore_overrides`] after an arm.
    pub(crate) fn overrides(&self) -> BTreeMap<String, Place> {
        self.overridden.clone()
    }

    /// Puts an earlier set of overrides in force.
    pub(crate) fn restore_overrides(&mut self, overridden: BTreeMap<String, Place>) {
        self.overridden = overridden;
    }

    /// Where something stands, so that places can be put in the order of the files: source and byte offset.
    pub(crate) fn position(&self, place: &Place) -> (usize, usize) {
        let (source, span) = self.resolve(place);
        (source, span.map_or(0, |(start, _)| start))
    }

    /// Reports something; the same thing at the same place is reported once.
    pub(crate) fn report(&mut self, code: &'static Code, place: &Place, message: impl Into<String>) {
        self.report_with(code, place, message, None);
    }

    /// Reports something with a help text.
    pub(crate) fn help(&mut self, code: &'static Code, place: &Place, message: impl Into<String>, help: &str) {
        self.report_with(code, place, message, Some(help.to_owned()));
    }

    fn report_with(&mut self, code: &'static Code, place: &Place, message: impl Into<String>, help: Option<String>) {
        let diagnostic = self.diagnostic(code, place, message.into(), help);
        self.tell(diagnostic);
    }

    fn tell(&mut self, diagnostic: Diagnostic) {
        if self.told.insert(diagnostic.clone()) {
            self.items.push(diagnostic);
        }
    }

    /// Remembers a key of a foreign file that is not modelled.
    pub(crate) fn ignore(&mut self, place: &Place, key: &str) {
        let message = format!("`{key}` is not modelled");
        let diagnostic = self.diagnostic(codes::IGNORED_KEYS, &place.key(), message, None);
        if self.told.insert(diagnostic.clone()) {
            self.ignored.push(diagnostic);
        }
    }

    /// A misspelt key was probably meant to be this one.
    pub(crate) fn meant(&mut self, place: &Place) {
        self.meant.insert(place.pointer.clone());
    }

    /// Reports a key that is missing below `place`, unless it is there in another spelling.
    pub(crate) fn missing(&mut self, place: &Place, key: &str, message: impl Into<String>, help: &str) {
        if !self.meant.contains(&place.at(key).pointer) {
            let help = Some(help.to_owned()).filter(|help| !help.is_empty());
            self.report_with(codes::MISSING_KEY, &place.key(), message, help);
        }
    }

    /// Reports a problem of a text as such.
    pub(crate) fn problem(&mut self, source: usize, problem: Problem) {
        let code = match problem.kind {
            ProblemKind::Syntax => codes::SYNTAX,
            ProblemKind::DuplicateKey => codes::DUPLICATE_KEY,
            ProblemKind::Template => codes::TEMPLATE,
            ProblemKind::Limit => codes::UNFOLDS,
        };
        self.incomplete |= problem.kind != ProblemKind::DuplicateKey;
        let diagnostic = self.build(code, source, Some(problem.span), problem.message, problem.help);
        self.tell(diagnostic);
    }

    /// Reports something at a byte offset and length of a source that is not YAML.
    pub(crate) fn at(
        &mut self,
        code: &'static Code,
        source: usize,
        span: (usize, usize),
        message: impl Into<String>,
        help: &str,
    ) {
        let help = Some(help.to_owned()).filter(|help| !help.is_empty());
        let diagnostic = self.build(code, source, Some(span), message.into(), help);
        self.tell(diagnostic);
    }

    /// True when something makes the scenario unusable.
    pub(crate) fn has_errors(&self) -> bool {
        self.items.iter().any(|item| item.severity == Severity::Error)
    }

    fn diagnostic(&self, code: &'static Code, place: &Place, message: String, help: Option<String>) -> Diagnostic {
        let (source, span) = self.resolve(place);
        self.build(code, source, span, message, help)
    }

    fn build(
        &self,
        code: &'static Code,
        source: usize,
        span: Option<(usize, usize)>,
        message: String,
        help: Option<String>,
    ) -> Diagnostic {
        let (line, column) = self.lines[source].place(&self.sources[source].text, span.map_or(0, |span| span.0));
        let label = code.summary.to_owned();
        Diagnostic { code: code.code, severity: code.severity, message, source, span, line, column, label, help }
    }

    fn resolve(&self, place: &Place) -> (usize, Option<(usize, usize)>) {
        if (place.source, place.document) == self.scenario {
            let mut path = place.pointer.as_str();
            loop {
                if let Some(written) = self.overridden.get(path) {
                    return (written.source, self.span_of(written));
                }
                let Some(slash) = path.rfind('/') else { break };
                path = &path[..slash];
            }
        }
        (place.source, self.span_of(place))
    }

    fn span_of(&self, place: &Place) -> Option<(usize, usize)> {
        let index = self.spans.get(place.source)?;
        let whole = || (0, self.sources[place.source].text.lines().next().map_or(0, str::len));
        Some(index.find(place.document, &place.pointer, place.key).unwrap_or_else(whole))
    }

    /// One summary line per source that has keys which are not modelled.
    pub(crate) fn summarise_ignored(&mut self) {
        for source in 0..self.sources.len() {
            let mut first: Option<&Diagnostic> = None;
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for item in self.ignored.iter().filter(|item| item.source == source) {
                first = Some(first.filter(|earlier| earlier.span <= item.span).unwrap_or(item));
                *counts.entry(item.message.split('`').nth(1).unwrap_or_default()).or_default() += 1;
            }
            let Some(first) = first else { continue };
            let total: usize = counts.values().sum();
            let mut names: Vec<(usize, &str)> = counts.into_iter().map(|(name, count)| (count, name)).collect();
            names.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
            let shown: Vec<String> = names.iter().take(6).map(|(count, name)| format!("{name} ({count})")).collect();
            let more = if names.len() > 6 { ", ..." } else { "" };
            let verb = if total == 1 { "key is" } else { "keys are" };
            let message = format!("{total} {verb} not modelled: {}{more}", shown.join(", "));
            let help = Some("`podwire check --explain-ignored` lists each with its place".to_owned());
            let summary = Diagnostic { message, help, ..first.clone() };
            self.items.push(summary);
        }
    }

    /// Diagnostics in the order of the sources, those of one place in the order of their severity.
    pub(crate) fn sort(&mut self) {
        let order = |a: &Diagnostic, b: &Diagnostic| {
            (a.source, a.span, a.severity, a.code).cmp(&(b.source, b.span, b.severity, b.code))
        };
        self.items.sort_by(order);
        self.ignored.sort_by(order);
    }
}
