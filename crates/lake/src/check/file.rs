//! One data file: every row decoded, and held against its entry in the log.

use std::collections::BTreeMap;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::compute;
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use arrow::row::{OwnedRow, RowConverter, SortField};
use chrono::NaiveDate;
use deltalake::kernel::Add;
use futures::TryStreamExt as _;
use serde::Deserialize;
use serde_json::Value;
use trigpoint_record::Table;

use super::filter::Filters;
use super::object::{self, Object};
use super::report::{FindingKind, Report};
use crate::{file, schema};

const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;

/// Delta's statistics of a file, as far as they are judged.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Statistics {
    num_records: Option<u64>,
    min_values: BTreeMap<String, Value>,
    max_values: BTreeMap<String, Value>,
    null_count: BTreeMap<String, Value>,
}

/// What is learnt of a file while its rows go by.
struct Reading {
    rows: u64,
    order: Order,
    /// Rows whose time is of another date than the file's partition.
    misplaced: u64,
    columns: BTreeMap<String, Bounds>,
}

/// Whether rows come in the table's order.
struct Order {
    columns: Vec<&'static str>,
    converter: Option<RowConverter>,
    last: Option<OwnedRow>,
    broken_at: Option<u64>,
}

#[derive(Default)]
struct Bounds {
    nulls: u64,
    extremes: Option<(Value, Value)>,
}

/// Days since the Unix epoch of the partition that a file is in.
pub(super) fn day_of(add: &Add) -> Option<i32> {
    day(add.partition_values.get(schema::DATE)?.as_deref()?)
}

/// Days since the Unix epoch of `YYYY-MM-DD`.
pub(super) fn day(date: &str) -> Option<i32> {
    let date: NaiveDate = date.parse().ok()?;
    Some(date.signed_duration_since(NaiveDate::default()).num_days() as i32)
}

/// The rows that the log says the file has.
pub(super) fn records(add: &Add) -> Option<u64> {
    statistics(add).ok()?.num_records
}

fn statistics(add: &Add) -> Result<Statistics, String> {
    let text = add.stats.as_deref().unwrap_or("{}");
    serde_json::from_str(text).map_err(|error| format!("the log's entry cannot be read: {error}"))
}

/// Decodes the file to its end, shows all of its rows to `rows`, and reports
/// what does not fit; the number of rows, or why it cannot be decoded.
pub(super) async fn check(
    table: &'static Table,
    add: &Add,
    name: &str,
    object: &Object,
    rows: &mut impl FnMut(&RecordBatch),
    report: &mut Report,
) -> Result<u64, String> {
    let mut reading = Reading {
        rows: 0,
        order: Order::new(schema::sort_columns(table)),
        misplaced: 0,
        columns: BTreeMap::new(),
    };
    let source = schema::date_source(table).map(|column| column.name);
    let day = day_of(add);
    let denied = object::guarded(async {
        let mut builder = object.open().await?;
        let mut filters = Filters::read(&mut builder).await?;
        let mut batches = builder.build().map_err(object::words)?;
        while let Some(batch) = batches.try_next().await.map_err(object::words)? {
            reading.order.take(&batch, reading.rows)?;
            if let Some(times) = source.and_then(|name| batch.column_by_name(name)) {
                reading.misplaced += misplaced(times, day)?;
            }
            filters.take(&batch);
            reading.bound(table, &batch);
            reading.rows += batch.num_rows() as u64;
            rows(&batch);
        }
        Ok(filters.denied())
    })
    .await?;
    if let Some(flow) = denied {
        let detail = format!("the bloom filter denies flow {flow}, which the file holds");
        report.add(FindingKind::Statistics, name, detail);
    }
    reading.report(add, name, report);
    Ok(reading.rows)
}

impl Reading {
    fn bound(&mut self, table: &Table, batch: &RecordBatch) {
        for name in schema::statistics_columns(table) {
            let Some(values) = batch.column_by_name(name) else { continue };
            let column = self.columns.entry(name.to_owned()).or_default();
            column.nulls += values.null_count() as u64;
            let Some((low, high)) = file::logged_bounds(values) else { continue };
            column.extremes = Some(match column.extremes.take() {
                None => (low, high),
                Some((least, most)) => (
                    if is_less(&low, &least) { low } else { least },
                    if is_less(&most, &high) { high } else { most },
                ),
            });
        }
    }

