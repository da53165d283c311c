//! Rows and columns as kubectl's printer sets them: three spaces between columns, the last one as long as it is.
//! Knows no object.

use sim_core::kernel::time::SimTime;

use super::age;

/// One entry of a row. Two rows of an object differ when the object does, not because time passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// Words.
    Text(String),
    /// The time since then.
    Since(SimTime),
    /// How often, and when last: `1 (5s ago)`.
    Times(u64, Option<SimTime>),
}

impl Cell {
    pub(super) fn text(words: impl Into<String>) -> Self {
        Self::Text(words.into())
    }

    /// kubectl's word for what is not there.
    pub(super) fn or_none(words: Option<String>) -> Self {
        Self::Text(words.unwrap_or_else(|| "<none>".to_owned()))
    }

    pub(super) fn show(&self, at: SimTime) -> String {
        match self {
            Self::Text(words) => words.clone(),
            Self::Since(time) => age(at.since(*time)),
            Self::Times(count, None) => count.to_string(),
            Self::Times(count, Some(last)) => format!("{count} ({} ago)", age(at.since(*last))),
        }
    }
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Its name, for `-o name`.
    pub(super) name: String,
    /// Tells it from every other one, also of the same name.
    pub(super) id: u64,
    pub(super) cells: Vec<Cell>,
}

/// Objects under titles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) titles: Vec<&'static str>,
    pub(super) rows: Vec<Row>,
}

impl Table {
    /// Title and rows, with ages as of `at`.
    pub(super) fn render(&self, at: SimTime) -> String {
        let mut columns = Columns::default();
        let rows: Vec<Vec<String>> = self.rows.iter().map(|row| shown(row, at)).collect();
        let titles: Vec<String> = self.titles.iter().map(|title| (*title).to_owned()).collect();
        columns.lines(std::iter::once(titles).chain(rows).collect())
    }
}

/// The texts of a row.
pub(super) fn shown(row: &Row, at: SimTime) -> Vec<String> {
    row.cells.iter().map(|cell| cell.show(at)).collect()
}

/// How wide columns are. Rows that come later keep to it, and widen what is too narrow.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns(Vec<usize>);

impl Columns {
    /// The rows as lines.
    pub(super) fn lines(&mut self, rows: Vec<Vec<String>>) -> String {
        for row in &rows {
            self.0.resize(self.0.len().max(row.len()), 0);
            for (width, cell) in self.0.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut out = String::new();
        for row in rows {
            for (column, cell) in row.iter().enumerate() {
                out.push_str(cell);
                if column + 1 < row.len() {
                    out.push_str(&" ".repeat(self.0[column] - cell.chars().count() + 3));
                }
            }
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
        }
        out
    }
}
