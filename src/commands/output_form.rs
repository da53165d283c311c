//! In which form a report goes out, and where to: standard output, and a folder when one was named.

use std::io::Write;
use std::path::{Path, PathBuf};

use reports::html::MOST_FAILED;
use reports::report::{RENDERERS, Renderer, Report, renderer};
use reports::svg::{DRAWINGS, Drawing, MOST_ARMS, drawing};

use crate::failure::Failure;
use crate::listed::{NONE, each_once, files_asked_for, unknown};
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

    fn is_pictured(self) -> bool {
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

/// The reports that a folder can hold, by format.
const FILES: [(&str, &str); 3] = [("text", "report.txt"), ("json", "report.json"), ("html", "report.html")];

/// The reports that go into the folder of `-o`.
pub(super) struct FolderReports {
    files: Vec<(&'static Renderer, PathBuf)>,
}

impl FolderReports {
    /// What `--report` asks for; adds everything that is wrong with it.
    pub(super) fn of(folder: Option<&Path>, asked: &[String], wrong: &mut Vec<String>) -> Self {
        let formats = FILES.map(|(format, _)| format);
        let names = files_asked_for("--report", asked, folder, &formats, wrong);
        let find = |name: &str| {
            let file = FILES.iter().find(|(format, _)| *format == name);
            let file = file.and_then(|(format, file)| Some((renderer(format)?, *file)));
            file.ok_or_else(|| unknown("--report", name, "form", &[&formats[..], &[NONE]].concat()))
        };
        let found = each_once(names, find, |(_, file)| file, wrong);
        let folder = folder.unwrap_or(Path::new(""));
        Self { files: found.into_iter().map(|(renderer, file)| (renderer, folder.join(file))).collect() }
    }

    fn are_pictured(&self) -> bool {
        self.files.iter().any(|(renderer, _)| renderer.pictured)
    }
}

/// How many failed requests are told of each arm, so that a page with all arms does not show too many; `None` when nobody
/// looks at pictures, so that none need be gathered.
pub(super) fn pictures(form: Form, reports: &FolderReports, arms: usize) -> Option<usize> {
    (form.is_pictured() || reports.are_pictured()).then(|| MOST_FAILED / arms.clamp(1, MOST_ARMS))
}

/// Writes the report into its folder and to standard output; only then an expectation may fail the command.
pub(super) fn deliver(report: &Report, form: Form, reports: &FolderReports) -> Result<(), Failure> {
    for (renderer, path) in &reports.files {
        write_file(path, |output| (renderer.render)(report, output))?;
    }
    let mut text = Vec::new();
    form.render(report, &mut text)?;
    if let (Form::Svg(drawing), true) = (form, text.is_empty()) {
        return Err(Failure::Usage(format!("there is nothing to draw: {}", drawing.summary)));
    }
    std::io::stdout().write_all(&text)?;
    if report.passed() { Ok(()) } else { Err(Failure::Expectation) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_gathered_for_who_shows_them() {
        let form = |name| Form::chosen(name, None, &[]).expect("it is a format");
        let svg = Form::chosen("text", Some("latency"), &[]).expect("it is a drawing");
        let out = Some(Path::new("out"));
        for (form, folder, asked, gathered) in [
            (form("text"), None, &[][..], false),
            (form("html"), None, &[], true),
            (svg, None, &[], true),
            (form("text"), out, &[], true),
            (form("text"), out, &["json", "html"], true),
            (form("text"), out, &["json", "text"], false),
            (form("json"), out, &["none"], false),
            (form("html"), out, &["none"], true),
        ] {
            let asked: Vec<String> = asked.iter().map(|name: &&str| (*name).to_owned()).collect();
            let mut wrong = Vec::new();
            let reports = FolderReports::of(folder, &asked, &mut wrong);
            assert_eq!(wrong, Vec::<String>::new());
            assert_eq!(pictures(form, &reports, 1).is_some(), gathered, "{asked:?}");
        }
    }
}
