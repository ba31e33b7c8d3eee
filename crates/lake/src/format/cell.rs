//! Values as text: plain where they are flat, JSON where they are nested.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::json::writer::{EncoderOptions, make_encoder};
use arrow::util::display::{ArrayFormatter, FormatOptions};

fn is_nested(data_type: &DataType) -> bool {
    data_type.is_nested() && !matches!(data_type, DataType::Dictionary(..))
}

/// The schema of [`flatten`]ed batches.
pub(super) fn flat_schema(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        if is_nested(field.data_type()) {
            Arc::new(Field::new(field.name(), DataType::Utf8, true))
        } else {
            Arc::clone(field)
        }
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The batch with what JSON needs: its objects only have text as keys, the
/// `unmapped` column has integers.
pub(super) fn with_text_keys(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    let (fields, columns): (Vec<FieldRef>, Vec<ArrayRef>) = columns
        .map(|(field, column)| text_keys(field, column))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn text_keys(field: &FieldRef, column: &ArrayRef) -> Result<(FieldRef, ArrayRef), ArrowError> {
    let unchanged = || Ok((Arc::clone(field), Arc::clone(column)));
    let DataType::Map(entries, sorted) = field.data_type() else { return unchanged() };
    let DataType::Struct(pair) = entries.data_type() else { return unchanged() };
    let key = pair[0].as_ref().clone().with_data_type(DataType::Utf8);
    let pair = DataType::Struct(vec![Arc::new(key), Arc::clone(&pair[1])].into());
    let entries = entries.as_ref().clone().with_data_type(pair);
    let wanted = DataType::Map(Arc::new(entries), *sorted);
    let column = arrow::compute::cast(column, &wanted)?;
    Ok((Arc::new(field.as_ref().clone().with_data_type(wanted)), column))
}

/// The batch with its nested columns as JSON text.
pub(super) fn flatten(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let columns: Result<Vec<ArrayRef>, ArrowError> = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, column)| {
            if is_nested(field.data_type()) {
                let text: StringArray = json(field, column)?.into_iter().collect();
                Ok(Arc::new(text) as ArrayRef)
            } else {
                Ok(Arc::clone(column))
            }
        })
        .collect();
    RecordBatch::try_new(flat_schema(&schema), columns?)
}

/// Every row of a column as text, `None` where it is NULL.
pub(super) fn text(field: &FieldRef, column: &ArrayRef) -> Result<Vec<Option<String>>, ArrowError> {
    if is_nested(field.data_type()) {
        return json(field, column);
    }
    let options = FormatOptions::new();
    let formatter = ArrayFormatter::try_new(column, &options)?;
    (0..column.len())
        .map(|row| {
            if column.is_null(row) {
                Ok(None)
            } else {
                Ok(Some(formatter.value(row).try_to_string()?))
            }
        })
        .collect()
}

fn json(field: &FieldRef, column: &ArrayRef) -> Result<Vec<Option<String>>, ArrowError> {
    let (field, column) = text_keys(field, column)?;
    let options = EncoderOptions::default();
    let mut encoder = make_encoder(&field, &column, &options)?;
    Ok((0..column.len())
        .map(|row| {
            if column.is_null(row) {
                return None;
            }
            let mut bytes = Vec::new();
            encoder.encode(row, &mut bytes);
            Some(String::from_utf8_lossy(&bytes).into_owned())
        })
        .collect())
}
