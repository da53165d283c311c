//! The page as a whole: head, policy, the answer, and its parts in order.

use std::io::Write;

use super::sections::{Part, parts};
use super::{SCRIPT, SCRIPT_DIGEST, STYLE};
use crate::report::{Report, answers, headline};
use crate::svg::{self, escape};

/// Writes the report.
pub(crate) fn render(report: &Report, output: &mut dyn Write) -> std::io::Result<()> {
    let parts = parts(report);
    head(report, output)?;
    writeln!(output, "<body>\n<header>\n<h1><bdi>{}</bdi></h1>", escape(&report.scenario.name))?;
    writeln!(output, "<p class=\"soft\"><bdi>{}</bdi></p>\n</header>", escape(&headline(report)))?;
    writeln!(output, "<nav aria-label=\"Parts of the report\"><a href=\"#answer\">Answer</a>")?;
    for part in &parts {
        writeln!(output, "<a href=\"#{}\">{}</a>", part.id, escape(&part.title))?;
    }
    writeln!(output, "</nav>\n<main>")?;
    answer(report, output)?;
    for part in &parts {
        write_part(part, output)?;
    }
    let version = escape(&report.podwire);
    writeln!(output, "</main>\n<footer class=\"soft\">Made by podwire {version}. This page loads nothing.</footer>")?;
    writeln!(output, "<script>{SCRIPT}</script>\n</body>\n</html>")
}

fn head(report: &Report, output: &mut dyn Write) -> std::io::Result<()> {
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{}'; base-uri 'none'; \
         form-action 'none'",
        SCRIPT_DIGEST.trim()
    );
    writeln!(output, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
    writeln!(output, "<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">")?;
    writeln!(output, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
    writeln!(output, "<meta name=\"color-scheme\" content=\"light dark\">")?;
    // Without an icon of its own a page makes browsers ask for one.
    writeln!(output, "<link rel=\"icon\" href=\"data:,\">")?;
    writeln!(output, "<title>{} - podwire</title>", escape(&report.scenario.name))?;
    writeln!(output, "<style>\n{STYLE}{}</style>\n</head>", svg::STYLE)
}

/// One sentence per arm, and whether the expectations were met.
fn answer(report: &Report, output: &mut dyn Write) -> std::io::Result<()> {
    writeln!(output, "<section id=\"answer\" aria-label=\"Answer\">\n<dl class=\"answer\">")?;
    for (arm, sentence) in answers(report) {
        let (first, rest) = sentence.split_once("; ").unwrap_or((sentence.as_str(), ""));
        write!(output, "<div><dt><bdi>{}</bdi></dt><dd><strong>{}</strong>", escape(&arm), escape(first))?;
        if !rest.is_empty() {
            write!(output, "; <bdi>{}</bdi>", escape(rest))?;
        }
        writeln!(output, "</dd></div>")?;
    }
    writeln!(output, "</dl>")?;
    if !report.expectations.is_empty() {
        let failed = report.expectations.iter().filter(|expectation| !expectation.pass).count();
        let (class, words) = match failed {
            0 => ("pass", "\u{2713} every expectation was met".to_owned()),
            _ => ("fail", format!("\u{2717} {failed} of {} expectations were not met", report.expectations.len())),
        };
        writeln!(output, "<p class=\"{class}\"><a href=\"#expectations\">{words}</a></p>")?;
    }
    writeln!(output, "</section>")
}

fn write_part(part: &Part, output: &mut dyn Write) -> std::io::Result<()> {
    let (id, title) = (&part.id, escape(&part.title));
    writeln!(output, "<section id=\"{id}\" aria-labelledby=\"h-{id}\">\n<h2 id=\"h-{id}\">{title}</h2>")?;
    output.write_all(part.body.as_bytes())?;
    writeln!(output, "</section>")
}
