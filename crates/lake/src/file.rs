//! Rows as sorted Parquet files, one per partition, and their log entries.
//!
//! Owns sorting and encoding.  The settings are measured
//! (reference/dataplane.md, section 6): a dictionary while it is under 4 KiB,
//! then DELTA_BINARY_PACKED for integers, which every reader knows.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, RecordBatch};
use arrow::compute::{self, SortColumn};
use arrow::datatypes::{Date32Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use bytes::Bytes;
use deltalake::kernel::Add;
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, Encoding, Type, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use trigpoint_record::Table;

use crate::{Error, schema};

mod reader;
mod statistics;
mod writer;

pub(crate) use reader::{metadata, read};
use statistics::Statistics;
pub(crate) use statistics::logged_bounds;
pub(crate) use writer::FileWriter;

/// Rows of a row group: what a reader decodes at a time.
const ROW_GROUP_ROWS: usize = 131_072;
/// zstd level of appends; section 6 of the paper above has the trade.
const APPEND_LEVEL: i32 = 1;

const FLOW_ID: &str = "flow_id";

/// What a data file's name starts with.
pub(crate) const PART: &str = "part";

/// One encoded file and its log entry, not yet written.
#[derive(Debug)]
pub(crate) struct DataFile {
    pub(crate) add: Add,
    pub(crate) bytes: Bytes,
}

/// The schema of a table's files: that of its rows without the partition
/// column, whose value stands in the log.
pub(crate) fn schema_of(rows: &SchemaRef) -> SchemaRef {
    let fields = rows.fields().iter().filter(|field| field.name() != schema::DATE);
    Arc::new(Schema::new(fields.cloned().collect::<Vec<_>>()))
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
            file(table, &date.to_string(), &part, modification_time_ms)
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
    date: &str,
    rows: &RecordBatch,
    modification_time_ms: i64,
) -> Result<DataFile, ParquetError> {
    // The partition's value stands in the log, not in the file.
    let columns: Vec<usize> = (1..rows.num_columns()).collect();
    let rows = rows.project(&columns)?;
    let mut properties = properties(table, &rows.schema(), APPEND_LEVEL)?;
    if let Some(flows) = rows.column_by_name(FLOW_ID) {
        properties = bloom_filter(properties, distinct_of_sorted(flows)?);
    }
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties.build()))?;
    writer.write(&rows)?;
    let bytes = Bytes::from(writer.into_inner()?);

    let mut statistics = Statistics::default();
    statistics.take(table, &rows);
    let size = bytes.len();
    let add = add(new_path(PART, date), date, size, &statistics, modification_time_ms);
    Ok(DataFile { add, bytes })
}

/// A path that no other file has or had.
pub(crate) fn new_path(prefix: &str, date: &str) -> String {
    let name: u128 = rand::random();
    format!("{}={date}/{prefix}-{name:032x}.zstd.parquet", schema::DATE)
}

fn add(
    path: String,
    date: &str,
    size: usize,
    statistics: &Statistics,
    modification_time_ms: i64,
) -> Add {
    Add {
        path,
        partition_values: HashMap::from([(schema::DATE.to_owned(), Some(date.to_owned()))]),
        size: size as i64,
        modification_time: modification_time_ms,
        data_change: true,
        stats: Some(statistics.to_json().to_string()),
        tags: None,
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    }
}

fn properties(
    table: &Table,
    rows: &SchemaRef,
    zstd_level: i32,
) -> Result<WriterPropertiesBuilder, ParquetError> {
    let parquet = ArrowSchemaConverter::new().convert(rows)?;
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
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(zstd_level)?))
        .set_dictionary_page_size_limit(4096)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
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
    Ok(builder)
}

/// A filter over the flows of each row group, of which there are at most
/// `flows`; Parquet folds it down to what they need.
fn bloom_filter(builder: WriterPropertiesBuilder, flows: u64) -> WriterPropertiesBuilder {
    let path = ColumnPath::from(FLOW_ID);
    builder
        .set_column_bloom_filter_enabled(path.clone(), true)
        .set_column_bloom_filter_max_ndv(path, flows)
}

fn distinct_of_sorted(values: &ArrayRef) -> Result<u64, ArrowError> {
    Ok(compute::partition(&[Arc::clone(values)])?.len().max(1) as u64)
}

#[cfg(test)]
mod tests;
