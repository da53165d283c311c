//! Tables of a trace: one file per table. Knows no file format.

mod instances;
mod records;
mod requests;

use sim_core::trace::{Record, TraceHeader};

use super::error::ConvertError;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// An integer.
    Number,
    /// Yes or no.
    Flag,
}

/// A column of a table. Any cell may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name; one that ends in `_ns` holds nanoseconds, times since the start of the run.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What it means.
    pub doc: &'static str,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Text(String),
    Number(u64),
    Flag(bool),
    Nothing,
}

/// A row, with a cell for each column.
pub(super) type Row = Vec<Cell>;

/// A table while its trace is read.
pub(super) trait Table {
    /// Takes the next record and adds the rows that it completes.
    fn take(&mut self, record: &Record, rows: &mut Vec<Row>);

    /// Adds the rows that nothing completed.
    fn finish(&mut self, rows: &mut Vec<Row>);
}

/// A table that a trace can be written as.
pub struct TableInfo {
    /// What it is called.
    pub name: &'static str,
    /// What its rows are.
    pub doc: &'static str,
    /// Its columns in order.
    pub columns: &'static [Column],
    begin: fn(&TraceHeader) -> Box<dyn Table>,
}

/// All tables; the first one is written when none is named.
pub const TABLES: &[TableInfo] = &[requests::INFO, records::INFO, instances::INFO];

/// The table of this name.
pub(super) fn find(name: &str) -> Result<&'static TableInfo, ConvertError> {
    TABLES.iter().find(|table| table.name == name).ok_or_else(|| {
        let known: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        ConvertError::NoTable { name: name.to_owned(), known: known.join(", ") }
    })
}

impl TableInfo {
    /// An empty table for a trace with this header.
    pub(super) fn begin(&self, header: &TraceHeader) -> Box<dyn Table> {
        (self.begin)(header)
    }
}

/// A column.
const fn column(name: &'static str, kind: Kind, doc: &'static str) -> Column {
    Column { name, kind, doc }
}

fn number(value: Option<u64>) -> Cell {
    value.map_or(Cell::Nothing, Cell::Number)
}

fn text(value: Option<String>) -> Cell {
    value.map_or(Cell::Nothing, Cell::Text)
}
