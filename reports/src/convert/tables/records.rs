//! A row for every record. Knows no file format.

use sim_core::trace::{Record, TraceHeader};

use super::{Cell, Column, Kind, Row, Table, TableInfo, column, number};
use crate::trace_io::JsonlLine;

/// The table.
pub(super) const INFO: TableInfo = TableInfo {
    name: "records",
    doc: "a row for every record",
    columns: COLUMNS,
    begin: |header| Box::new(Records::new(header)),
};

const COLUMNS: &[Column] = &[
    column("id", Kind::Number, "its number"),
    column("time_ns", Kind::Number, "when it was written"),
    column("cause", Kind::Number, "the record that triggered it; empty for a root"),
    column("because", Kind::Number, "the record that decided it, if one did"),
    column("kind", Kind::Text, "what happened"),
    column("fields", Kind::Text, "what else it says, as a JSON object"),
];

/// What stands between the kind and the fields of a line.
const KIND: &str = "\"kind\":\"";

struct Records {
    lines: JsonlLine,
}

impl Records {
    fn new(header: &TraceHeader) -> Self {
        Self { lines: JsonlLine::new(header) }
    }

    /// The fields of a record's line that no other column has.
    fn fields(&mut self, record: &Record) -> String {
        let line = self.lines.line(record);
        let behind_kind = line.find(KIND).map_or("", |place| &line[place + KIND.len()..]);
        let behind = behind_kind.split_once('"').map_or("}", |(_, fields)| fields);
        format!("{{{}", behind.trim_start_matches(','))
    }
}

impl Table for Records {
    fn take(&mut self, record: &Record, rows: &mut Vec<Row>) {
        self.lines.learn(record);
        let given = |id: u64| number((id > 0).then_some(id));
        rows.push(vec![
            Cell::Number(record.id),
            Cell::Number(record.time.as_nanos()),
            given(record.cause),
            given(record.because),
            Cell::Text(record.body.kind().to_owned()),
            Cell::Text(self.fields(record)),
        ]);
    }

    fn finish(&mut self, _rows: &mut Vec<Row>) {}
}
