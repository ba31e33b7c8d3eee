//! Rows as sorted Parquet files, one per partition, and their log entries.
//!
//! Owns sorting and encoding.  The settings are measured
//! (reference/dataplane.md, section 6): a dictionary while it is under 4 KiB,
//! then DELTA_BINARY_PACKED for integers, which every reader knows.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::compute::{self, SortColumn};
use arrow::datatypes::{DataType, Date32Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, SecondsFormat};
use deltalake::kernel::Add;
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, Encoding, Type, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde_json::{Map, Value, json};
use trigpoint_record::Table;

use crate::{Error, schema};

/// One encoded file and its log entry, not yet written.
#[derive(Debug)]
pub(crate) struct DataFile {
    pub(crate) add: Add,
    pub(crate) bytes: Bytes,
}

/// Sorts `batches` and encodes them, one file for each date.
///
/// Work for the processor: about 4 µs a row in a release build.
pub(crate) fn encode(
    table: &'static Table,
    batches: &[&RecordBatch],
    modification_time_ms: i64,
) -> Result<Vec<DataFile>, Error> {
    let failed = |reason: String| Error::Encode { table: table.name, reason };
    let Some(first) = batches.first() else { return Ok(Vec::new()) };
    let sorted = sort(
        table,
        &compute::concat_batches(first.schema_ref(), batches.iter().copied())
            .map_err(|error| failed(error.to_string()))?,
    )
    .map_err(|error| failed(error.to_string()))?;

    let dates = sorted.column(0).as_primitive::<Date32Type>().clone();
    let mut files = Vec::new();
    let mut start = 0;
    while start < sorted.num_rows() {
        let day = dates.value(start);
        let rows = dates.values()[start..].partition_point(|other| *other <= day);
        let date = Date32Type::to_naive_date_opt(day)
            .ok_or_else(|| failed(format!("no calendar date for day {day}")))?;
        let part = sorted.slice(start, rows);
        files.push(
            file(table, date, &part, modification_time_ms)
                .map_err(|error| failed(error.to_string()))?,
        );
        start += rows;
    }
    Ok(files)
}

/// By date, then by the table's sort columns.
fn sort(table: &Table, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let keys: Vec<SortColumn> = std::iter::once(schema::DATE)
        .chain(schema::sort_columns(table))
        .filter_map(|name| batch.column_by_name(name))
        .map(|values| SortColumn { values: Arc::clone(values), options: None })
        .collect();
    let order = compute::lexsort_to_indices(&keys, None)?;
    compute::take_record_batch(batch, &order)
}

fn file(
    table: &Table,
    date: NaiveDate,
    rows: &RecordBatch,
    modification_time_ms: i64,
) -> Result<DataFile, ParquetError> {
    // The partition's value stands in the log, not in the file.
    let columns: Vec<usize> = (1..rows.num_columns()).collect();
    let rows = rows.project(&columns)?;
    let mut writer =
        ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties(table, &rows)?))?;
    writer.write(&rows)?;
    let bytes = Bytes::from(writer.into_inner()?);

    let name: u128 = rand::random();
    let add = Add {
        path: format!("{}={date}/part-{name:032x}.zstd.parquet", schema::DATE),
        partition_values: HashMap::from([(schema::DATE.to_owned(), Some(date.to_string()))]),
        size: bytes.len() as i64,
        modification_time: modification_time_ms,
        data_change: true,
        stats: Some(statistics(table, &rows).to_string()),
        tags: None,
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    };
    Ok(DataFile { add, bytes })
}

fn properties(table: &Table, rows: &RecordBatch) -> Result<WriterProperties, ParquetError> {
    let parquet = ArrowSchemaConverter::new().convert(rows.schema_ref())?;
    let leaf = |name: &str| {
        parquet.columns().iter().position(|column| column.path().parts() == [name.to_owned()])
    };
    let sorting = schema::sort_columns(table)
        .into_iter()
        .filter_map(leaf)
        // Arrow's default order: ascending, NULL first.
        .map(|leaf| SortingColumn { column_idx: leaf as i32, descending: false, nulls_first: true })
        .collect();

    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("trigpoint-lake ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_dictionary_page_size_limit(4096)
        .set_max_row_group_row_count(Some(131_072))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(None)
        .set_column_index_truncate_length(None)
        .set_sorting_columns(Some(sorting));
    for column in parquet.columns() {
        if matches!(column.physical_type(), Type::INT32 | Type::INT64) {
            builder =
                builder.set_column_encoding(column.path().clone(), Encoding::DELTA_BINARY_PACKED);
        }
    }
    for name in schema::statistics_columns(table) {
        builder = builder.set_column_statistics_enabled(name.into(), EnabledStatistics::Page);
    }
    if let Some(flows) = rows.column_by_name("flow_id") {
        let path = ColumnPath::from("flow_id");
        builder = builder
            .set_column_bloom_filter_enabled(path.clone(), true)
            .set_column_bloom_filter_max_ndv(path, distinct_of_sorted(flows)?);
    }
    Ok(builder.build())
}

fn distinct_of_sorted(values: &ArrayRef) -> Result<u64, ArrowError> {
    Ok(compute::partition(&[Arc::clone(values)])?.len().max(1) as u64)
}

/// Delta's per-file statistics (PROTOCOL.md, "Per-file Statistics") of the
/// columns that files are selected by.  Text is never cut: flow ids share a
/// long prefix, so a cut one would tell nothing.
fn statistics(table: &Table, rows: &RecordBatch) -> Value {
    let (mut low, mut high, mut nulls) = (Map::new(), Map::new(), Map::new());
    for name in schema::statistics_columns(table) {
        let Some(values) = rows.column_by_name(name) else { continue };
        nulls.insert(name.to_owned(), json!(values.null_count()));
        if let Some((min, max)) = bounds(values) {
            low.insert(name.to_owned(), min);
            high.insert(name.to_owned(), max);
        }
    }
    json!({
        "numRecords": rows.num_rows(),
        "minValues": low,
        "maxValues": high,
        "nullCount": nulls,
    })
}

/// Smallest and largest value as Delta's statistics write them, times so that
/// their order is that of their text; `None` for other kinds and without values.
pub(crate) fn bounds(values: &ArrayRef) -> Option<(Value, Value)> {
    match values.data_type() {
        DataType::Utf8 => {
            let values = values.as_string::<i32>();
            Some((json!(compute::min_string(values)?), json!(compute::max_string(values)?)))
        }
        DataType::Int64 => {
            let values = values.as_primitive::<Int64Type>();
            Some((json!(compute::min(values)?), json!(compute::max(values)?)))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let values = values.as_primitive::<TimestampMicrosecondType>();
            Some((timestamp(compute::min(values)?)?, timestamp(compute::max(values)?)?))
        }
        _ => None,
    }
}

fn timestamp(micros: i64) -> Option<Value> {
    let time = DateTime::from_timestamp_micros(micros)?;
    Some(json!(time.to_rfc3339_opts(SecondsFormat::Micros, true)))
}

#[cfg(test)]
mod tests;
