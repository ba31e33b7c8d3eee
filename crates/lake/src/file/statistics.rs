//! What the log says about a file's columns, gathered batch by batch.

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::compute;
use arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType};
use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};
use trigpoint_record::Table;

use crate::schema;

/// Delta's per-file statistics (PROTOCOL.md, "Per-file Statistics") of the
/// columns that files are selected by.  Text is never cut: flow ids share a
/// long prefix, so a cut one would tell nothing.
#[derive(Debug, Default)]
pub(super) struct Statistics {
    rows: usize,
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    name: &'static str,
    nulls: usize,
    bounds: Option<(Bound, Bound)>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Bound {
    Text(String),
    Int(i64),
    /// Microseconds since the Unix epoch.
    Time(i64),
}

impl Statistics {
    /// Adds the rows of a batch.
    pub(super) fn take(&mut self, table: &Table, rows: &RecordBatch) {
        self.rows += rows.num_rows();
        for name in schema::statistics_columns(table) {
            let Some(values) = rows.column_by_name(name) else { continue };
            let nulls = values.null_count();
            let bounds = bounds(values);
            match self.columns.iter_mut().find(|column| column.name == name) {
                Some(column) => column.take(nulls, bounds),
                None => self.columns.push(Column { name, nulls, bounds }),
            }
        }
    }

    /// Rows so far.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn to_json(&self) -> Value {
        let (mut low, mut high, mut nulls) = (Map::new(), Map::new(), Map::new());
        for column in &self.columns {
            nulls.insert(column.name.to_owned(), json!(column.nulls));
            if let Some((min, max)) = &column.bounds
                && let (Some(min), Some(max)) = (min.to_json(), max.to_json())
            {
                low.insert(column.name.to_owned(), min);
                high.insert(column.name.to_owned(), max);
            }
        }
        json!({
            "numRecords": self.rows,
            "minValues": low,
            "maxValues": high,
            "nullCount": nulls,
        })
    }
}

impl Column {
    fn take(&mut self, nulls: usize, bounds: Option<(Bound, Bound)>) {
        self.nulls += nulls;
        self.bounds = match (self.bounds.take(), bounds) {
            (Some((low, high)), Some((min, max))) => Some((low.min(min), high.max(max))),
            (known, new) => known.or(new),
        };
    }
}

impl Bound {
    fn to_json(&self) -> Option<Value> {
        match self {
            Self::Text(text) => Some(json!(text)),
            Self::Int(int) => Some(json!(int)),
            Self::Time(micros) => {
                let time = DateTime::from_timestamp_micros(*micros)?;
                Some(json!(time.to_rfc3339_opts(SecondsFormat::Micros, true)))
            }
        }
    }
}

/// Smallest and largest value as the log writes them, times so that their order
/// is that of their text; `None` for other kinds and without values.
pub(crate) fn logged_bounds(values: &ArrayRef) -> Option<(Value, Value)> {
    let (min, max) = bounds(values)?;
    Some((min.to_json()?, max.to_json()?))
}

fn bounds(values: &ArrayRef) -> Option<(Bound, Bound)> {
    match values.data_type() {
        DataType::Utf8 => {
            let values = values.as_string::<i32>();
            let text = |text: &str| Bound::Text(text.to_owned());
            Some((text(compute::min_string(values)?), text(compute::max_string(values)?)))
        }
        DataType::Int64 => {
            let values = values.as_primitive::<Int64Type>();
            Some((Bound::Int(compute::min(values)?), Bound::Int(compute::max(values)?)))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let values = values.as_primitive::<TimestampMicrosecondType>();
            Some((Bound::Time(compute::min(values)?), Bound::Time(compute::max(values)?)))
        }
        _ => None,
    }
}
