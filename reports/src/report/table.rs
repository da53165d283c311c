//! Tables of text, at most 100 columns wide.

/// The widest line of a text report.
pub(crate) const WIDTH: usize = 100;

/// A table: one header, rows, and which columns hold numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// Column titles; a title that starts with `>` is of a column of numbers.
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(header: &[&str]) -> Self {
        Self { header: header.iter().map(|title| (*title).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// True without rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Column titles and whether each is of numbers.
    pub(crate) fn titles(&self) -> impl Iterator<Item = (&str, bool)> {
        self.header.iter().map(|title| title.strip_prefix('>').map_or((title.as_str(), false), |title| (title, true)))
    }

    /// The rows.
    pub(crate) fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }

    /// Lines of the table, each indented by two.
    pub(crate) fn lines(&self) -> Vec<String> {
        let titles: Vec<(&str, bool)> = self.titles().collect();
        let widest = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain(std::iter::once(titles[column].0.chars().count())).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..titles.len()).map(widest).collect();
        shrink(&mut widths, &titles);
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut out = String::from(" ");
            for ((cell, width), (_, number)) in cells.zip(&widths).zip(&titles) {
                let cell = elide(cell, *width);
                let fill = " ".repeat(width.saturating_sub(cell.chars().count()));
                out.push(' ');
                let (left, right) = if *number { (fill, cell) } else { (cell, fill) };
                out.push_str(&left);
                out.push_str(&right);
                out.push(' ');
            }
            out.trim_end().to_owned()
        };
        let mut lines = vec![line(&mut titles.iter().map(|(title, _)| *title))];
        lines.extend(self.rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
        lines
    }
}

/// Takes width from the widest columns of text until the table fits.
fn shrink(widths: &mut [usize], titles: &[(&str, bool)]) {
    loop {
        let total: usize = widths.iter().map(|width| width + 2).sum();
        if total < WIDTH {
            return;
        }
        let texts = widths.iter().enumerate().filter(|(column, _)| !titles[*column].1);
        let Some((column, width)) = texts.max_by_key(|(_, width)| **width).map(|(column, width)| (column, *width))
        else {
            return;
        };
        if width <= 8 {
            return;
        }
        widths[column] = width - 1;
    }
}

/// Takes the middle out of a text that is too wide, because both ends of a name tell things apart.
fn elide(text: &str, width: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(2);
    let tail = kept / 2;
    let head: String = letters[..kept - tail].iter().collect();
    let tail: String = letters[letters.len() - tail..].iter().collect();
    format!("{head}..{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_tables_are_cut_in_the_middle_of_names() {
        let mut table = Table::new(&["NAME", "OTHER", ">N"]);
        table.row(vec!["a".repeat(80), "b".repeat(60), "12".to_owned()]);
        let lines = table.lines();
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:?}");
        assert!(lines[1].ends_with("12") && lines[1].contains("aa..aa"));
    }
}
