//! The Delta and Arrow schema of a [`Table`].
//!
//! Reader version 1 and writer version 2: no feature beyond nullable columns,
//! so that Spark, Trino, polars, DuckDB and ClickHouse read the tables.
//! Every column carries its meaning and unit as a Delta comment.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use deltalake::kernel::engine::arrow_conversion::TryIntoArrow;
use deltalake::kernel::{ArrayType, DataType, MapType, MetadataValue, StructField, StructType};
use trigpoint_record::{Column, INGEST_COLUMNS, Kind, Table};

use crate::Error;

/// Partition column: the UTC date on which the row's flow opened.
pub(crate) const DATE: &str = "date";
/// The spool that a row came from.
pub(crate) const SPOOL_ID: &str = "spool_id";
/// The batch of that spool.
pub(crate) const BATCH_SEQ: &str = "batch_seq";
/// Integer columns that this version does not know, by column id.
pub(crate) const UNMAPPED: &str = "unmapped";

/// The column whose UTC date is the partition: `opened_time` where the table
/// has it (so that all rows of one flow share a date even when it lives over
/// midnight), else the first column of kind Time.
pub(crate) fn date_source(table: &Table) -> Option<&'static Column> {
    let mut times = table.columns.iter().filter(|column| matches!(column.kind, Kind::Time));
    times.clone().find(|column| column.name == "opened_time").or_else(|| times.next())
}

/// The columns that rows are sorted by inside a file: `flow_id`, `n` as far as
/// the table has them, else the column that gives the date.
pub(crate) fn sort_columns(table: &Table) -> Vec<&'static str> {
    let keys: Vec<_> = ["flow_id", "n"]
        .into_iter()
        .filter(|name| table.columns.iter().any(|column| column.name == *name))
        .collect();
    if keys.is_empty() {
        return date_source(table).map(|column| column.name).into_iter().collect();
    }
    keys
}

/// The columns that tell every row of the table from every other, whichever
/// file it is in.  Rows without flows are what a batch of a spool brought.
pub(crate) fn key_columns(table: &Table) -> Vec<&'static str> {
    let has = |name: &str| table.columns.iter().any(|column| column.name == name);
    if has("trace_id") {
        return vec!["trace_id"];
    }
    if has("test_id") && has("direction") {
        return vec!["test_id", "direction"];
    }
    let sorted = sort_columns(table);
    if has("flow_id") {
        return sorted;
    }
    let named = table.columns.iter().map(|column| column.name).filter(|name| *name == "event");
    [SPOOL_ID, BATCH_SEQ].into_iter().chain(sorted).chain(named).collect()
}

/// The columns with minimum, maximum and NULL count in the log: what queries
/// select files by.  More would bloat every commit, and the age of a database of
/// addresses selects none.
pub(crate) fn statistics_columns(table: &Table) -> Vec<&'static str> {
    table
        .columns
        .iter()
        .filter(|column| !column.at_ingest)
        .filter(|column| {
            matches!(column.kind, Kind::Time) || matches!(column.name, "flow_id" | "n" | "site")
        })
        .map(|column| column.name)
        .collect()
}

/// Every column as stored: the date, what stations send, and what else the
/// collector adds (`INGEST_COLUMNS`, whose kinds are decided here).
pub(crate) fn delta_schema(table: &'static Table) -> Result<StructType, Error> {
    let unmapped = MapType::new(DataType::INTEGER, DataType::LONG, true);
    let mut fields = vec![ingest_field(DATE, DataType::DATE)];
    for column in table.columns {
        fields.push(column_field(table, column)?);
    }
    fields.push(ingest_field(SPOOL_ID, DataType::STRING));
    fields.push(ingest_field(BATCH_SEQ, DataType::LONG));
    fields.push(ingest_field(UNMAPPED, unmapped.into()));
    struct_type(table, fields)
}

