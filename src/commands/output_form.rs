//! In which form a report goes out, and where to: standard output, and a folder when one was named.

use std::io::Write;
use std::path::Path;

use reports::html::MOST_FAILED;
use reports::report::{RENDERERS, Renderer, Report, renderer};
use reports::svg::{DRAWINGS, Drawing, MOST_ARMS, drawing};

use crate::failure::Failure;
use crate::output::write_file;

/// What standard output gets.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// The report in one of its formats.
    Report(&'static Renderer),
    /// One drawing of it.
    Svg(&'static Drawing),
}

impl Form {
    /// What was asked for; `others` are names of formats that the command knows besides.
    pub(super) fn chosen(format: &str, svg: Option<&str>, others: &[&str]) -> Result<Self, Failure> {
        if let Some(name) = svg {
            let known = || DRAWINGS.iter().map(|drawing| drawing.name).collect::<Vec<_>>().join(", ");
            let unknown = || Failure::Usage(format!("unknown drawing `{name}`; there are {}", known()));
            return drawing(name).map(Self::Svg).ok_or_else(unknown);
        }
        renderer(format).map(Self::Report).ok_or_else(|| {
            let known = RENDERERS.iter().map(|renderer| renderer.name);
            let known: Vec<&str> = known.chain(others.iter().copied()).collect();
            Failure::Usage(format!("unknown format `{format}`; there are {}", known.join(", ")))
        })
    }

    /// True when it needs what pictures are drawn from.
    pub(super) fn is_pictured(self) -> bool {
        match self {
            Self::Report(renderer) => renderer.pictured,
            Self::Svg(_) => true,
        }
    }

    fn render(self, report: &Report, output: &mut dyn Write) -> std::io::Result<()> {
        match self {
            Self::Report(renderer) => (renderer.render)(report, output),
            Self::Svg(drawing) => output.write_all(drawing.file(report).unwrap_or_default().as_bytes()),
        }
    }
}

/// How many failed requests are told of each arm, so that a page with all arms does not show too many.
pub(super) fn failed_per_arm(arms: usize) -> usize {
    MOST_FAILED / arms.clamp(1, MOST_ARMS)
}

/// The files of a folder, by format.
const FILES: [(&str, &str); 3] = [("text", "report.txt"), ("json", "report.json"), ("html", "report.html")];

/// Writes the report to `-o DIR` and to standard output; only then an expectation may fail the command.
pub(super) fn deliver(report: &Report, form: Form, folder: Option<&Path>) -> Result<(), Failure> {
    if let Some(folder) = folder {
        for (format, name) in FILES {
            let form = Form::chosen(format, None, &[])?;
            write_file(&folder.join(name), |output| form.render(report, output))?;
        }
    }
    let mut text = Vec::new();
    form.render(report, &mut text)?;
    if let (Form::Svg(drawing), true) = (form, text.is_empty()) {
        return Err(Failure::Usage(format!("there is nothing to draw: {}", drawing.summary)));
    }
    std::io::stdout().write_all(&text)?;
    if report.passed() { Ok(()) } else { Err(Failure::Expectation) }
}
