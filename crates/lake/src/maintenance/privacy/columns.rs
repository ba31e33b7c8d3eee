//! Addresses cut in Arrow columns, where the tables say that they may stand.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, ListArray, RecordBatch, StringArray, StructArray,
    new_null_array,
};
use arrow::datatypes::{DataType, FieldRef};
use arrow::error::ArrowError;
use trigpoint_record::{Column, Kind, Privacy, Table};

use super::address;

/// The rows with their addresses cut.
pub(super) fn cut(table: &Table, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = rows.schema();
    let columns = schema
        .fields()
        .iter()
        .zip(rows.columns())
        .map(|(field, values)| match column(table.columns, field.name()) {
            Some(column) => cut_column(column, Privacy::Open, values),
            None => Ok(Arc::clone(values)),
        })
        .collect::<Result<_, _>>()?;
    RecordBatch::try_new(schema, columns)
}

fn column<'a>(columns: &'a [Column], name: &str) -> Option<&'a Column> {
    columns.iter().find(|column| column.name == name)
}

/// What is said of a column holds for everything in it.
fn cut_column(column: &Column, above: Privacy, values: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let privacy = if above == Privacy::Open { column.privacy } else { above };
    if privacy == Privacy::Open && !column.holds_addresses() {
        return Ok(Arc::clone(values));
    }
    match (column.kind, values.data_type()) {
        (Kind::Text, DataType::Utf8) => Ok(cut_text(values.as_string())),
        // Nobody knows what the bytes mean, so nothing less will do.
        (Kind::Bytes, data_type) => Ok(new_null_array(data_type, values.len())),
        (Kind::List(item), DataType::List(field)) => {
            let list = values.as_list::<i32>();
            cut_list(item, privacy, list, field)
        }
        (Kind::Struct(fields), DataType::Struct(_)) => {
            cut_struct(fields, privacy, values.as_struct())
        }
        _ => Ok(Arc::clone(values)),
    }
}

fn cut_text(values: &StringArray) -> ArrayRef {
    let cut = values.iter().map(|text| text.map(address::cut));
    Arc::new(cut.collect::<StringArray>())
}

fn cut_list(
    item: &Column,
    privacy: Privacy,
    list: &ListArray,
    field: &FieldRef,
) -> Result<ArrayRef, ArrowError> {
    let items = cut_column(item, privacy, list.values())?;
    let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
    Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, items, nulls)?))
}

fn cut_struct(
    fields: &[Column],
    privacy: Privacy,
    values: &StructArray,
) -> Result<ArrayRef, ArrowError> {
    let cut = values
        .fields()
        .iter()
        .zip(values.columns())
        .map(|(field, values)| match column(fields, field.name()) {
            Some(column) => cut_column(column, privacy, values),
            None => Ok(Arc::clone(values)),
        })
        .collect::<Result<_, _>>()?;
    let nulls = values.nulls().cloned();
    Ok(Arc::new(StructArray::try_new(values.fields().clone(), cut, nulls)?))
}

/// Paths of the columns that may hold addresses, without the steps into the
/// items of lists.
pub(super) fn paths(table: &Table) -> Vec<Vec<&'static str>> {
    let mut found = Vec::new();
    collect(table.columns, &[], &mut found);
    found
}

fn collect(columns: &'static [Column], above: &[&'static str], found: &mut Vec<Vec<&'static str>>) {
    for column in columns {
        let path = [above, &[column.name]].concat();
        let mut kind = column.kind;
        let mut open = column.privacy == Privacy::Open;
        while let Kind::List(item) = kind {
            open &= item.privacy == Privacy::Open;
            kind = item.kind;
        }
        match kind {
            _ if !open => found.push(path),
            Kind::Struct(fields) => collect(fields, &path, found),
            _ => {}
        }
    }
}
