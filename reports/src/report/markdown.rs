//! The text report's answer and tables as Markdown, for a pull request.

use std::io::Write;

use super::Report;
use super::sections::{answers, sections};
use super::text::headline;

/// Writes the report.
pub(super) fn render(report: &Report, output: &mut dyn Write) -> std::io::Result<()> {
    writeln!(output, "{}\n", escape(&headline(report)))?;
    for (arm, sentence) in answers(report) {
        writeln!(output, "- **{}**: {}", escape(&arm), escape(&sentence))?;
    }
    for (_, section) in sections(report) {
        writeln!(output, "\n### {}\n", escape(&section.title))?;
        if !section.table.is_empty() {
            let titles: Vec<(&str, bool)> = section.table.titles().collect();
            let names: Vec<&str> = titles.iter().map(|(title, _)| *title).collect();
            let rules: Vec<&str> = titles.iter().map(|(_, number)| if *number { "---:" } else { "---" }).collect();
            writeln!(output, "| {} |\n| {} |", names.join(" | "), rules.join(" | "))?;
            for row in section.table.rows() {
                let cells: Vec<String> = row.iter().map(|cell| escape(cell)).collect();
                writeln!(output, "| {} |", cells.join(" | "))?;
            }
            writeln!(output)?;
        }
        for note in &section.notes {
            writeln!(output, "- {}", escape(note.trim_start()))?;
        }
    }
    Ok(())
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '|' | '*' | '_' | '`' | '<' | '[' | ']' | '#') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}