fn ingest_field(name: &'static str, data_type: DataType) -> StructField {
    let doc = INGEST_COLUMNS.iter().find(|column| column.name == name).map(|column| column.doc);
    field(name, data_type, "", doc.unwrap_or_default().to_owned())
}

fn struct_type(table: &'static Table, fields: Vec<StructField>) -> Result<StructType, Error> {
    StructType::try_new(fields).map_err(|error| Error::delta("describe", table.name)(error.into()))
}

/// The Arrow form of [`delta_schema`], in the same order.
pub(crate) fn arrow_schema(table: &'static Table) -> Result<SchemaRef, Error> {
    let schema: Schema = (&delta_schema(table)?)
        .try_into_arrow()
        .map_err(|error| Error::Encode { table: table.name, reason: error.to_string() })?;
    Ok(Arc::new(schema))
}

fn column_field(table: &'static Table, column: &Column) -> Result<StructField, Error> {
    let data_type = data_type(table, column.kind)?;
    Ok(field(column.name, data_type, column.unit, column.doc.to_owned()))
}

fn field(name: &str, data_type: DataType, unit: &str, doc: String) -> StructField {
    let comment = if unit.is_empty() { doc } else { format!("{doc} Unit: {unit}.") };
    StructField::nullable(name, data_type)
        .with_metadata([("comment", MetadataValue::String(comment))])
}

fn data_type(table: &'static Table, kind: Kind) -> Result<DataType, Error> {
    Ok(match kind {
        Kind::Int => DataType::LONG,
        Kind::Float => DataType::DOUBLE,
        Kind::Text => DataType::STRING,
        Kind::Bytes => DataType::BINARY,
        Kind::Time => DataType::TIMESTAMP,
        Kind::Bool => DataType::BOOLEAN,
        Kind::List(item) => ArrayType::new(data_type(table, item.kind)?, true).into(),
        Kind::Struct(fields) => {
            let fields: Result<_, _> =
                fields.iter().map(|field| column_field(table, field)).collect();
            struct_type(table, fields?)?.into()
        }
    })
}

/// The stored schema with every column of `written` that it lacks, or `None`
/// when it lacks none.  Stored columns are never dropped or changed: a newer
/// version may have added them.
pub(crate) fn merge(
    table: &'static Table,
    stored: &StructType,
    written: &StructType,
) -> Result<Option<StructType>, Error> {
    let mut grown = false;
    let merged = merge_struct(table, "", stored, written, &mut grown)?;
    Ok(grown.then_some(merged))
}

fn merge_struct(
    table: &'static Table,
    path: &str,
    stored: &StructType,
    written: &StructType,
    grown: &mut bool,
) -> Result<StructType, Error> {
    let mut fields = Vec::new();
    for old in stored.fields() {
        let mut field = old.clone();
        if let Some(new) = written.field(old.name()) {
            let path =
                if path.is_empty() { new.name().clone() } else { format!("{path}.{}", new.name()) };
            field.data_type = merge_type(table, &path, old.data_type(), new.data_type(), grown)?;
            field.metadata.clone_from(&new.metadata);
        }
        fields.push(field);
    }
    for new in written.fields().filter(|field| stored.field(field.name()).is_none()) {
        *grown = true;
        fields.push(new.clone());
    }
    struct_type(table, fields)
}

fn merge_type(
    table: &'static Table,
    path: &str,
    stored: &DataType,
    written: &DataType,
    grown: &mut bool,
) -> Result<DataType, Error> {
    match (stored, written) {
        (DataType::Struct(old), DataType::Struct(new)) => {
            Ok(merge_struct(table, path, old, new, grown)?.into())
        }
        (DataType::Array(old), DataType::Array(new)) => {
            let item = merge_type(table, path, old.element_type(), new.element_type(), grown)?;
            Ok(ArrayType::new(item, true).into())
        }
        (old, new) if old == new => Ok(old.clone()),
        (old, new) => Err(Error::Incompatible {
            table: table.name,
            column: path.to_owned(),
            stored: old.to_string(),
            written: new.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests;
