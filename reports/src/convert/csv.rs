//! A table as comma-separated values (RFC 4180, lines ended by a newline). Knows no table.

use sim_core::trace::Record;

use super::error::ConvertError;
use super::tables::{Cell, Row, Table, find};
use super::{Converter, Filtering, Format, Output};

/// Comma-separated values.
pub(super) const FORMAT: Format = Format {
    name: "csv",
    doc: "a table, for spreadsheets and scripts",
    needs: sim_core::trace::Level::Request,
    filtering: Filtering::Before,
    text: true,
    tabular: true,
    ending: "csv",
    begin: |out, header, _, wish| {
        let info = find(&wish.table)?;
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(info.columns.iter().map(|column| column.name)).map_err(output)?;
        Ok(Box::new(Lines { writer, table: info.begin(header), rows: Vec::new() }))
    },
};

struct Lines<'a> {
    writer: csv::Writer<Output<'a>>,
    table: Box<dyn Table>,
    rows: Vec<Row>,
}

impl Lines<'_> {
    fn write(&mut self) -> Result<(), ConvertError> {
        for row in self.rows.drain(..) {
            self.writer.write_record(row.iter().map(text)).map_err(output)?;
        }
        Ok(())
    }
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Number(number) => number.to_string(),
        Cell::Flag(flag) => flag.to_string(),
        Cell::Nothing => String::new(),
    }
}

/// Rows have as many cells as there are columns, so nothing but the output fails.
fn output(error: csv::Error) -> ConvertError {
    let csv::ErrorKind::Io(error) = error.into_kind() else {
        return ConvertError::Form("a row has another number of cells than there are columns".to_owned());
    };
    ConvertError::Output(error)
}

impl Converter for Lines<'_> {
    fn take(&mut self, record: &Record) -> Result<(), ConvertError> {
        self.table.take(record, &mut self.rows);
        self.write()
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<String>, ConvertError> {
        self.table.finish(&mut self.rows);
        self.write()?;
        self.writer.flush()?;
        Ok(Vec::new())
    }
}
