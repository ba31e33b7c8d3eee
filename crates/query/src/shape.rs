//! Types that every client reads, and rows of them.
//!
//! Drivers know neither string views nor dictionaries, and fail where rows are
//! not of the schema that they were told before; so both go through here.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::compute::kernels::length::length;
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use tonic::Status;
use trigpoint_lake::Versions;

use crate::status;

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

/// A batch in parts that are copied on their way to the client one by one, or why one
/// of its rows cannot be sent.
pub(crate) fn parts(batch: &RecordBatch) -> Result<Vec<RecordBatch>, Status> {
    /// What a message of gRPC holds in many clients (ADBC's driver takes 16 MiB).
    const ROW_BYTES: usize = 15 << 20;
    const PART_BYTES: usize = 4 << 20;
    let sizes = batch.columns().iter().map(row_bytes).collect::<Result<Vec<_>, _>>();
    let sizes = sizes.map_err(status::internal)?;
    let (mut parts, mut first, mut bytes) = (Vec::new(), 0, 0);
    for row in 0..batch.num_rows() {
        let size: usize = sizes.iter().map(|column| column[row]).sum();
        if size > ROW_BYTES {
            return Err(status::too_long_row(size, ROW_BYTES));
        }
        if bytes + size > PART_BYTES && row > first {
            parts.push(batch.slice(first, row - first));
            (first, bytes) = (row, 0);
        }
        bytes += size;
    }
    if first < batch.num_rows() {
        parts.push(batch.slice(first, batch.num_rows() - first));
    }
    Ok(parts)
}

/// Bytes of each row of a column as it is sent, nearly.
fn row_bytes(column: &ArrayRef) -> Result<Vec<usize>, ArrowError> {
    let rows = column.len();
    match column.data_type() {
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView => {
            let lengths = cast(&length(column)?, &DataType::Int64)?;
            let lengths = lengths.as_primitive::<Int64Type>();
            let bytes = |length: Option<i64>| usize::try_from(length.unwrap_or(0)).unwrap_or(0);
            Ok(lengths.iter().map(bytes).collect())
        }
        DataType::List(_) => {
            let lists = column.as_list::<i32>().iter();
            let sizes = lists.map(|list| match list {
                Some(items) => Ok(row_bytes(&items)?.iter().sum()),
                None => Ok(0),
            });
            sizes.collect()
        }
        DataType::Struct(_) => {
            let fields = column.as_struct().columns().iter().map(row_bytes);
            let fields = fields.collect::<Result<Vec<_>, _>>()?;
            Ok((0..rows).map(|row| fields.iter().map(|field| field[row]).sum()).collect())
        }
        DataType::Dictionary(_, _) => {
            let dictionary = column.as_any_dictionary();
            let sizes = row_bytes(dictionary.values())?;
            if sizes.is_empty() {
                return Ok(vec![0; rows]);
            }
            Ok(dictionary.normalized_keys().into_iter().map(|key| sizes[key]).collect())
        }
        kind => Ok(vec![kind.primitive_width().unwrap_or(1); rows]),
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
