//! Addresses cut in Arrow columns, where the tables say that they may stand.

use std::net::IpAddr;
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
            Some(column) => cut_column(column, Privacy::Open, values, Rows::all(rows)),
            None => Ok(Arc::clone(values)),
        })
        .collect::<Result<_, _>>()?;
    RecordBatch::try_new(schema, columns)
}

fn column<'a>(columns: &'a [Column], name: &str) -> Option<&'a Column> {
    columns.iter().find(|column| column.name == name)
}

/// Which row of the table a value belongs to, inside of lists too.
#[derive(Clone, Copy)]
struct Rows<'a> {
    batch: &'a RecordBatch,
    row_of: &'a dyn Fn(usize) -> usize,
}

impl<'a> Rows<'a> {
    fn all(batch: &'a RecordBatch) -> Self {
        Self { batch, row_of: &|at| at }
    }

    /// The network of the client whom this column names in each row.
    fn networks(self, client: &str) -> Vec<Option<IpAddr>> {
        let clients = self.batch.column_by_name(client).and_then(|c| c.as_string_opt::<i32>());
        let network = |text: &str| text.parse().ok().map(address::network);
        clients.map_or_else(Vec::new, |it| it.iter().map(|text| network(text?)).collect())
    }
}

/// What is said of a column holds for everything in it.
fn cut_column(
    column: &Column,
    above: Privacy,
    values: &ArrayRef,
    rows: Rows<'_>,
) -> Result<ArrayRef, ArrowError> {
    let privacy = if above == Privacy::Open { column.privacy } else { above };
    if privacy == Privacy::Open && !column.holds_addresses() {
        return Ok(Arc::clone(values));
    }
    match (column.kind, values.data_type()) {
        (Kind::Text, DataType::Utf8) => Ok(match privacy {
            Privacy::AddressesNear(client) => cut_near(values.as_string(), rows, client),
            _ => cut_text(values.as_string()),
        }),
        // Nobody knows what the bytes mean, so nothing less will do.
        (Kind::Bytes, data_type) => Ok(new_null_array(data_type, values.len())),
        (Kind::List(item), DataType::List(field)) => {
            let list = values.as_list::<i32>();
            cut_list(item, privacy, list, field, rows)
        }
        (Kind::Struct(fields), DataType::Struct(_)) => {
            cut_struct(fields, privacy, values.as_struct(), rows)
        }
        _ => Ok(Arc::clone(values)),
    }
}

fn cut_text(values: &StringArray) -> ArrayRef {
    let cut = values.iter().map(|text| text.map(address::cut));
    Arc::new(cut.collect::<StringArray>())
}

/// An address of another network than the client's stays.  What is none, and
/// what stands beside an unknown client, is cut like any text.
fn cut_near(values: &StringArray, rows: Rows<'_>, client: &str) -> ArrayRef {
    let networks = rows.networks(client);
    let cut = values.iter().enumerate().map(|(at, text)| {
        let text = text?;
        let client = networks.get((rows.row_of)(at)).copied().flatten();
        let own = text.parse().ok().map(address::network);
        let is_elsewhere = client.is_some() && own.is_some() && client != own;
        Some(if is_elsewhere { text.into() } else { address::cut(text) })
    });
    Arc::new(cut.collect::<StringArray>())
}

fn cut_list(
    item: &Column,
    privacy: Privacy,
    list: &ListArray,
    field: &FieldRef,
    rows: Rows<'_>,
) -> Result<ArrayRef, ArrowError> {
    // The list that an item is in is the last one that begins before it.
    let list_of = |at: usize| {
        let begun = list.value_offsets().partition_point(|begin| *begin as usize <= at);
        (rows.row_of)(begun.saturating_sub(1))
    };
    let inner = Rows { batch: rows.batch, row_of: &list_of };
    let items = cut_column(item, privacy, list.values(), inner)?;
    let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
    Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, items, nulls)?))
}

fn cut_struct(
    fields: &[Column],
    privacy: Privacy,
    values: &StructArray,
    rows: Rows<'_>,
) -> Result<ArrayRef, ArrowError> {
    let cut = values
        .fields()
        .iter()
        .zip(values.columns())
        .map(|(field, values)| match column(fields, field.name()) {
            Some(column) => cut_column(column, privacy, values, rows),
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
