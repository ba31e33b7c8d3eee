//! The rows in a spool that nobody has open, as JSON.

use std::path::Path;

use serde_json::{Map, Value};
use trigpoint_record::{Array, Table, Values};
use trigpoint_spool::{Entry, Settings, Spool};
use trigpoint_wire::ingest::ColumnSchema;
use trigpoint_wire::{Limits, decode, schema};

/// Those of one table.
#[track_caller]
pub(crate) fn rows(spool: &Path, table: &Table) -> Vec<Value> {
    let failed = |error: &dyn std::fmt::Display| -> ! { panic!("{}: {error}", spool.display()) };
    let open = Spool::open(spool, Settings::default()).unwrap_or_else(|error| failed(&error));
    let columns = schema(table).columns;
    let mut rows = Vec::new();
    let mut seq = 0;
    while let Some(entry) = open.read_after(seq).unwrap_or_else(|error| failed(&error)) {
        seq = entry.last_seq();
        let Entry::Batch { table: of, payload, .. } = entry else { panic!("{entry:?}") };
        if of != table.name {
            continue;
        }
        let batch =
            decode(&payload, &columns, &Limits::default()).unwrap_or_else(|error| failed(&error));
        for row in 0..batch.rows {
            let fields = batch.columns.iter();
            let fields =
                fields.map(|(column, array)| (column.name.clone(), json(column, array, row)));
            rows.push(Value::Object(fields.collect()));
        }
    }
    rows
}

fn json(column: &ColumnSchema, array: &Array, at: usize) -> Value {
    if !array.present[at] {
        return Value::Null;
    }
    match &array.values {
        Values::Int(values) => values[at].into(),
        Values::Float(values) => values[at].into(),
        Values::Text(values) => values[at].as_str().into(),
        Values::Bool(values) => values[at].into(),
        Values::Bytes(values) => values[at].clone().into(),
        Values::List { lengths, items } => {
            let start: u32 = lengths[..at].iter().sum();
            let items = (start..start + lengths[at])
                .map(|item| json(&column.children[0], items, item as usize));
            items.collect()
        }
        Values::Struct(fields) => {
            let fields = column.children.iter().zip(fields);
            let fields =
                fields.map(|(column, array)| (column.name.clone(), json(column, array, at)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
    }
}
