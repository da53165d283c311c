//! The report as JSON.

use std::io::Write;

use super::Report;

/// Writes the report, indented, with a newline at the end.
pub(super) fn render(report: &Report, output: &mut dyn Write) -> std::io::Result<()> {
    serde_json::to_writer_pretty(&mut *output, report)?;
    output.write_all(b"\n")
}
