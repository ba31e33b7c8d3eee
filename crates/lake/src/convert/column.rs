//! One column's values as an Arrow array.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int32Builder, Int64Array, Int64Builder,
    ListArray, MapBuilder, MapFieldNames, StringArray, StructArray, TimestampMicrosecondArray,
    new_null_array,
};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field};
use trigpoint_record::{Array, Column, Kind, Table, Values};

use super::description::newer;
use super::{ConvertError, Description, Sent, Shape};

/// The column's values as the Arrow array that `field` asks for.
pub(super) fn array(
    table: &'static Table,
    column: &Column,
    field: &Field,
    description: &Description,
    array: Array,
) -> Result<ArrayRef, ConvertError> {
    let path = description.name.as_str();
    let malformed = |reason: String| ConvertError::malformed(table, path, reason);
    let rows = array.present.len();
    let nulls = NullBuffer::new(BooleanBuffer::from(array.present));
    if slots(&array.values).is_some_and(|slots| slots != rows) {
        return Err(malformed(format!("not one slot for each of {rows} rows")));
    }
    Ok(match (column.kind, array.values, &description.shape) {
        (Kind::Int, Values::Int(values), Shape::Int) => {
            Arc::new(Int64Array::new(values.into(), Some(nulls)))
        }
        (Kind::Time, Values::Int(values), Shape::Time) => Arc::new(
            TimestampMicrosecondArray::new(values.into(), Some(nulls)).with_timezone("UTC"),
        ),
        (Kind::Float, Values::Float(values), Shape::Float) => {
            Arc::new(Float64Array::new(values.into(), Some(nulls)))
        }
        (Kind::Bool, Values::Bool(values), Shape::Bool) => {
            Arc::new(BooleanArray::new(values.into(), Some(nulls)))
        }
        (Kind::Text, Values::Text(values), Shape::Text) => Arc::new(
            values
                .iter()
                .zip(&nulls)
                .map(|(text, present)| present.then_some(text))
                .collect::<StringArray>(),
        ),
        (Kind::Bytes, Values::Bytes(values), Shape::Bytes) => Arc::new(
            values
                .iter()
                .zip(&nulls)
                .map(|(bytes, present)| present.then_some(bytes))
                .collect::<BinaryArray>(),
        ),
        (Kind::List(item), Values::List { lengths, items }, Shape::List(sent)) => {
            let DataType::List(item_field) = field.data_type() else {
                return Err(malformed(format!("stored as {}", field.data_type())));
            };
            let total: u64 = lengths.iter().map(|length| u64::from(*length)).sum();
            if total != items.len() as u64 || i32::try_from(total).is_err() {
                return Err(malformed(format!(
                    "lengths add up to {total} of {} items",
                    items.len()
                )));
            }
            let offsets = OffsetBuffer::from_lengths(lengths.iter().map(|length| *length as usize));
            let items = self::array(table, item, item_field, sent, *items)?;
            Arc::new(
                ListArray::try_new(Arc::clone(item_field), offsets, items, Some(nulls))
                    .map_err(|error| malformed(error.to_string()))?,
            )
        }
        (Kind::Struct(fields), Values::Struct(arrays), Shape::Struct(sent)) => {
            let DataType::Struct(arrow_fields) = field.data_type() else {
                return Err(malformed(format!("stored as {}", field.data_type())));
            };
            if arrays.len() != sent.len() {
                return Err(malformed(format!(
                    "{} arrays for {} fields",
                    arrays.len(),
                    sent.len()
                )));
            }
            let mut children: Vec<Option<ArrayRef>> = vec![None; fields.len()];
            for (description, child) in sent.iter().zip(arrays) {
                if child.len() != rows {
                    let reason = format!("{} slots for {rows} rows", child.len());
                    return Err(ConvertError::malformed(table, &description.name, reason));
                }
                let Some(index) = fields.iter().position(|field| field.id == description.id) else {
                    return Err(newer(table, &format!("{path}.{}", description.name), description));
                };
                let (column, field) = (&fields[index], &arrow_fields[index]);
                children[index] = Some(self::array(table, column, field, description, child)?);
            }
            let children = children
                .into_iter()
                .zip(arrow_fields)
                .map(|(child, field)| {
                    child.unwrap_or_else(|| new_null_array(field.data_type(), rows))
                })
                .collect();
            Arc::new(
                StructArray::try_new_with_length(arrow_fields.clone(), children, Some(nulls), rows)
                    .map_err(|error| malformed(error.to_string()))?,
            )
        }
        (_, _, shape) => return Err(ConvertError::kind(table, column, path, shape.name())),
    })
}

/// Slots of a flat column; lists and structs are counted by their children.
fn slots(values: &Values) -> Option<usize> {
    match values {
        Values::Int(values) => Some(values.len()),
        Values::Float(values) => Some(values.len()),
        Values::Text(values) => Some(values.len()),
        Values::Bytes(values) => Some(values.len()),
        Values::Bool(values) => Some(values.len()),
        Values::List { lengths, .. } => Some(lengths.len()),
        Values::Struct(_) => None,
    }
}

/// An integer column that this version does not know.
pub(super) fn unknown(table: &'static Table, sent: Sent) -> Result<Array, ConvertError> {
    match (&sent.description.shape, &sent.array.values) {
        (Shape::Int, Values::Int(values)) if values.len() == sent.array.len() => Ok(sent.array),
        (Shape::Int, _) => {
            let reason = "an integer column without one integer per row".to_owned();
            Err(ConvertError::malformed(table, &sent.description.name, reason))
        }
        _ => Err(newer(table, &sent.description.name, &sent.description)),
    }
}

/// The `unmapped` column: NULL where a row has no unknown value.
pub(super) fn unmapped(data_type: &DataType, rows: usize, columns: &[(u32, Array)]) -> ArrayRef {
    let DataType::Map(entries, _) = data_type else {
        return new_null_array(data_type, rows);
    };
    let DataType::Struct(fields) = entries.data_type() else {
        return new_null_array(data_type, rows);
    };
    if columns.is_empty() {
        return new_null_array(data_type, rows);
    }
    let names = MapFieldNames {
        entry: entries.name().clone(),
        key: fields[0].name().clone(),
        value: fields[1].name().clone(),
    };
    let mut builder = MapBuilder::new(Some(names), Int32Builder::new(), Int64Builder::new())
        .with_keys_field(Arc::clone(&fields[0]))
        .with_values_field(Arc::clone(&fields[1]));
    for row in 0..rows {
        let mut any = false;
        for (id, array) in columns {
            if let (true, Values::Int(values)) = (array.present[row], &array.values) {
                builder.keys().append_value(*id as i32);
                builder.values().append_value(values[row]);
                any = true;
            }
        }
        // Fails only when keys and values differ in number; they are appended in pairs.
        if builder.append(any).is_err() {
            return new_null_array(data_type, rows);
        }
    }
    Arc::new(builder.finish())
}
