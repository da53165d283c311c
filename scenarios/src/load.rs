//! From files to models: read, import, check, lower, with every problem told at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use sim_core::model::Model;

use crate::arms::{self, ArmPlan};
use crate::canonical::{canonical, canonical_pretty};
use crate::decode::decode;
use crate::diagnostics::codes::{
    MISSING_KEY, NOTHING_TO_RUN, UNKNOWN_KEY, UNKNOWN_PATH, UNREADABLE, UNRECOGNISED, UNUSED, VERSION,
};
use crate::diagnostics::{Diagnostic, Place, Severity, Sink, Source};
use crate::directory::Directory;
use crate::draft::Draft;
use crate::expectations::{self, Expectation, Metric};
use crate::expose::{self, ExposeRequest};
use crate::import::{DocumentKind, import, kind_of, owners};
use crate::lower::{Lowering, holders, lower, settings_of};
use crate::nearest::did_you_mean;
use crate::overrides::{self, Overrides};
use crate::schema::paths::{Keys, Paths};
use crate::schema::{API_VERSION, ScenarioFile, Spec};
use crate::yaml::{self, SpanIndex, unescape};
use crate::{checks, nearest, synthetic, variants};

/// Reads files; the command line gives one that reads the disk, tests one that holds texts.
pub trait Files {
    /// The whole text of a file.
    fn read(&self, path: &Path) -> std::io::Result<String>;
}

impl<F: Fn(&Path) -> std::io::Result<String>> Files for F {
    fn read(&self, path: &Path) -> std::io::Result<String> {
        self(path)
    }
}

/// What came of a file.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The scenario; `None` exactly when a diagnostic is an error (or the file is no scenario).
    pub scenario: Option<Scenario>,
    /// Everything to say about it, in the order of the sources.
    pub diagnostics: Vec<Diagnostic>,
    /// Each key of a foreign file that is not modelled; `diagnostics` has one line per file.
    pub ignored: Vec<Diagnostic>,
    /// The texts that `diagnostics` speak of.
    pub sources: Vec<Source>,
}

impl Loaded {
    /// True when something is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|item| item.severity == Severity::Error)
    }
}

/// A scenario that can run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// `metadata.name`, or the file's stem.
    pub name: String,
    /// `metadata.description`.
    pub description: String,
    /// The scenario with its includes and overrides as one canonical text, the same in every folder.
    pub effective: String,
    /// Its arms, in the order of the file.
    pub arms: Vec<Arm>,
    /// Names of all arms that the file has, whether they were asked for or not.
    pub file_arms: Vec<String>,
    /// What must hold.
    pub expectations: Vec<Expectation>,
}

/// A variant of the scenario.
#[derive(Clone, Debug)]
pub struct Arm {
    /// Its name.
    pub name: String,
    /// Name of the arm in the file; another one than `name` in a variant of it.
    pub base: String,
    /// Its value of each path that varies, as typed.
    pub levels: Vec<String>,
    /// What is simulated; runs share it.
    pub model: Arc<Model>,
    /// Every effective setting by dotted path, to show what differs between two arms.
    pub settings: BTreeMap<String, String>,
}

/// What [`check`] found in a file.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What the file is: `scenario`, `kubernetes`, `compose`, or empty when it is none of them.
    pub kind: &'static str,
    /// Number of workloads it holds, with its includes.
    pub workloads: usize,
    /// Number of Services it holds, with its includes.
    pub services: usize,
    /// Its scenario, if it is one, and everything to say about it.
    pub loaded: Loaded,
}

