//! Arbitrary tables and batches of them.

use proptest::{collection::vec, prelude::*};
use trigpoint_record::{Batch, Column, Kind, Table, Value};

use crate::DEPTH;

/// A batch of an arbitrary table: any kinds, nested as deep as is allowed.
pub(super) fn batch() -> impl Strategy<Value = Batch> {
    let columns = vec(kind(DEPTH), 1..5).prop_map(columns);
    columns.prop_flat_map(|columns| {
        vec(row(columns), 0..20).prop_map(move |rows| {
            // Tables are 'static; a test may leak its own.
            let table = Box::leak(Box::new(Table { name: "any", doc: "", columns }));
            let mut batch = Batch::new(table);
            for row in rows {
                batch.push(row).unwrap();
            }
            batch
        })
    })
}

fn columns(kinds: Vec<Kind>) -> &'static [Column] {
    let column = |(index, kind)| Column::new(7 * index as u32, name(index), kind, "", "");
    Vec::leak(kinds.into_iter().enumerate().map(column).collect())
}

fn name(index: usize) -> &'static str {
    String::leak(format!("column_{index}"))
}

fn kind(depth: usize) -> BoxedStrategy<Kind> {
    let plain = prop::sample::select(vec![
        Kind::Int,
        Kind::Float,
        Kind::Text,
        Kind::Bytes,
        Kind::Time,
        Kind::Bool,
    ]);
    if depth == 1 {
        return plain.boxed();
    }
    prop_oneof![
        3 => plain,
        1 => kind(depth - 1).prop_map(|kind| Kind::List(&columns(vec![kind])[0])),
        1 => vec(kind(depth - 1), 1..4).prop_map(|kinds| Kind::Struct(columns(kinds))),
    ]
    .boxed()
}

fn row(columns: &'static [Column]) -> impl Strategy<Value = Vec<Value>> {
    columns.iter().map(|column| value(column.kind)).collect::<Vec<_>>()
}

fn value(kind: Kind) -> BoxedStrategy<Value> {
    let extreme = prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), -3..3_i64];
    let value = match kind {
        Kind::Int => extreme.prop_map(Value::Int).boxed(),
        Kind::Time => extreme.prop_map(Value::Time).boxed(),
        // NaN differs from itself; round_trip.rs looks at it alone.
        Kind::Float => any::<f64>().prop_map(Value::Float).boxed(),
        Kind::Text => "[abü]{0,2}".prop_map(Value::Text).boxed(),
        Kind::Bytes => vec(any::<u8>(), 0..4).prop_map(Value::Bytes).boxed(),
        Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::List(item) => vec(value(item.kind), 0..4).prop_map(Value::List).boxed(),
        Kind::Struct(fields) => row(fields).prop_map(Value::Struct).boxed(),
    };
    prop_oneof![1 => Just(Value::Null), 3 => value].boxed()
}
