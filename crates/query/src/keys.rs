//! What tells each row of a table from every other.
//!
//! Nothing but the design of the tables enforces these keys, and none of them is
//! declared as the key of another table.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow_flight::sql::CommandGetPrimaryKeys;
use trigpoint_lake::{CATALOG, Relation};

pub(crate) fn primary(
    command: &CommandGetPrimaryKeys,
    relations: &[Relation],
) -> Result<RecordBatch, ArrowError> {
    let is_of = |wanted: &Option<String>, name: &str| wanted.as_deref().is_none_or(|it| it == name);
    let wanted = relations.iter().filter(|relation| {
        relation.name == command.table
            && is_of(&command.catalog, CATALOG)
            && is_of(&command.db_schema, relation.schema)
    });
    let rows: Vec<_> = wanted
        .flat_map(|relation| {
            (1..).zip(&relation.key).map(move |(number, name)| (relation, *name, number))
        })
        .collect();
    let texts = |text: fn(&(&Relation, &'static str, i32)) -> Option<&'static str>| -> ArrayRef {
        Arc::new(rows.iter().map(text).collect::<StringArray>())
    };
    let numbers = rows.iter().map(|(_, _, number)| *number);
    let columns = vec![
        texts(|_| Some(CATALOG)),
        texts(|(relation, ..)| Some(relation.schema)),
        texts(|(relation, ..)| Some(relation.name)),
        texts(|(_, name, _)| Some(*name)),
        texts(|_| None),
        Arc::new(Int32Array::from_iter_values(numbers)),
    ];
    RecordBatch::try_new(primary_schema(), columns)
}

fn primary_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("catalog_name", DataType::Utf8, true),
        Field::new("db_schema_name", DataType::Utf8, true),
        Field::new("table_name", DataType::Utf8, false),
        Field::new("column_name", DataType::Utf8, false),
        Field::new("key_name", DataType::Utf8, true),
        Field::new("key_sequence", DataType::Int32, false),
    ]))
}

/// Keys of one table in another: there are none.
pub(crate) fn foreign() -> RecordBatch {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    RecordBatch::new_empty(Arc::new(Schema::new(vec![
        text("pk_catalog_name", true),
        text("pk_db_schema_name", true),
        text("pk_table_name", false),
        text("pk_column_name", false),
        text("fk_catalog_name", true),
        text("fk_db_schema_name", true),
        text("fk_table_name", false),
        text("fk_column_name", false),
        Field::new("key_sequence", DataType::Int32, false),
        text("fk_key_name", true),
        text("pk_key_name", true),
        Field::new("update_rule", DataType::UInt8, false),
        Field::new("delete_rule", DataType::UInt8, false),
    ])))
}