/// Loads a scenario. `base` is the folder that its includes are relative to; `metrics` are those that
/// expectations may name, with what their bounds are.
pub fn load(main: Source, base: &Path, files: &dyn Files, overrides: &Overrides, metrics: &[Metric<'_>]) -> Loaded {
    let mut loader = Loader::new(base, files, metrics);
    let documents = loader.parse(main);
    let scenario = loader.scenario(&documents, overrides);
    loader.finish(scenario, overrides)
}

/// Checks a scenario, a manifest or a compose file, told apart by its contents.
pub fn check(main: Source, base: &Path, files: &dyn Files, overrides: &Overrides, metrics: &[Metric<'_>]) -> Checked {
    let mut loader = Loader::new(base, files, metrics);
    let (kind, scenario) = loader.any_file(main, overrides);
    let (workloads, services) = (loader.draft.workloads.len(), loader.draft.services.len());
    Checked { kind, workloads, services, loaded: loader.finish(scenario, overrides) }
}

/// What `kubectl expose` makes of an object of a scenario, a manifest or a compose file: the Service's YAML, or
/// kubectl's reason why there is none. `Ok(None)` when the file is in error or has no such object.
pub fn expose(
    main: Source,
    base: &Path,
    files: &dyn Files,
    metrics: &[Metric<'_>],
    request: &ExposeRequest,
) -> (Loaded, Result<Option<String>, String>) {
    let overrides = Overrides::default();
    let mut loader = Loader::new(base, files, metrics);
    let (_, scenario) = loader.any_file(main, &overrides);
    let exposed =
        if loader.sink.has_errors() { Ok(None) } else { expose::expose(&loader.draft, request, &mut loader.sink) };
    (loader.finish(scenario, &overrides), exposed)
}

/// Takes a source in and gives its documents.
pub(crate) fn parse(source: Source, sink: &mut Sink) -> Vec<Value> {
    let parsed = yaml::parse(&source.text);
    let number = sink.add_source(source, parsed.spans);
    for problem in parsed.problems {
        sink.problem(number, problem);
    }
    parsed.documents
}

struct Loader<'a> {
    files: &'a dyn Files,
    base: &'a Path,
    metrics: &'a [Metric<'a>],
    sink: Sink,
    draft: Draft,
    paths: Paths,
    /// Files that the scenario names beside its includes, with the numbers of their sources.
    attached: BTreeMap<String, Option<usize>>,
}

impl<'a> Loader<'a> {
    fn new(base: &'a Path, files: &'a dyn Files, metrics: &'a [Metric<'a>]) -> Self {
        let (sink, draft, paths) = (Sink::default(), Draft::default(), Paths::new());
        Loader { files, base, metrics, sink, draft, paths, attached: BTreeMap::new() }
    }

    /// Takes in a scenario, a manifest or a compose file, and says which it is.
    fn any_file(&mut self, main: Source, overrides: &Overrides) -> (&'static str, Option<Scenario>) {
        let documents = self.parse(main);
        let kinds: Vec<DocumentKind> = documents.iter().map(kind_of).collect();
        if kinds.contains(&DocumentKind::Scenario) {
            return ("scenario", self.scenario(&documents, overrides));
        }
        for (index, document) in documents.iter().enumerate() {
            import(document, &Place::document(0, index), &mut self.draft, &mut self.sink);
        }
        owners::settle(&mut self.draft, &mut self.sink);
        checks::check(&self.draft, &mut self.sink);
        if kinds.iter().all(|kind| *kind == DocumentKind::Empty) && !self.sink.has_errors() {
            self.sink.report(UNRECOGNISED, &Place::document(0, 0), "the file holds nothing");
        }
        let known = [(DocumentKind::Kubernetes, "kubernetes"), (DocumentKind::Compose, "compose")];
        let found = known.iter().find(|(kind, _)| kinds.contains(kind));
        (found.map_or("", |(_, name)| *name), None)
    }

    /// Takes a source in and gives its documents.
    fn parse(&mut self, source: Source) -> Vec<Value> {
        parse(source, &mut self.sink)
    }

    fn finish(mut self, scenario: Option<Scenario>, overrides: &Overrides) -> Loaded {
        self.sink.summarise_ignored();
        if overrides.strict {
            for item in self.sink.items.iter_mut().filter(|item| item.severity == Severity::Warning) {
                item.severity = Severity::Error;
            }
        }
        self.sink.sort();
        let scenario = scenario.filter(|_| !self.sink.has_errors());
        let Sink { items, ignored, sources, .. } = self.sink;
        Loaded { scenario, diagnostics: items, ignored, sources }
    }

    /// The scenario among the documents of the main file; the others are manifests beside it.
    fn scenario(&mut self, documents: &[Value], overrides: &Overrides) -> Option<Scenario> {
        let mut own = documents.iter().enumerate().filter(|(_, document)| kind_of(document) == DocumentKind::Scenario);
        let Some((index, document)) = own.next() else {
            if !self.sink.has_errors() {
                let help =
                    "a scenario has `apiVersion: podwire/v1` and `kind: Scenario`; `podwire check` takes other files";
                self.sink.help(UNRECOGNISED, &Place::document(0, 0), "this file holds no scenario", help);
            }
            return None;
        };
        if let Some((second, _)) = own.next() {
            let place = Place::document(0, second);
            self.sink.report(UNRECOGNISED, &place, "a file holds one scenario, but this is the second");
        }
        let root = Place::document(0, index);
        self.sink.scenario_is(0, index);
        let mut tree = document.clone();
        self.override_all(&mut tree, overrides);
        let file = self.decode(&tree, &root)?;
        self.check_head(&file, &root);
        for (other, beside) in documents.iter().enumerate().filter(|(other, _)| *other != index) {
            import(beside, &Place::document(0, other), &mut self.draft, &mut self.sink);
        }
        let Some(spec) = &file.spec else {
            self.sink.report(MISSING_KEY, &root, "`spec` is missing here");
            return None;
        };
        let mut effective = format!("{API_VERSION} effective scenario\n{}\n", canonical_pretty(&tree));
        for (other, beside) in documents.iter().enumerate().filter(|(other, _)| *other != index) {
            effective.extend(["--- document ", &other.to_string(), "\n", &canonical(beside), "\n"]);
        }
        self.include_all(spec, &root.at("spec"), &mut effective);
        owners::settle(&mut self.draft, &mut self.sink);
        synthetic::generate(spec, &root.at("spec"), &mut self.draft, &mut self.sink);
        checks::check(&self.draft, &mut self.sink);
        self.check_content(spec, &root);
        let plans = arms::plan(spec, &root.at("spec"), &mut self.sink);
        let expectations = expectations::resolve(spec, &plans, self.metrics, &root.at("spec"), &mut self.sink);
        let file_arms = plans.iter().map(|plan| plan.name.clone()).collect();
        let asked = |plan: &ArmPlan| overrides.arms.is_empty() || overrides.arms.contains(&plan.name);
        let plans: Vec<ArmPlan> = plans.into_iter().filter(asked).collect();
        let variants = variants::read(&overrides.variants, &mut self.sink);
        effective.push_str(&variants::describe(&variants));
        let plans = variants::multiply(plans, &variants, &mut self.sink);
        let lowered: Vec<Option<Arm>> = plans.iter().map(|plan| self.arm(plan, &tree, &file, &root)).collect();
        let mut arms = lowered.into_iter().collect::<Option<Vec<Arm>>>()?;
        variants::report_unused(&variants, &arms, &mut self.sink);
        holders::tell(&mut arms, self.draft.services.len());
        for (path, source) in &self.attached {
            let text = source.map_or("", |source| self.sink.sources[source].text.as_str());
            effective.extend(["--- file ", path, "\n", text, "\n"]);
        }
        expectations::check_edges(spec, &arms, &root.at("spec"), &mut self.sink);
        let metadata = file.metadata.unwrap_or_default();
        let name = metadata.name.unwrap_or_else(|| stem(&self.sink.sources[0].name));
        let description = metadata.description.unwrap_or_default();
        Some(Scenario { name, description, effective, arms, file_arms, expectations })
    }

    /// One arm: its own values put into the tree, read again and lowered.
    fn arm(&mut self, plan: &ArmPlan, tree: &Value, file: &ScenarioFile, root: &Place) -> Option<Arm> {
        let before = self.sink.overrides();
        let mut tree = tree.clone();
        for (path, value, place) in &plan.set {
            self.override_one(&mut tree, path, value.clone(), place);
        }
        let own = if plan.set.is_empty() { None } else { Some(self.decode(&tree, root)?) };
        let spec = own.as_ref().unwrap_or(file).spec.as_ref()?;
        let place = root.at("spec");
        let mut ctx = Lowering {
            draft: &self.draft,
            directory: &Directory::of(&self.draft),
            spec,
            place,
            plan,
            sink: &mut self.sink,
            files: self.files,
            base: self.base,
            attached: &mut self.attached,
            traffic: String::new(),
        };
        let model = lower(&mut ctx);
        self.sink.restore_overrides(before);
        let model = model?;
        let settings = settings_of(&model, &tree);
        let (name, base, levels) = (plan.name.clone(), plan.base.clone(), plan.levels.clone());
        Some(Arm { name, base, levels, model: Arc::new(model), settings })
    }

    /// Reads podwire's own format: an unknown key is an error with the nearest name.
    fn decode(&mut self, tree: &Value, root: &Place) -> Option<ScenarioFile> {
        let decoded = decode::<ScenarioFile>(tree.clone(), root, &mut self.sink)?;
        for pointer in &decoded.unknown {
            let (parent, key) = pointer.rsplit_once('/').unwrap_or(("", pointer));
            let key = unescape(key);
            let help = match self.paths.keys_at(parent) {
                Keys::Only(known) => did_you_mean(&key, known.iter().map(String::as_str)),
                Keys::Any | Keys::None => String::new(),
            };
            if let Keys::Only(known) = self.paths.keys_at(parent)
                && let Some(name) = nearest::nearest(&key, known.iter().map(String::as_str))
            {
                self.sink.meant(&Place { pointer: parent.to_owned(), ..root.clone() }.at(name));
            }
            let place = Place { pointer: pointer.clone(), key: true, ..root.clone() };
            self.sink.help(UNKNOWN_KEY, &place, format!("`{key}` is no key of a scenario here"), &help);
        }
        Some(decoded.value)
    }

    fn check_head(&mut self, file: &ScenarioFile, root: &Place) {
        if file.api_version != API_VERSION {
            let message = format!("this podwire does not read `{}`", file.api_version);
            self.sink.help(VERSION, &root.at("apiVersion"), message, &format!("write `apiVersion: {API_VERSION}`"));
        }
        if file.kind != "Scenario" {
            let message = format!("`{}` is no kind of podwire's", file.kind);
            let help = nearest::did_you_mean(&file.kind, ["Scenario"]);
            self.sink.help(VERSION, &root.at("kind"), message, &help);
        }
    }

    fn check_content(&mut self, spec: &Spec, root: &Place) {
        if self.draft.workloads.is_empty() && !self.sink.has_errors() {
            let help = "name manifests or a compose file under `include`, or groups under `synthetic`";
            self.sink.help(NOTHING_TO_RUN, &root.at("spec").key(), "the scenario has no workload", help);
        }
        if spec.traffic.is_empty() {
            self.sink.report(UNUSED, &root.at("spec").key(), "the scenario has no traffic, so nobody asks anybody");
        }
    }

    fn override_all(&mut self, tree: &mut Value, overrides: &Overrides) {
        let seed = overrides.seed.iter().map(|seed| ("seed".to_owned(), seed.to_string(), format!("--seed {seed}")));
        let set = overrides.set.iter().map(|(path, text)| (path.clone(), text.clone(), format!("--set {path}={text}")));
        for (path, text, shown) in set.chain(seed) {
            let source = Source { name: "command line".to_owned(), text: shown };
            let number = self.sink.add_source(source, SpanIndex::default());
            let place = Place::document(number, 0);
            match yaml::parse_value(&text) {
                Ok(value) => self.override_one(tree, &path, value, &place),
                Err(message) => self.sink.report(UNKNOWN_PATH, &place, message),
            }
        }
    }

    fn override_one(&mut self, tree: &mut Value, path: &str, value: Value, place: &Place) {
        let head = path.split('.').next().unwrap_or_default();
        if ["arms", "include", "synthetic", "expect"].contains(&head) && place.source == 0 {
            let message = format!("`{head}` is shared by all arms, so no arm can set it");
            self.sink.report(UNKNOWN_PATH, &place.key(), message);
            return;
        }
        match overrides::set(tree, path, value, &self.paths) {
            Ok(pointer) => self.sink.override_place(pointer, place.clone()),
            Err(bad) => self.sink.help(UNKNOWN_PATH, &place.key(), bad.message, &bad.help),
        }
    }

    fn include_all(&mut self, spec: &Spec, place: &Place, effective: &mut String) {
        let place = place.at("include");
        for (index, path) in spec.include.iter() {
            let full = self.base.join(path);
            match self.files.read(&full) {
                Ok(text) => {
                    let source = Source { name: full.display().to_string(), text };
                    let documents = self.parse(source);
                    let number = self.sink.sources.len() - 1;
                    effective.extend(["--- include ", path, "\n"]);
                    for (document, value) in documents.iter().enumerate() {
                        effective.push_str(&canonical(value));
                        effective.push('\n');
                        import(value, &Place::document(number, document), &mut self.draft, &mut self.sink);
                    }
                }
                Err(error) => {
                    self.sink.incomplete = true;
                    let message = format!("cannot read {}: {error}", full.display());
                    let help = "paths are relative to the folder of the scenario file";
                    self.sink.help(UNREADABLE, &place.item(index), message, help);
                }
            }
        }
    }
}

/// A file's name without folders and ending.
pub(crate) fn stem(name: &str) -> String {
    Path::new(name).file_stem().map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned())
}
