//! Files of arrivals: CSV with a header line, of which `time` is required and `source` and `bytes` are read, too.
//! Knows lines and columns, but not what arrives.

use std::sync::Arc;

use sim_core::kernel::time::SimDuration;
use sim_core::model::LARGEST_MESSAGE;
use sim_core::model::units::PlannedArrival;

use super::Lowering;
use crate::diagnostics::codes::{BAD_VALUE, DUPLICATE_NAME, MISSING_KEY, UNREADABLE, UNUSED};
use crate::diagnostics::{Place, Sink, Source};
use crate::nearest::nearest;
use crate::units;
use crate::yaml::SpanIndex;

/// The columns that are read.
const COLUMNS: [&str; 3] = ["time", "source", "bytes"];
/// So many wrong rows of a file are shown; the rest is counted.
const SHOWN: usize = 200;
/// Most rows of a file.
const MOST_ROWS: usize = 10_000_000;

/// The arrivals of the traffic source that is being lowered; every mistake is told at its line and column.
pub(super) fn read(ctx: &mut Lowering<'_>, path: &str, place: &Place) -> Option<Arc<[PlannedArrival]>> {
    let source = open(ctx, path, place)?;
    // The text goes back to where diagnostics find it.
    let text = std::mem::take(&mut ctx.sink.sources[source].text);
    let mut reader = Reader { text: &text, owner: &ctx.traffic, complaints: Vec::new(), wrong: 0 };
    let arrivals = reader.arrivals();
    let Reader { complaints, wrong, .. } = reader;
    ctx.sink.sources[source].text = text;
    for complaint in &complaints {
        ctx.sink.at(complaint.code, source, complaint.span, complaint.message.as_str(), &complaint.help);
    }
    if wrong > SHOWN {
        ctx.sink.report(BAD_VALUE, place, format!("{} more rows of {path} are wrong", wrong - SHOWN));
    }
    if wrong == 0 && arrivals.is_empty() {
        let message = format!("{path} holds no arrival of `{}`", ctx.traffic);
        ctx.sink.report(UNUSED, place, message);
    }
    (wrong == 0).then(|| arrivals.into())
}

/// The number of a file's source; it is read once for all arms.
fn open(ctx: &mut Lowering<'_>, path: &str, place: &Place) -> Option<usize> {
    if let Some(known) = ctx.attached.get(path)
        && known.is_some()
    {
        return *known;
    }
    let full = ctx.base.join(path);
    let opened = match ctx.files.read(&full) {
        Ok(text) => Some(add(ctx.sink, full.display().to_string(), text)),
        Err(error) => {
            let help = "paths are relative to the folder of the scenario file";
            ctx.sink.help(UNREADABLE, place, format!("cannot read {}: {error}", full.display()), help);
            None
        }
    };
    ctx.attached.insert(path.to_owned(), opened);
    opened
}

fn add(sink: &mut Sink, name: String, text: String) -> usize {
    sink.add_source(Source { name, text }, SpanIndex::default())
}

/// Something wrong with a row.
struct Complaint {
    code: &'static crate::diagnostics::codes::Code,
    span: (usize, usize),
    message: String,
    help: String,
}

/// A cell: where it stands, and its text without quotation marks.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cell {
    start: usize,
    length: usize,
    text: String,
}

/// Where each column that is read stands.
struct Header {
    columns: usize,
    time: usize,
    source: Option<usize>,
    bytes: Option<usize>,
}

struct Reader<'a> {
    text: &'a str,
    owner: &'a str,
    complaints: Vec<Complaint>,
    /// Rows with mistakes, those that are not shown too.
    wrong: usize,
}

