//! Diagnostics for people: with the source line, through miette.

use std::fmt;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity as MietteSeverity, SourceCode,
    ThemeCharacters, ThemeStyles,
};

use super::{Diagnostic, Severity, Source};

/// All diagnostics as text, each with `file:line:column` and its source line.
pub fn render(diagnostics: &[Diagnostic], sources: &[Source], color: bool) -> String {
    let styles = if color { ThemeStyles::ansi() } else { ThemeStyles::none() };
    let theme = GraphicalTheme { characters: ThemeCharacters::unicode(), styles };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(120).with_links(false).with_context_lines(1);
    let mut out = String::new();
    for diagnostic in diagnostics {
        let Some(source) = sources.get(diagnostic.source) else { continue };
        let shown = Shown { diagnostic, source: NamedSource::new(&source.name, source.text.clone()) };
        // Writing into a String cannot fail; a report that miette cannot draw is still told in one line.
        if handler.render_report(&mut out, &shown).is_err() {
            out.push_str(&shown.to_string());
        }
        out.push('\n');
    }
    out
}

struct Shown<'a> {
    diagnostic: &'a Diagnostic,
    source: NamedSource<String>,
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic { severity, message, line, column, span, .. } = self.diagnostic;
        write!(f, "{}: {message}", severity.name())?;
        // With a span the frame around the source line names the place.
        if span.is_none() { write!(f, " ({}:{line}:{column})", self.source.name()) } else { Ok(()) }
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.diagnostic.code))
    }

    fn severity(&self) -> Option<MietteSeverity> {
        Some(match self.diagnostic.severity {
            Severity::Error => MietteSeverity::Error,
            Severity::Warning => MietteSeverity::Warning,
            Severity::Note => MietteSeverity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.diagnostic.span.map(|_| &self.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.diagnostic.span?;
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(Some(self.diagnostic.label.clone()), span))))
    }
}
