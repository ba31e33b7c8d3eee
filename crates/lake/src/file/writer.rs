//! One file written batch by batch, for files that are too big to be held in
//! memory: what maintenance writes.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use chrono::Utc;
use deltalake::kernel::Add;
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parquet::arrow::AsyncArrowWriter;
use parquet::errors::ParquetError;
use trigpoint_record::Table;

use super::{FLOW_ID, ROW_GROUP_ROWS, Statistics, add, bloom_filter, new_path, properties};

/// zstd level of files that stay: smaller than level 1, at 0.7 of its speed.
const LEVEL: i32 = 3;
/// A row group is held in memory until it is whole: a bound for tables with
/// wide rows.
const ROW_GROUP_BYTES: usize = 32 << 20;
/// Parts of an upload in flight, of 10 MB each.
const PARALLEL_PARTS: usize = 2;

/// A file that is being written; not visible before [`FileWriter::finish`].
pub(crate) struct FileWriter {
    table: &'static Table,
    date: String,
    path: String,
    writer: AsyncArrowWriter<BufWriter>,
    statistics: Statistics,
}

impl FileWriter {
    /// A new file of rows of `schema`, which has no partition column and is
    /// sorted as the table is, for the partition `date`.
    pub(crate) fn new(
        store: &Arc<dyn ObjectStore>,
        table: &'static Table,
        prefix: &str,
        date: &str,
        schema: &SchemaRef,
    ) -> Result<Self, ParquetError> {
        let path = new_path(prefix, date);
        let mut properties =
            properties(table, schema, LEVEL)?.set_max_row_group_bytes(Some(ROW_GROUP_BYTES));
        if schema.column_with_name(FLOW_ID).is_some() {
            properties = bloom_filter(properties, ROW_GROUP_ROWS as u64);
        }
        let upload = BufWriter::new(Arc::clone(store), Path::from(path.as_str()))
            .with_max_concurrency(PARALLEL_PARTS);
        Ok(Self {
            table,
            date: date.to_owned(),
            path,
            writer: AsyncArrowWriter::try_new(
                upload,
                SchemaRef::clone(schema),
                Some(properties.build()),
            )?,
            statistics: Statistics::default(),
        })
    }

    pub(crate) async fn write(&mut self, rows: &RecordBatch) -> Result<(), ParquetError> {
        self.statistics.take(self.table, rows);
        self.writer.write(rows).await
    }

    /// About how long the file would be if it ended here.
    pub(crate) fn bytes(&self) -> u64 {
        (self.writer.bytes_written() + self.writer.in_progress_size()) as u64
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> u64 {
        self.statistics.rows() as u64
    }

    /// The file is durable; its log entry.
    pub(crate) async fn finish(mut self) -> Result<Add, ParquetError> {
        self.writer.finish().await?;
        let size = self.writer.bytes_written();
        let now = Utc::now().timestamp_millis();
        Ok(add(self.path, &self.date, size, &self.statistics, now))
    }

    /// Gives the file up: no parts of it stay at the store.
    pub(crate) async fn abort(self) -> Result<(), object_store::Error> {
        self.writer.into_inner().abort().await
    }
}
