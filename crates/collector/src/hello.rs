//! A stream's first message, checked.

use std::{collections::BTreeMap, sync::Arc};

use tonic::Status;
use trigpoint_lake::check;
use trigpoint_record::{Column, Kind, SpoolId, Station, Table};
use trigpoint_wire::{
    check_schema,
    ingest::{ColumnSchema, Hello},
    schema,
};

use crate::batch::description;

/// A station and its tables, as far as this collector knows them.
#[derive(Debug)]
pub(crate) struct Greeting {
    pub(crate) spool_id: SpoolId,
    pub(crate) station: Station,
    /// By table: the columns that its batches may have.
    pub(crate) schemas: BTreeMap<&'static str, Arc<[ColumnSchema]>>,
}

/// Why a stream cannot begin.
#[derive(Debug)]
pub(crate) enum HelloError {
    /// No version of a station says this.
    Invalid(Status),
    /// The station knows what this collector does not.
    Newer(String),
}

/// Checks what a station says of itself against the lake's `tables`.
pub(crate) fn check_hello(
    hello: Hello,
    tables: &[&'static Table],
    columns: usize,
) -> Result<Greeting, HelloError> {
    let invalid = |detail: String| HelloError::Invalid(Status::invalid_argument(detail));
    let spool_id = SpoolId::parse(&hello.spool_id).ok_or_else(|| {
        invalid("spool_id must be 1 to 64 letters, digits, `-` or `_`".to_owned())
    })?;
    check_schema(&hello.tables, columns).map_err(|error| invalid(error.to_string()))?;
    let mut schemas: BTreeMap<_, Vec<_>> =
        tables.iter().map(|table| (table.name, schema(table).columns)).collect();
    for sent in hello.tables {
        let table = tables.iter().find(|table| table.name == sent.table);
        let (Some(table), Some(known)) = (table, schemas.get_mut(sent.table.as_str())) else {
            return Err(HelloError::Newer(format!("table {} is unknown here", sent.table)));
        };
        if let Some(column) = sent.columns.iter().find_map(|sent| filled_here(table.columns, sent))
        {
            let table = table.name;
            return Err(invalid(format!(
                "column {column} of table {table} is filled by the collector"
            )));
        }
        let described: Vec<_> = sent.columns.iter().filter_map(description).collect();
        // A known column of another kind makes its batches poison, one by one;
        // the rest of the spool is sound.
        if let Err(error) = check(table, &described)
            && error.is_newer()
        {
            return Err(HelloError::Newer(error.to_string()));
        }
        // A spool may hold batches of a newer station that was rolled back:
        // what this collector knows is not less known for that.
        let own = std::mem::replace(known, sent.columns);
        let missing: Vec<_> =
            own.into_iter().filter(|own| known.iter().all(|sent| sent.id != own.id)).collect();
        known.extend(missing);
    }
    Ok(Greeting {
        spool_id,
        station: hello.station.unwrap_or_default().into(),
        schemas: schemas.into_iter().map(|(table, columns)| (table, columns.into())).collect(),
    })
}

/// The column that the station describes as its own, though only a collector
/// fills it: here or in the structs below.
fn filled_here(columns: &'static [Column], sent: &ColumnSchema) -> Option<&'static str> {
    let column = columns.iter().find(|column| column.id == sent.id)?;
    filled_in(column, sent)
}

fn filled_in(column: &'static Column, sent: &ColumnSchema) -> Option<&'static str> {
    if column.at_ingest {
        return Some(column.name);
    }
    match column.kind {
        // The item of a list has one meaning, whatever its id.
        Kind::List(item) => filled_in(item, sent.children.first()?),
        Kind::Struct(fields) => sent.children.iter().find_map(|sent| filled_here(fields, sent)),
        _ => None,
    }
}
