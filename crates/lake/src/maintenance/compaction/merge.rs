//! A streaming merge of sorted runs into sorted files.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, RecordBatch, make_comparator};
use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{MemoryPool, UnboundedMemoryPool};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use deltalake::kernel::Add;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::ObjectStore;
use parquet::errors::ParquetError;
use tokio::sync::Semaphore;
use trigpoint_record::Table;

use crate::file::{self, FileWriter, PART};
use crate::live::{LiveFile, Reading, Run, merged};
use crate::{Error, schema};

/// Files that are read whole at the same time: their readers are not counted
/// where the runs are chosen.
const READ_WHOLE_AT_ONCE: usize = 4;

/// Writes the rows of all runs, which are of one date, into new files that are
/// durable on return and named by nobody yet.
pub(super) async fn merge(
    table: &'static Table,
    store: &Arc<dyn ObjectStore>,
    schema: &SchemaRef,
    runs: Vec<Run>,
    target_bytes: u64,
) -> Result<Vec<Add>, Error> {
    let failed = |reason: String| Error::Rewrite { table: table.name, reason };
    let files: Vec<&LiveFile> = runs.iter().flatten().collect();
    let date = files.first().map(|file| file.date.clone()).unwrap_or_default();
    // The log and the files must agree on what there is, before it is replaced.
    let expected = files.iter().map(|file| file.rows).sum::<Option<u64>>();
    let mut output = Output {
        table,
        store,
        schema,
        date,
        target_bytes,
        key: schema::sort_columns(table).first().copied().unwrap_or_default(),
        last_key: None,
        writer: None,
        added: Vec::new(),
        rows: 0,
    };
    let reading = Reading::of(schema);
    let source = Source {
        store: Arc::clone(store),
        schema: SchemaRef::clone(schema),
        reading,
        batch_rows: reading.batch_rows(files.into_iter()),
        turns: Arc::new(Semaphore::new(READ_WHOLE_AT_ONCE)),
    };
    let merged = match source.sorted(table, runs) {
        Ok(merged) => merged,
        Err(error) => return Err(failed(error.to_string())),
    };
    if let Err(error) = output.take_all(merged).await {
        output.abort().await;
        return Err(failed(error.to_string()));
    }
    if expected.is_some_and(|expected| expected != output.rows) {
        let expected = expected.unwrap_or_default();
        let reason = format!("{} rows were read where the log has {expected}", output.rows);
        return Err(failed(reason));
    }
    Ok(output.added)
}

/// The files that are read.
#[derive(Clone)]
struct Source {
    store: Arc<dyn ObjectStore>,
    schema: SchemaRef,
    reading: Reading,
    /// Of a file that is not read whole.
    batch_rows: usize,
    turns: Arc<Semaphore>,
}

impl Source {
    /// The rows of all runs in the order of the table.
    fn sorted(
        &self,
        table: &Table,
        runs: Vec<Run>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let streams = runs.into_iter().map(|run| self.in_order(run)).collect();
        // What is read at once was bounded when the runs were chosen.
        let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        merged(table, &self.schema, streams, self.batch_rows, &pool)
    }

    /// The rows of one run: its files one after the other.
    fn in_order(&self, run: Run) -> SendableRecordBatchStream {
        let source = self.clone();
        let rows = stream::iter(run)
            .then(move |file| {
                let source = source.clone();
                async move { source.rows(file).await }
            })
            .try_flatten()
            .map_err(DataFusionError::from);
        Box::pin(RecordBatchStreamAdapter::new(SchemaRef::clone(&self.schema), rows))
    }

    async fn rows(
        self,
        file: LiveFile,
    ) -> Result<BoxStream<'static, Result<RecordBatch, ParquetError>>, ParquetError> {
        let whole = self.reading.whole(&file);
        let batch_rows = whole.unwrap_or(self.batch_rows).max(1);
        let rows = file::read(self.store, file.path, self.schema, batch_rows);
        if whole.is_none() {
            return Ok(rows.await?.boxed());
        }
        let _turn = self.turns.acquire().await;
        let batches: Vec<RecordBatch> = rows.await?.try_collect().await?;
        Ok(stream::iter(batches).map(Ok).boxed())
    }
}

/// The files that are written, one after the other.
struct Output<'a> {
    table: &'static Table,
    store: &'a Arc<dyn ObjectStore>,
    schema: &'a SchemaRef,
    date: String,
    target_bytes: u64,
    /// The first sort column.
    key: &'static str,
    /// Its value in the last row, as an array of one.
    last_key: Option<ArrayRef>,
    writer: Option<FileWriter>,
    added: Vec<Add>,
    rows: u64,
}

impl Output<'_> {
    async fn take_all(
        &mut self,
        mut rows: SendableRecordBatchStream,
    ) -> Result<(), DataFusionError> {
        while let Some(batch) = rows.try_next().await? {
            let same =
                if self.is_full() { self.rows_of_last_key(&batch)? } else { batch.num_rows() };
            self.write(&batch.slice(0, same)).await?;
            if same < batch.num_rows() {
                self.finish_file().await?;
                self.write(&batch.slice(same, batch.num_rows() - same)).await?;
            }
        }
        self.finish_file().await
    }

    fn is_full(&self) -> bool {
        self.writer.as_ref().is_some_and(|writer| writer.bytes() >= self.target_bytes)
    }

    /// How many rows at the start of the batch belong to the last flow: a flow
    /// is never divided, so that the keys of files do not overlap.
    fn rows_of_last_key(&self, batch: &RecordBatch) -> Result<usize, DataFusionError> {
        let (Some(last), Some(keys)) = (&self.last_key, batch.column_by_name(self.key)) else {
            return Ok(0);
        };
        let compare = make_comparator(last, keys, SortOptions::default())?;
        Ok((0..keys.len()).take_while(|row| compare(0, *row).is_eq()).count())
    }

    async fn write(&mut self, rows: &RecordBatch) -> Result<(), DataFusionError> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => self.writer.insert(FileWriter::new(
                self.store,
                self.table,
                PART,
                &self.date,
                self.schema,
            )?),
        };
        writer.write(rows).await?;
        let last = rows.num_rows() - 1;
        self.last_key = rows.column_by_name(self.key).map(|keys| keys.slice(last, 1));
        Ok(())
    }

    async fn finish_file(&mut self) -> Result<(), DataFusionError> {
        if let Some(writer) = self.writer.take() {
            self.rows += writer.rows();
            self.added.push(writer.finish().await?);
        }
        Ok(())
    }

    /// What could not be merged leaves no half upload; whole files of it stay
    /// for vacuum.
    async fn abort(&mut self) {
        if let Some(writer) = self.writer.take()
            && let Err(error) = writer.abort().await
        {
            tracing::debug!(table = self.table.name, %error, "cannot abort an upload");
        }
    }
}
