//! `kubectl get -w`: the table once, then a line whenever an object changes. What changes within one instant is one line;
//! an object that goes is told once more as it last stood. Knows no file.

use std::collections::BTreeMap;
use std::io::Write;

use sim_core::kernel::time::SimTime;
use sim_core::trace::{Record, TraceHeader, TraceSink};

use super::table::{Cell, Columns, Row, shown};
use super::{ClusterState, Query, Resource, rows};

/// Follows a run's records and prints what changes.
pub struct Watch<W: Write> {
    state: ClusterState,
    resource: Resource,
    query: Query,
    until: SimTime,
    output: W,
    /// Objects as they were last printed.
    known: BTreeMap<(String, u64), Vec<Cell>>,
    columns: Columns,
    /// The titles stand above the first row, which may come late.
    titled: bool,
    /// Changes of the state that are printed; `None` before the first time.
    told: Option<u64>,
    written: std::io::Result<()>,
}

impl<W: Write> Watch<W> {
    /// Prints the table as of `from` and every change up to `until`, which is not earlier.
    pub fn new(
        header: &TraceHeader,
        resource: Resource,
        query: Query,
        (from, until): (SimTime, SimTime),
        output: W,
    ) -> Self {
        let state = ClusterState::new(header, from);
        let state = if resource == Resource::Events { state.with_events() } else { state };
        let columns = Columns::default();
        let known = BTreeMap::new();
        Self { state, resource, query, until, output, known, columns, titled: false, told: None, written: Ok(()) }
    }

    /// Prints what is left. Fails as the output did.
    pub fn finish(mut self) -> std::io::Result<()> {
        self.tell();
        self.written
    }

    /// Prints what has changed up to the instant at which the state stands.
    fn tell(&mut self) {
        if self.told == Some(self.state.changes) {
            return;
        }
        self.told = Some(self.state.changes);
        let table = rows::of(&self.state, self.resource, &self.query);
        let at = self.state.at;
        let mut lines: Vec<Vec<String>> = Vec::new();
        if !self.titled && !table.rows.is_empty() {
            self.titled = true;
            lines.push(table.titles.iter().map(|title| (*title).to_owned()).collect());
        }
        let mut before = std::mem::take(&mut self.known);
        for row in table.rows {
            let key = (row.name.clone(), row.id);
            if before.remove(&key).as_ref() != Some(&row.cells) {
                lines.push(shown(&row, at));
            }
            self.known.insert(key, row.cells);
        }
        // Events grow old and go without a word.
        if self.resource != Resource::Events {
            lines.extend(before.into_iter().map(|((name, id), cells)| shown(&Row { name, id, cells }, at)));
        }
        let text = self.columns.lines(lines);
        if self.written.is_ok() {
            self.written = self.output.write_all(text.as_bytes());
        }
    }
}

impl<W: Write> TraceSink for Watch<W> {
    fn record(&mut self, record: &Record) {
        if record.time > self.until {
            return;
        }
        if record.time > self.state.at {
            self.tell();
            self.state.at = record.time;
        }
        self.state.record(record);
    }
}