impl Reader<'_> {
    fn arrivals(&mut self) -> Vec<PlannedArrival> {
        let mut arrivals: Vec<PlannedArrival> = Vec::new();
        let mut offset = 0;
        let mut header: Option<Header> = None;
        let mut rows = 0;
        for whole in self.text.split_inclusive('\n') {
            let start = offset;
            offset += whole.len();
            let line = whole.trim_end_matches(['\n', '\r']);
            let (start, line) = if start == 0 { without_mark(line) } else { (start, line) };
            if line.trim().is_empty() {
                continue;
            }
            let cells = cells(line, start);
            let Some(header) = &header else {
                header = self.header(&cells);
                if header.is_none() {
                    return arrivals;
                }
                continue;
            };
            rows += 1;
            if rows > MOST_ROWS {
                self.complain(&cells[0], format!("a file has at most {MOST_ROWS} rows"), "");
                return arrivals;
            }
            arrivals.extend(self.row(header, &cells, arrivals.last().map(|last| last.at)));
        }
        if header.is_none() {
            let whole = Cell { start: 0, length: 0, text: String::new() };
            self.complain(
                &whole,
                "the file is empty".to_owned(),
                "its first line names the columns: time,source,bytes",
            );
        }
        arrivals
    }

    fn header(&mut self, cells: &[Cell]) -> Option<Header> {
        let place = |name: &str| cells.iter().position(|cell| cell.text == name);
        for (index, cell) in cells.iter().enumerate() {
            let known = COLUMNS.contains(&cell.text.as_str());
            if known && place(&cell.text) != Some(index) {
                self.wrong += 1;
                self.tell(DUPLICATE_NAME, cell, format!("two columns are called `{}`", cell.text), "");
            } else if !known {
                let help = nearest(&cell.text, COLUMNS).map(|name| format!("did you mean `{name}`?"));
                let message = format!("the column `{}` is not read", cell.text);
                self.tell(UNUSED, cell, message, &help.unwrap_or_default());
            }
        }
        let Some(time) = place("time") else {
            let all = Cell { start: cells[0].start, length: 1, text: String::new() };
            self.wrong += 1;
            let help = "the first line names the columns: time, and perhaps source and bytes";
            self.tell(MISSING_KEY, &all, "there is no column `time`".to_owned(), help);
            return None;
        };
        Some(Header { columns: cells.len(), time, source: place("source"), bytes: place("bytes") })
    }

    /// A row's arrival; `None` when it is another source's, or wrong.
    fn row(&mut self, header: &Header, cells: &[Cell], before: Option<SimDuration>) -> Option<PlannedArrival> {
        if cells.len() != header.columns {
            let message = format!("{} cells under a header of {}", cells.len(), header.columns);
            self.complain(cells.last().expect("a line has at least one cell"), message, "");
            return None;
        }
        // A row without a source is everybody's.
        let source = header.source.map_or("", |column| cells[column].text.as_str());
        if !source.is_empty() && source != self.owner {
            return None;
        }
        let wrong = self.wrong;
        let time = &cells[header.time];
        let at = instant(&time.text).map_err(|message| self.complain(time, message, "")).ok();
        if let (Some(at), Some(before)) = (at, before)
            && at < before
        {
            let message = format!("{at} comes after an arrival at {before}");
            self.complain(time, message, "sort the rows by time");
        }
        let bytes = header.bytes.map(|column| &cells[column]).filter(|cell| !cell.text.is_empty());
        let bytes = bytes.and_then(|cell| {
            let size = units::size(&cell.text).and_then(|size| {
                if size > LARGEST_MESSAGE { Err(format!("`{}` is more than 1 TiB", cell.text)) } else { Ok(size) }
            });
            size.map_err(|message| self.complain(cell, message, "")).ok()
        });
        at.filter(|_| self.wrong == wrong).map(|at| PlannedArrival { at, bytes })
    }

    fn complain(&mut self, cell: &Cell, message: String, help: &str) {
        self.wrong += 1;
        if self.wrong <= SHOWN {
            self.tell(BAD_VALUE, cell, message, help);
        }
    }

    fn tell(&mut self, code: &'static crate::diagnostics::codes::Code, cell: &Cell, message: String, help: &str) {
        let span = (cell.start, cell.length);
        self.complaints.push(Complaint { code, span, message, help: help.to_owned() });
    }
}

/// A first line without the byte order mark that some programs write.
fn without_mark(line: &str) -> (usize, &str) {
    line.strip_prefix('\u{feff}').map_or((0, line), |rest| (line.len() - rest.len(), rest))
}

/// Cuts a line at its commas; a cell in quotation marks may hold some, and two marks stand for one.
fn cells(line: &str, offset: usize) -> Vec<Cell> {
    let (mut cells, mut start, mut quoted) = (Vec::new(), 0, false);
    let cell = |start: usize, end: usize| {
        let raw = &line[start..end];
        let text = raw.trim();
        let inside = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        Cell {
            start: offset + start + (raw.len() - raw.trim_start().len()),
            length: text.len(),
            text: inside.map_or_else(|| text.to_owned(), |inside| inside.replace("\"\"", "\"")),
        }
    };
    for (index, byte) in line.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                cells.push(cell(start, index));
                start = index + 1;
            }
            _ => {}
        }
    }
    cells.push(cell(start, line.len()));
    cells
}

/// A time: a duration, or seconds, of which what is finer than a nanosecond is rounded half up.
fn instant(text: &str) -> Result<SimDuration, String> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !plain {
        return units::duration(text).map_err(|_| format!("`{text}` is no time: write seconds, or a duration"));
    }
    let fail = || format!("`{text}` is no number of seconds");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).map(|digit| u64::from(digit.wrapping_sub(b'0')));
    if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
        return Err(fail());
    }
    let nanos = digits.clone().take(9).fold(0, |nanos, digit| nanos * 10 + digit);
    let half = digits.clone().nth(9).is_some_and(|digit| digit >= 5);
    let seconds = if whole.is_empty() { Ok(0) } else { whole.parse::<u64>() };
    let seconds = seconds.ok().and_then(|seconds| seconds.checked_mul(1_000_000_000)).ok_or_else(fail)?;
    seconds.checked_add(nanos + u64::from(half)).map(SimDuration::from_nanos).ok_or_else(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_durations() {
        let cases = [
            ("0", 0),
            ("1.5", 1_500_000_000),
            (".25", 250_000_000),
            ("2.", 2_000_000_000),
            ("0.1234567894", 123_456_789),
            ("0.12345678951", 123_456_790),
            ("1m30s", 90_000_000_000),
            ("250ms", 250_000_000),
        ];
        for (text, nanos) in cases {
            assert_eq!(instant(text).map(SimDuration::as_nanos), Ok(nanos), "{text}");
        }
        for text in ["", ".", "1.2.3", "-1", "1e3", "soon", "99999999999999999999"] {
            assert!(instant(text).is_err(), "{text}");
        }
    }

    #[test]
    fn cells_know_where_they_stand() {
        let cell = |start: usize, length: usize, text: &str| Cell { start, length, text: text.to_owned() };
        let found = cells("1s, \"a,\"\"b\"\"\" ,", 10);
        assert_eq!(found, [cell(10, 2, "1s"), cell(14, 9, "a,\"b\""), cell(25, 0, "")]);
    }
}
