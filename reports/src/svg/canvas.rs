//! A picture being drawn: elements of SVG with every text escaped and every number short, the same bytes everywhere.

use std::fmt::Write as _;

use crate::markup::escape;

/// A coordinate with at most one place after the point.
pub(crate) fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_owned(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

/// A text that is at most `width` letters long: the middle of a longer one goes, because both ends tell names apart.
pub(crate) fn fit(text: &str, width: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let tail = kept / 2;
    let head: String = letters[..kept - tail].iter().collect();
    let tail: String = letters[letters.len() - tail..].iter().collect();
    format!("{head}\u{2026}{tail}")
}

/// A drawing that grows downwards.
#[derive(Clone, Debug)]
pub(crate) struct Canvas {
    width: f64,
    height: f64,
    body: String,
}

impl Canvas {
    /// An empty drawing of this width.
    pub(crate) fn new(width: f64) -> Self {
        Self { width, height: 0.0, body: String::new() }
    }

    /// The drawing is at least so high.
    pub(crate) fn reach(&mut self, height: f64) {
        self.height = self.height.max(height);
    }

    /// Markup as it is: a constant of the drawing's own, never a text from outside.
    pub(crate) fn raw(&mut self, markup: &'static str) {
        self.body.push_str(markup);
    }

    /// Opens a group with these attributes, already escaped.
    pub(crate) fn open(&mut self, attributes: &str) {
        let _ = write!(self.body, "<g {attributes}>");
    }

    /// Closes the group that was opened last.
    pub(crate) fn close(&mut self) {
        self.body.push_str("</g>\n");
    }

    /// A rectangle; `more` are further attributes of the drawing's own, each with a space before it.
    pub(crate) fn rect(&mut self, class: &str, [x, y, width, height]: [f64; 4], more: &str) {
        let [x, y, width, height] = [x, y, width, height].map(short);
        let _ = write!(
            self.body,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"{more}/>"
        );
    }

    /// A rectangle that tells what it is to who points at it.
    pub(crate) fn told_rect(&mut self, class: &str, [x, y, width, height]: [f64; 4], title: &str) {
        let [x, y, width, height] = [x, y, width, height].map(short);
        let title = escape(title);
        let _ = write!(
            self.body,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"><title>{title}</title></rect>"
        );
    }

    /// A path from its commands.
    pub(crate) fn path(&mut self, class: &str, commands: &str) {
        let _ = write!(self.body, "<path class=\"{class}\" d=\"{commands}\"/>");
    }

    /// A path that tells what it is to who points at it.
    pub(crate) fn told_path(&mut self, class: &str, commands: &str, title: &str) {
        let _ = write!(self.body, "<path class=\"{class}\" d=\"{commands}\"><title>{}</title></path>", escape(title));
    }

    /// A text that begins, ends or stands in the middle at a point, as its class says.
    pub(crate) fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        let (x, y) = (short(x), short(y));
        let _ = write!(self.body, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escape(text));
    }

    /// The whole picture under a title for those who do not see it; `style` stands inside, for a file of its own.
    pub(crate) fn finish(self, name: &str, title: &str, style: Option<&str>) -> String {
        let (width, height) = (short(self.width), short(self.height));
        let style = style.map_or_else(String::new, |style| {
            format!("<style>\n{style}</style>\n<rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n")
        });
        let title = escape(title);
        let namespace = if style.is_empty() { "" } else { " xmlns=\"http://www.w3.org/2000/svg\"" };
        format!(
            "<svg{namespace} class=\"pw pw-{name}\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             role=\"img\" aria-label=\"{title}\">\n{style}{}</svg>\n",
            self.body
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_leave_its_place() {
        assert_eq!(
            escape("<script>alert(\"1\")</script>&'\u{1}\n"),
            "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;? "
        );
        let mut canvas = Canvas::new(10.0);
        canvas.text("a", 0.0, -0.04, "</text><script>");
        assert!(canvas.finish("x", "\"><b>", Some("")).matches('<').count() == 7);
    }

    #[test]
    fn numbers_and_texts_are_short() {
        assert_eq!([1.0, 0.25, -0.01, 12.34].map(short), ["1", "0.2", "0", "12.3"]);
        assert_eq!(fit("my-nginx-58bd8b5cdf-sbb2p", 12), "my-ngi\u{2026}sbb2p");
        assert_eq!(fit("short", 12), "short");
    }
}
