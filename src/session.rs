//! From a typed file name to a loaded scenario: reading, telling what is wrong with it.

use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use reports::metrics::METRICS;
use scenarios::{BoundUnit, Diagnostic, Loaded, Overrides, Scenario, Severity, Source};

use crate::args::ScenarioArgs;
use crate::failure::Failure;

/// Reads a file of the disk, for includes.
pub(crate) fn read_disk(path: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}

/// The metrics that expectations may name.
pub fn metrics() -> Vec<scenarios::Metric<'static>> {
    let unit = |unit: &str| if unit == "ns" { BoundUnit::Nanoseconds } else { BoundUnit::Number };
    METRICS.iter().map(|metric| (metric.name, unit(metric.unit))).collect()
}

/// Loads a scenario's text; includes are read from the disk, relative to `base`.
pub fn load_text(source: Source, base: &Path, overrides: &Overrides) -> Loaded {
    scenarios::load(source, base, &read_disk, overrides, &metrics())
}

/// Loads a scenario file.
pub fn load_file(path: &Path, overrides: &Overrides) -> std::io::Result<Loaded> {
    let text = read_disk(path)?;
    let source = Source { name: path.display().to_string(), text };
    Ok(load_text(source, path.parent().unwrap_or(Path::new("")), overrides))
}

/// Reads the main file; `-` is standard input, whose includes are relative to the current folder.
pub(crate) fn read_source(path: &Path) -> Result<(Source, PathBuf), Failure> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| Failure::io(Path::new("standard input"), &error))?;
        return Ok((Source { name: "standard input".to_owned(), text }, PathBuf::from(".")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| Failure::io(path, &error))?;
    let base = path.parent().map(Path::to_path_buf).unwrap_or_default();
    Ok((Source { name: path.display().to_string(), text }, base))
}

/// The code of the warning that counts a foreign file's keys without a model.
const IGNORED_KEYS: &str = "W0101";

/// What was typed that changes a scenario.
pub(crate) fn overrides(args: &ScenarioArgs) -> Overrides {
    Overrides { seed: args.seed, set: args.set.clone(), strict: args.strict, ..Overrides::default() }
}

/// Loads a scenario, perhaps under another seed, and tells what there is to tell.
pub(crate) fn load(args: &ScenarioArgs) -> Result<Input, Failure> {
    load_with(args, overrides(args))
}

/// Loads a scenario with these changes, and tells what there is to tell.
pub(crate) fn load_with(args: &ScenarioArgs, overrides: Overrides) -> Result<Input, Failure> {
    let (source, base) = read_source(&args.file)?;
    let loaded = load_text(source.clone(), &base, &overrides);
    tell_summarised(&loaded.diagnostics, &loaded.sources, loaded.ignored.len(), &[&args.file], args.quiet)?;
    let scenario = loaded.scenario.ok_or(Failure::Invalid)?;
    Ok(Input { source, base, overrides, scenario })
}

/// A scenario, with its text, so that it can be loaded under every seed.
pub(crate) struct Input {
    source: Source,
    base: PathBuf,
    overrides: Overrides,
    scenario: Scenario,
}

impl Input {
    /// The scenario as typed.
    pub(crate) fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The scenario with further values changed, if there can be such a one; nothing is told of what is wrong with it.
    pub(crate) fn changed(&self, set: &[(String, String)]) -> Option<Scenario> {
        let set = self.overrides.set.iter().chain(set).cloned().collect();
        self.under(&Overrides { set, ..self.overrides.clone() })
    }

    /// The scenario under another seed.
    pub(crate) fn under_seed(&self, seed: u64) -> Result<Scenario, Failure> {
        self.under(&Overrides { seed: Some(seed), ..self.overrides.clone() }).ok_or(Failure::Invalid)
    }

    fn under(&self, overrides: &Overrides) -> Option<Scenario> {
        load_text(self.source.clone(), &self.base, overrides).scenario
    }
}

/// Prints errors and warnings as they are, a line for each note, and one for the `keys` keys without a model that says
/// how to list them. `podwire check` shows everything with its place.
pub(crate) fn tell_summarised(
    diagnostics: &[Diagnostic],
    sources: &[Source],
    keys: usize,
    files: &[&PathBuf],
    quiet: bool,
) -> Result<(), Failure> {
    let (notes, rest): (Vec<&Diagnostic>, Vec<&Diagnostic>) =
        diagnostics.iter().partition(|item| item.severity == Severity::Note);
    let (ignored, rest): (Vec<&Diagnostic>, Vec<&Diagnostic>) =
        rest.into_iter().partition(|item| item.code == IGNORED_KEYS && item.severity != Severity::Error);
    let rest: Vec<Diagnostic> = rest.into_iter().cloned().collect();
    tell(&rest, sources, quiet)?;
    if quiet {
        return Ok(());
    }
    let mut stderr = std::io::stderr();
    for (message, times) in once_each(&notes) {
        let times = if times > 1 { format!(" ({times} times)") } else { String::new() };
        writeln!(stderr, "note: {message}{times}")?;
    }
    if !ignored.is_empty() {
        let typed: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        let (explain, files) = (format!("podwire check --explain-ignored {}", typed.join(" ")), ignored.len());
        writeln!(stderr, "warning: {keys} keys of {files} files are not modelled; `{explain}` lists them")?;
    }
    Ok(())
}

/// Messages in the order of their first place, and at how many places they stand.
fn once_each<'a>(notes: &[&'a Diagnostic]) -> Vec<(&'a str, usize)> {
    let mut shown: Vec<(&str, usize)> = Vec::new();
    for note in notes {
        match shown.iter_mut().find(|(message, _)| *message == note.message) {
            Some((_, times)) => *times += 1,
            None => shown.push((&note.message, 1)),
        }
    }
    shown
}

/// Prints diagnostics on standard error; warnings and notes only when not `quiet`.
pub(crate) fn tell(diagnostics: &[Diagnostic], sources: &[Source], quiet: bool) -> Result<(), Failure> {
    let shown: Vec<Diagnostic> =
        diagnostics.iter().filter(|item| !quiet || item.severity == Severity::Error).cloned().collect();
    if !shown.is_empty() {
        let text = scenarios::render(&shown, sources, use_color());
        std::io::stderr().write_all(text.as_bytes())?;
    }
    Ok(())
}

fn use_color() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
