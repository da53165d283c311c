//! The report for a terminal: at most 100 columns, plain ASCII wherever the scenario's own names are.

use std::fmt::Write as _;
use std::io::Write;

use super::Report;
use super::sections::{answers, sections, seeds, shown_runs};
use super::table::WIDTH;

/// Writes the report.
pub(super) fn render(report: &Report, output: &mut dyn Write) -> std::io::Result<()> {
    wrap(output, &headline(report), 2)?;
    writeln!(output)?;
    let answers = answers(report);
    let widest = answers.iter().map(|(arm, _)| arm.chars().count()).max().unwrap_or(0).min(24);
    for (arm, sentence) in &answers {
        let fill = " ".repeat(widest.saturating_sub(arm.chars().count()));
        wrap(output, &format!("{arm}{fill}  {sentence}"), widest + 2)?;
    }
    for (_, section) in sections(report) {
        writeln!(output, "\n{}", section.title)?;
        if !section.table.is_empty() {
            for line in section.table.lines() {
                writeln!(output, "{line}")?;
            }
        }
        for note in &section.notes {
            wrap(output, &format!("  {note}"), 6)?;
        }
    }
    Ok(())
}

/// What was run, by whom, under which seed.
pub(crate) fn headline(report: &Report) -> String {
    let digest = report.scenario.digest.get(..12).unwrap_or(&report.scenario.digest);
    let mut line = format!("podwire {}, scenario {}", report.podwire, report.scenario.name);
    if !digest.is_empty() {
        let _ = write!(line, " ({digest})");
    }
    if let Some(run) = shown_runs(report).first() {
        let _ = write!(line, ", seed {}", run.seed);
    }
    let seeds = seeds(report);
    if seeds > 1 {
        let _ = write!(line, " of {seeds} (tables show this seed; differences cover all)");
    }
    line
}

/// Writes a line, broken at spaces, with the rest indented.
fn wrap(output: &mut dyn Write, text: &str, indent: usize) -> std::io::Result<()> {
    let lead: String = text.chars().take_while(|letter| *letter == ' ').collect();
    let mut line = lead.clone();
    let mut bare = true;
    for word in text[lead.len()..].split(' ') {
        let length = line.chars().count() + usize::from(!bare) + word.chars().count();
        if length > WIDTH && !bare {
            writeln!(output, "{}", line.trim_end())?;
            line = " ".repeat(indent);
            bare = true;
        }
        if !bare {
            line.push(' ');
        }
        line.push_str(word);
        bare = false;
    }
    writeln!(output, "{}", line.trim_end())
}
