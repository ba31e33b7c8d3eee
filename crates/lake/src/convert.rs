//! Rows as a station sent them, turned into the table's Arrow form.
//!
//! Owns the rules of schema evolution on the way in: columns that the station
//! does not know are NULL, integer columns that this version does not know go
//! to `unmapped`, and an unknown column of another kind is refused, never
//! dropped.  One converter serves every table.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Date32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use trigpoint_record::{Array, Column, Table, Values};

use crate::schema;

mod column;
mod description;

pub use description::{Description, Shape, check};

/// One column of a batch as it was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// What the station said of the column.
    pub description: Description,
    /// One slot per row.
    pub array: Array,
}

/// A batch that cannot become rows of its table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// The station knows a column that this version does not, of a kind that
    /// cannot be kept aside: the collector has to be upgraded first.
    #[error("column `{column}` (id {id}, {kind}) of table {table} is newer than this collector")]
    Newer {
        /// The table.
        table: &'static str,
        /// Path of the column, dots between struct fields.
        column: String,
        /// Its id.
        id: u32,
        /// Its kind as sent.
        kind: &'static str,
    },
    /// A known column came with another kind: no version ever sends that.
    #[error("column `{column}` of table {table} is {expected}, the station sent {found}")]
    Kind {
        /// The table.
        table: &'static str,
        /// Path of the column, dots between struct fields.
        column: String,
        /// The table's kind.
        expected: &'static str,
        /// The kind that was sent.
        found: &'static str,
    },
    /// The arrays of the batch do not fit together.
    #[error("column `{column}` of table {table} is malformed: {reason}")]
    Malformed {
        /// The table.
        table: &'static str,
        /// Path of the column, dots between struct fields.
        column: String,
        /// What does not fit.
        reason: String,
    },
    /// A row has no time, or one outside of 2000 to 2100, so no partition.
    #[error("row {row} of table {table} has no usable time in `{column}`")]
    Time {
        /// The table.
        table: &'static str,
        /// The column that gives the partition.
        column: &'static str,
        /// Counted from 0.
        row: usize,
    },
}

/// One batch of a spool in the table's Arrow form, not yet sorted.
#[derive(Debug, Clone)]
pub struct Rows {
    pub(crate) seq: u64,
    pub(crate) batch: RecordBatch,
}

impl Rows {
    /// Converts batch `seq` of spool `spool_id`: `rows` rows of `table`.
    ///
    /// Work for the processor, about 1 µs a row; call it off the async threads
    /// when batches are large.
    pub fn convert(
        table: &'static Table,
        spool_id: &str,
        seq: u64,
        rows: usize,
        columns: Vec<Sent>,
    ) -> Result<Self, ConvertError> {
        let schema = schema::arrow_schema(table).map_err(|error| ConvertError::Malformed {
            table: table.name,
            column: String::new(),
            reason: error.to_string(),
        })?;
        let batch = batch(table, &schema, spool_id, seq, rows, columns)?;
        Ok(Self { seq, batch })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The latest time in a column, microseconds since the Unix epoch; `None`
    /// without a row that has one.
    pub fn latest(&self, column: &str) -> Option<i64> {
        let times = self.batch.column_by_name(column)?;
        arrow::compute::max(times.as_primitive_opt::<TimestampMicrosecondType>()?)
    }

    /// Bytes held in memory.
    pub fn memory(&self) -> usize {
        self.batch.get_array_memory_size()
    }
}

fn batch(
    table: &'static Table,
    schema: &SchemaRef,
    spool_id: &str,
    seq: u64,
    rows: usize,
    columns: Vec<Sent>,
) -> Result<RecordBatch, ConvertError> {
    let mut known: BTreeMap<u32, Sent> = BTreeMap::new();
    let mut unknown: Vec<(u32, Array)> = Vec::new();
    for sent in columns {
        let name = &sent.description.name;
        if sent.array.len() != rows {
            let reason = format!("{} slots for {rows} rows", sent.array.len());
            return Err(ConvertError::malformed(table, name, reason));
        }
        let id = sent.description.id;
        let repeated = if table.columns.iter().any(|column| column.id == id) {
            known.insert(id, sent).is_some()
        } else {
            let repeated = unknown.iter().any(|(other, _)| *other == id);
            unknown.push((id, column::unknown(table, sent)?));
            repeated
        };
        if repeated {
            let reason = format!("id {id} was sent twice");
            return Err(ConvertError::malformed(table, &id.to_string(), reason));
        }
    }

    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    arrays.push(Arc::new(Date32Array::from(dates(table, &known, rows)?)));
    for column in table.columns {
        let field = &schema.fields()[arrays.len()];
        arrays.push(match known.remove(&column.id) {
            Some(sent) => column::array(table, column, field, &sent.description, sent.array)?,
            None => arrow::array::new_null_array(field.data_type(), rows),
        });
    }
    arrays.push(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(spool_id, rows))));
    arrays.push(Arc::new(Int64Array::from(vec![seq as i64; rows])));
    let unmapped = schema.fields()[arrays.len()].data_type();
    arrays.push(column::unmapped(unmapped, rows, &unknown));

    RecordBatch::try_new(Arc::clone(schema), arrays)
        .map_err(|error| ConvertError::malformed(table, "", error.to_string()))
}

const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;
/// 2000-01-01 and 2100-01-01 as days since the Unix epoch: a station whose
/// clock is further off would scatter its rows over partitions for ever.
const PLAUSIBLE_DAYS: std::ops::Range<i64> = 10_957..47_482;

/// Each row's partition, as days since the Unix epoch.
fn dates(
    table: &'static Table,
    columns: &BTreeMap<u32, Sent>,
    rows: usize,
) -> Result<Vec<i32>, ConvertError> {
    let Some(source) = schema::date_source(table) else {
        return Err(ConvertError::malformed(table, schema::DATE, "no column of kind time".into()));
    };
    let bad = |row| ConvertError::Time { table: table.name, column: source.name, row };
    let Some(sent) = columns.get(&source.id) else {
        return if rows == 0 { Ok(Vec::new()) } else { Err(bad(0)) };
    };
    let Values::Int(micros) = &sent.array.values else {
        return Err(ConvertError::kind(table, source, source.name, sent.description.shape.name()));
    };
    let mut dates = Vec::with_capacity(rows);
    for row in 0..rows {
        let day = micros.get(row).map(|micros| micros.div_euclid(MICROSECONDS_PER_DAY));
        match day {
            Some(day) if sent.array.present[row] && PLAUSIBLE_DAYS.contains(&day) => {
                dates.push(day as i32);
            }
            _ => return Err(bad(row)),
        }
    }
    Ok(dates)
}

impl ConvertError {
    fn malformed(table: &'static Table, column: &str, reason: String) -> Self {
        Self::Malformed { table: table.name, column: column.to_owned(), reason }
    }

    fn kind(table: &'static Table, column: &Column, path: &str, found: &'static str) -> Self {
        let expected = column.kind.name();
        Self::Kind { table: table.name, column: path.to_owned(), expected, found }
    }

    /// Whether an upgraded collector could store the batch: ask the station to
    /// keep it, do not quarantine it.
    pub fn is_newer(&self) -> bool {
        matches!(self, Self::Newer { .. })
    }
}

#[cfg(test)]
mod tests;
