//! What the tests of this crate share.

#![allow(dead_code, unused_imports)]

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use scenarios::{Checked, Diagnostic, Loaded, Overrides, Scenario, Source};

/// Metrics that the tests' expectations use.
pub(crate) const METRICS: &[&str] = &["request_success_rate", "outage_duration"];

/// The folder of the library.
pub(crate) fn library() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("library")
}

/// The folder of public manifests and compose files beside the workspace; they are never copied into it.
pub(crate) fn inputs() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/inputs");
    let given = std::env::var_os("PODWIRE_INPUTS").map(PathBuf::from);
    let folder = given.unwrap_or(beside);
    if !folder.is_dir() {
        println!("no {}: skipped", folder.display());
        return None;
    }
    Some(folder)
}

/// Loads a scenario from the disk.
pub(crate) fn load_file(path: &Path) -> Loaded {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let disk = |path: &Path| std::fs::read_to_string(path);
    scenarios::load(Source { name, text }, path.parent().unwrap(), &disk, &Overrides::default(), METRICS)
}

/// Loads a scenario with its files in memory.
pub(crate) fn load_with(text: &str, files: &[(&str, &str)], overrides: &Overrides) -> Loaded {
    let read = |path: &Path| {
        let found = files.iter().find(|(name, _)| Path::new(name) == path);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| Error::from(ErrorKind::NotFound))
    };
    let main = Source { name: "scenario.yaml".to_owned(), text: text.to_owned() };
    scenarios::load(main, Path::new(""), &read, overrides, METRICS)
}

/// Loads a scenario that must be right.
pub(crate) fn good(text: &str, files: &[(&str, &str)]) -> Scenario {
    let loaded = load_with(text, files, &Overrides::default());
    let said = scenarios::render(&loaded.diagnostics, &loaded.sources, false);
    let Some(scenario) = loaded.scenario else { panic!("does not load:\n{said}") };
    scenario
}

/// Everything there is to say about a scenario, as `code file:line:column`.
pub(crate) fn said(loaded: &Loaded) -> Vec<String> {
    loaded.diagnostics.iter().map(|item| place(item, loaded)).collect()
}

/// `code file:line:column` of one diagnostic.
pub(crate) fn place(item: &Diagnostic, loaded: &Loaded) -> String {
    format!("{} {}:{}:{}", item.code, loaded.sources[item.source].name, item.line, item.column)
}

/// Checks a text as a file of its own.
pub(crate) fn check_text(text: &str) -> Checked {
    let main = Source { name: "file.yaml".to_owned(), text: text.to_owned() };
    let none = |_: &Path| Err(Error::from(ErrorKind::NotFound));
    scenarios::check(main, Path::new(""), &none, &Overrides::default(), METRICS)
}