    fn report(&self, add: &Add, name: &str, report: &mut Report) {
        if let Some(row) = self.order.broken_at {
            let columns = self.order.columns.join(", ");
            let detail = format!("row {row} is before the row in front of it by {columns}");
            report.add(FindingKind::SortOrder, name, detail);
        }
        if self.misplaced > 0 {
            let date = add.partition_values.get(schema::DATE).cloned().flatten();
            let date = date.unwrap_or_else(|| "no date".to_owned());
            let detail = format!("{} of {} rows are not of {date}", self.misplaced, self.rows);
            report.add(FindingKind::Partition, name, detail);
        }
        let statistics = match statistics(add) {
            Ok(statistics) => statistics,
            Err(reason) => return report.add(FindingKind::Statistics, name, reason),
        };
        if let Some(expected) = statistics.num_records.filter(|records| *records != self.rows) {
            let detail = format!("{} rows, the log says {expected}", self.rows);
            report.add(FindingKind::RowCount, name, detail);
        }
        for (column, bounds) in &self.columns {
            if let Some(what) = bounds.lie(column, &statistics) {
                report.add(FindingKind::Statistics, name, what);
            }
        }
    }
}

impl Bounds {
    /// What the log says of the column and the rows deny.  Bounds may be wider
    /// than the values: other writers cut them.
    fn lie(&self, column: &str, log: &Statistics) -> Option<String> {
        if let Some(nulls) = log.null_count.get(column).and_then(Value::as_u64)
            && nulls != self.nulls
        {
            return Some(format!("{column} has {} NULLs, the log says {nulls}", self.nulls));
        }
        let (low, high) = self.extremes.as_ref()?;
        if let Some(least) = log.min_values.get(column)
            && is_less(low, least)
        {
            return Some(format!("{column} has {low}, the log's minimum is {least}"));
        }
        if let Some(most) = log.max_values.get(column)
            && is_less(most, high)
        {
            return Some(format!("{column} has {high}, the log's maximum is {most}"));
        }
        None
    }
}

/// The order of two values of one column, as [`file::logged_bounds`] writes them.
fn is_less(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_i64() < right.as_i64(),
        (Value::String(left), Value::String(right)) => left < right,
        _ => left != right,
    }
}

fn misplaced(times: &ArrayRef, day: Option<i32>) -> Result<u64, String> {
    let kind = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let times = compute::cast(times, &kind).map_err(object::words)?;
    let times = times.as_primitive::<TimestampMicrosecondType>();
    let fits = |time: i64| day == i32::try_from(time.div_euclid(MICROSECONDS_PER_DAY)).ok();
    Ok(times.iter().filter(|time| !time.is_some_and(fits)).count() as u64)
}

impl Order {
    fn new(columns: Vec<&'static str>) -> Self {
        Self { columns, converter: None, last: None, broken_at: None }
    }

    /// Takes rows of which the first is number `first` of the file.
    fn take(&mut self, batch: &RecordBatch, first: u64) -> Result<(), String> {
        if self.broken_at.is_some() || batch.num_rows() == 0 {
            return Ok(());
        }
        let columns = columns(batch, &self.columns);
        if columns.is_empty() {
            return Ok(());
        }
        let converter = match self.converter.take() {
            Some(converter) => converter,
            None => converter(&columns)?,
        };
        // Arrow's default order is that of the writer: ascending, NULL first.
        let rows = converter.convert_columns(&columns).map_err(object::words)?;
        let before = self.last.as_ref().is_some_and(|last| last.row() > rows.row(0));
        let inside = (1..rows.num_rows()).find(|row| rows.row(row - 1) > rows.row(*row));
        self.broken_at = if before { Some(first) } else { inside.map(|row| first + row as u64) };
        self.last = Some(rows.row(rows.num_rows() - 1).owned());
        self.converter = Some(converter);
        Ok(())
    }
}

/// The columns of these names, as far as the rows have them.
pub(super) fn columns(batch: &RecordBatch, names: &[&str]) -> Vec<ArrayRef> {
    names.iter().filter_map(|name| batch.column_by_name(name).cloned()).collect()
}

/// Makes comparable rows of such columns.
pub(super) fn converter(columns: &[ArrayRef]) -> Result<RowConverter, String> {
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    RowConverter::new(fields).map_err(object::words)
}
