//! A table as an Apache Parquet file, with the types of its columns. Knows no table. Only with the feature `parquet`.

use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;
use sim_core::trace::{Level, Record};

use super::error::ConvertError;
use super::tables::{Cell, Column, Kind, Row, Table, TableInfo, find};
use super::{Converter, Filtering, Format, Output};

/// Apache Parquet.
pub(super) const FORMAT: Format = Format {
    name: "parquet",
    doc: "a table with typed columns, for DuckDB, pandas and the like",
    needs: Level::Request,
    filtering: Filtering::Before,
    text: false,
    tabular: true,
    ending: "parquet",
    begin: |out, header, _, wish| {
        let info = find(&wish.table)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("podwire {}", header.version));
        let file = SerializedFileWriter::new(out, Arc::new(schema(info)?), Arc::new(properties.build()))?;
        Ok(Box::new(Groups { file, columns: info.columns, table: info.begin(header), rows: Vec::new() }))
    },
};

/// Rows of a group, which is held in memory until it is whole.
const GROUP: usize = 1 << 16;

struct Groups<'a> {
    file: SerializedFileWriter<Output<'a>>,
    columns: &'static [Column],
    table: Box<dyn Table>,
    rows: Vec<Row>,
}

fn schema(info: &TableInfo) -> Result<Type, ConvertError> {
    let fields: Result<Vec<_>, ParquetError> = info.columns.iter().map(|column| Ok(Arc::new(field(column)?))).collect();
    Ok(Type::group_type_builder(info.name).with_fields(fields?).build()?)
}

fn field(column: &Column) -> Result<Type, ParquetError> {
    let (physical, logical) = match column.kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Number => (Physical::INT64, Some(LogicalType::integer(64, false))),
        Kind::Flag => (Physical::BOOLEAN, None),
    };
    let field = Type::primitive_type_builder(column.name, physical).with_logical_type(logical);
    field.with_repetition(Repetition::OPTIONAL).build()
}

impl Groups<'_> {
    fn write(&mut self) -> Result<(), ConvertError> {
        let mut group = self.file.next_row_group()?;
        for place in 0..self.columns.len() {
            let Some(mut column) = group.next_column()? else { break };
            write_column(&mut column, self.columns[place].kind, self.rows.iter().map(|row| &row[place]))?;
            column.close()?;
        }
        group.close()?;
        self.rows.clear();
        Ok(())
    }
}

/// Writes the cells of one column; an empty one is told by its level alone.
fn write_column<'c>(
    column: &mut SerializedColumnWriter<'_>,
    kind: Kind,
    cells: impl Iterator<Item = &'c Cell> + Clone,
) -> Result<(), ParquetError> {
    let levels: Vec<i16> = cells.clone().map(|cell| i16::from(*cell != Cell::Nothing)).collect();
    match kind {
        Kind::Text => {
            let text =
                |cell: &Cell| if let Cell::Text(text) = cell { Some(ByteArray::from(text.as_str())) } else { None };
            let values: Vec<ByteArray> = cells.filter_map(text).collect();
            column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None)?;
        }
        Kind::Number => {
            // The logical type says that they have no sign.
            let number = |cell: &Cell| if let Cell::Number(number) = cell { Some(number.cast_signed()) } else { None };
            let values: Vec<i64> = cells.filter_map(number).collect();
            column.typed::<Int64Type>().write_batch(&values, Some(&levels), None)?;
        }
        Kind::Flag => {
            let flag = |cell: &Cell| if let Cell::Flag(flag) = cell { Some(*flag) } else { None };
            let values: Vec<bool> = cells.filter_map(flag).collect();
            column.typed::<BoolType>().write_batch(&values, Some(&levels), None)?;
        }
    }
    Ok(())
}

/// The output fails, or a table breaks the promise of its columns.
impl From<ParquetError> for ConvertError {
    fn from(error: ParquetError) -> Self {
        let ParquetError::External(cause) = error else { return Self::Form(error.to_string()) };
        match cause.downcast::<std::io::Error>() {
            Ok(output) => Self::Output(*output),
            Err(other) => Self::Form(other.to_string()),
        }
    }
}

impl Converter for Groups<'_> {
    fn take(&mut self, record: &Record) -> Result<(), ConvertError> {
        self.table.take(record, &mut self.rows);
        if self.rows.len() >= GROUP { self.write() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<String>, ConvertError> {
        self.table.finish(&mut self.rows);
        self.write()?;
        self.file.close()?;
        Ok(Vec::new())
    }
}
