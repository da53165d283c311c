//! `podwire check`: what is wrong with a scenario, a manifest or a compose file, without running it.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use reports::report::Theory;
use scenarios::{Checked, Diagnostic, Overrides, Scenario, Severity, Source};
use serde_json::{Value, json};

use crate::args::{CheckArgs, CheckFormat};
use crate::failure::Failure;
use crate::{session, theory};

pub(super) fn execute(args: &CheckArgs) -> Result<(), Failure> {
    let mut findings = Vec::new();
    let mut invalid = false;
    let mut text = String::new();
    for path in &args.files {
        let checked = check_file(path, args)?;
        invalid |= checked.loaded.has_errors();
        match args.format {
            CheckFormat::Json => findings.push(as_json(path, &checked)),
            CheckFormat::Text => describe(&mut text, path, &checked, args)?,
        }
    }
    if args.format == CheckFormat::Json {
        text = serde_json::to_string_pretty(&findings).unwrap_or_default();
        text.push('\n');
    }
    std::io::stdout().write_all(text.as_bytes())?;
    if invalid { Err(Failure::Invalid) } else { Ok(()) }
}

fn check_file(path: &Path, args: &CheckArgs) -> Result<Checked, Failure> {
    let (source, base) = session::read_source(path)?;
    let overrides = Overrides { set: args.set.clone(), strict: args.strict, ..Overrides::default() };
    Ok(scenarios::check(source, &base, &session::read_disk, &overrides, &session::metrics()))
}

/// One line per file on standard output, everything else on standard error.
fn describe(text: &mut String, path: &Path, checked: &Checked, args: &CheckArgs) -> Result<(), Failure> {
    let loaded = &checked.loaded;
    session::tell(&loaded.diagnostics, &loaded.sources, args.quiet)?;
    let shown = path.display();
    let kind = if checked.kind.is_empty() { "unknown" } else { checked.kind };
    let count = |severity| loaded.diagnostics.iter().filter(|item| item.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let verdict = if errors == 0 { "ok" } else { "invalid" };
    if !args.quiet {
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "{shown}: {verdict} ({kind}, {} workloads, {} services, {errors} errors, {warnings} warnings, {} ignored keys)",
            checked.workloads,
            checked.services,
            loaded.ignored.len(),
        );
        if let Some(scenario) = &loaded.scenario {
            text.push_str(&theory_of(scenario));
        }
    }
    if args.explain_ignored {
        for item in &loaded.ignored {
            let _ = writeln!(text, "{}", one_line(item, &loaded.sources));
        }
    }
    Ok(())
}

/// What theory gives: a line for each form, arms of the same figures together.
fn theory_of(scenario: &Scenario) -> String {
    let mut told: Vec<(Vec<&str>, Vec<Theory>)> = Vec::new();
    for arm in &scenario.arms {
        let figures = theory::of_arm(arm);
        let same = |known: &[Theory]| known.iter().map(figure).eq(figures.iter().map(figure));
        match told.iter_mut().find(|(_, known)| same(known)) {
            Some((arms, _)) => arms.push(&arm.name),
            None => told.push((vec![&arm.name], figures)),
        }
    }
    let mut text = String::new();
    for (arms, figures) in told.into_iter().filter(|(_, figures)| !figures.is_empty()) {
        let _ = writeln!(text, "  theory for {}:", arms.join(", "));
        for form in figures.chunk_by(|one, other| head(one) == head(other)) {
            let values: Vec<String> =
                form.iter().map(|given| format!("{} {}", given.quantity, given.value())).collect();
            let _ = writeln!(text, "    {}: {}", head(&form[0]), values.join(", "));
        }
    }
    text
}

/// What a line of figures begins with.
fn head(given: &Theory) -> String {
    let about = given.traffic.as_deref().or(given.fault.as_deref()).unwrap_or_default();
    format!("{about}, {} ({})", given.form, given.assumes)
}

/// Everything that is said of a figure but its arm.
fn figure(given: &Theory) -> (String, String, String) {
    (head(given), given.quantity.clone(), given.value())
}

fn one_line(item: &Diagnostic, sources: &[Source]) -> String {
    let source = sources.get(item.source).map_or("", |source| source.name.as_str());
    format!("{source}:{}:{}: {} {}", item.line, item.column, item.code, item.message)
}

fn as_json(path: &Path, checked: &Checked) -> Value {
    let sources = &checked.loaded.sources;
    let finding = |item: &Diagnostic| {
        json!({
            "code": item.code,
            "severity": item.severity.name(),
            "message": item.message,
            "file": sources.get(item.source).map(|source| source.name.as_str()),
            "line": item.line,
            "column": item.column,
            "help": item.help,
        })
    };
    json!({
        "file": path.display().to_string(),
        "kind": checked.kind,
        "workloads": checked.workloads,
        "services": checked.services,
        "valid": !checked.loaded.has_errors(),
        "diagnostics": checked.loaded.diagnostics.iter().map(finding).collect::<Vec<_>>(),
        "theory": checked.loaded.scenario.as_ref().map(theory_as_json),
        "ignored": checked.loaded.ignored.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn theory_as_json(scenario: &Scenario) -> Vec<Value> {
    let given = scenario.arms.iter().flat_map(theory::of_arm);
    let figure = |given: Theory| {
        json!({
            "arm": given.arm,
            "form": given.form,
            "traffic": given.traffic,
            "fault": given.fault,
            "quantity": given.quantity,
            "low": given.low,
            "high": given.high,
            "unit": given.unit,
            "assumes": given.assumes,
        })
    };
    given.map(figure).collect()
}
