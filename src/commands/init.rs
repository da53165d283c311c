//! `podwire init`: a scenario from manifests and compose files alone.

use std::io::Write;
use std::path::{Path, PathBuf};

use scenarios::init::{InitSource, init, stream};
use scenarios::{Diagnostic, Severity};

use crate::args::InitArgs;
use crate::failure::Failure;
use crate::session;

pub(super) fn execute(args: &InitArgs) -> Result<(), Failure> {
    let texts: Vec<InitSource> = read(&args.files)?;
    let following: Vec<String> =
        texts.iter().filter(|text| text.follows).map(|text| text.source.text.clone()).collect();
    let made = init(texts);
    let files: Vec<&PathBuf> = args.files.iter().collect();
    // What notes tell stands in the scenario as comments.
    let told: Vec<Diagnostic> =
        made.diagnostics.iter().filter(|item| item.severity != Severity::Note).cloned().collect();
    session::tell_summarised(&told, &made.sources, made.ignored, &files, args.quiet)?;
    let scenario = made.scenario.ok_or(Failure::Invalid)?;
    let following: Vec<&str> = following.iter().map(String::as_str).collect();
    std::io::stdout().write_all(stream(&scenario, &following).as_bytes())?;
    Ok(())
}

fn read(files: &[PathBuf]) -> Result<Vec<InitSource>, Failure> {
    let standard_input = |path: &&PathBuf| path.as_path() == Path::new("-");
    if files.iter().filter(standard_input).count() > 1 {
        return Err(Failure::Usage("standard input can be read once: give `-` once".to_owned()));
    }
    let one = |path: &PathBuf| {
        let (source, _) = session::read_source(path)?;
        Ok(InitSource { source, follows: standard_input(&path) })
    };
    files.iter().map(one).collect()
}
