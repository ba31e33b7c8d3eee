//! Types that every client reads, and rows of them.
//!
//! Drivers know neither string views nor dictionaries, and fail where rows are
//! not of the schema that they were told before; so both go through here.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use trigpoint_lake::Versions;

/// The key in a schema's metadata under which the versions of the tables stand.
pub(crate) const VERSIONS: &str = "trigpoint.versions";

/// The schema that a client is told for an answer.
pub(crate) fn of_answer(schema: &Schema, versions: &Versions) -> SchemaRef {
    let fields: Vec<_> = schema.fields().iter().map(field).collect();
    let metadata = HashMap::from([(VERSIONS.to_owned(), json(versions))]);
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

/// `{"flows":12,"snapshots":null}`: null for a table that nobody has made yet.
pub(crate) fn json(versions: &Versions) -> String {
    serde_json::json!(versions).to_string()
}

/// What [`of_answer`] said of the versions; none of another service's answer.
pub(crate) fn versions(told: &Schema) -> Versions {
    let versions = told.metadata().get(VERSIONS).and_then(|json| serde_json::from_str(json).ok());
    versions.unwrap_or_default()
}

/// The columns of parameters or of a table, as a client is told them.
pub(crate) fn of_columns(schema: &Schema) -> Schema {
    Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>())
}

fn field(field: &FieldRef) -> FieldRef {
    let mut told = Field::new(field.name(), data_type(field.data_type()), true);
    let mut metadata = HashMap::new();
    // What a column means stands where Delta has it and where drivers look.
    if let Some(comment) = field.metadata().get("comment") {
        metadata.insert("comment".to_owned(), comment.clone());
        metadata.insert("ARROW:FLIGHT:SQL:REMARKS".to_owned(), comment.clone());
    }
    told.set_metadata(metadata);
    Arc::new(told)
}

fn data_type(kind: &DataType) -> DataType {
    match kind {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::Dictionary(_, values) => data_type(values),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => DataType::List(field(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect()),
        other => other.clone(),
    }
}

/// A batch of the query as one of the schema that was told.
pub(crate) fn conform(batch: &RecordBatch, told: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .zip(told.fields())
        .map(|(column, field)| {
            if column.data_type() == field.data_type() {
                return Ok(Arc::clone(column));
            }
            cast(column, field.data_type())
        })
        .collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(told), columns, &options)
}
