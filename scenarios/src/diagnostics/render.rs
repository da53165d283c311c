//! Diagnostics for people: with the source line, through miette.

use std::fmt;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, Severity as MietteSeverity,
    SourceCode, SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};

use super::lines::Lines;
use super::{Diagnostic, Severity, Source};

/// All diagnostics as text, each with `file:line:column` and its source line.
pub fn render(diagnostics: &[Diagnostic], sources: &[Source], color: bool) -> String {
    let styles = if color { ThemeStyles::ansi() } else { ThemeStyles::none() };
    let theme = GraphicalTheme { characters: ThemeCharacters::unicode(), styles };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(120).with_links(false).with_context_lines(1);
    let mut out = String::new();
    let texts: Vec<Text<'_>> = sources.iter().map(|source| Text { source, lines: Lines::of(&source.text) }).collect();
    for diagnostic in diagnostics {
        let Some(text) = texts.get(diagnostic.source) else { continue };
        let shown = Shown { diagnostic, text };
        // Writing into a String cannot fail; a report that miette cannot draw is still told in one line.
        if handler.render_report(&mut out, &shown).is_err() {
            out.push_str(&shown.to_string());
        }
        out.push('\n');
    }
    out
}

/// A source whose lines are found without reading it from its beginning.
struct Text<'a> {
    source: &'a Source,
    lines: Lines,
}

impl SourceCode for Text<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let Source { name, text } = self.source;
        if !text.is_char_boundary(span.offset()) {
            return Err(MietteError::OutOfBounds);
        }
        // One line more than is shown, so that what is shown begins where a line does.
        let skipped = self.lines.place(text, span.offset()).0.saturating_sub(lines_before + 2);
        let begin = self.lines.start(skipped + 1);
        let inside = SourceSpan::new((span.offset() - begin).into(), span.len());
        let found = text[begin..].read_span(&inside, lines_before, lines_after)?;
        let place = SourceSpan::new((found.span().offset() + begin).into(), found.span().len());
        let (line, lines) = (found.line() + skipped, found.line_count() + skipped);
        Ok(Box::new(MietteSpanContents::new_named(name.clone(), found.data(), place, line, found.column(), lines)))
    }
}

struct Shown<'a> {
    diagnostic: &'a Diagnostic,
    text: &'a Text<'a>,
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
        if span.is_none() { write!(f, " ({}:{line}:{column})", self.text.source.name) } else { Ok(()) }
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
        self.diagnostic.span.map(|_| self.text as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.diagnostic.span?;
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(Some(self.diagnostic.label.clone()), span))))
    }
}
