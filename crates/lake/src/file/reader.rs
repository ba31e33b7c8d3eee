//! One file read batch by batch, as rows of the table's present schema.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use deltalake::kernel::schema::cast_record_batch;
use futures::future::BoxFuture;
use futures::{FutureExt as _, Stream, TryStreamExt as _};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _};
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::{AsyncFileReader, MetadataSuffixFetch};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

/// Rows of the file at `path`, in batches of at most `batch_rows`.
///
/// A column that the file does not have, at any depth, is NULL: it was written
/// before the column existed.
pub(crate) async fn read(
    store: Arc<dyn ObjectStore>,
    path: Path,
    schema: SchemaRef,
    batch_rows: usize,
) -> Result<impl Stream<Item = Result<RecordBatch>> + Send> {
    let builder = ParquetRecordBatchStreamBuilder::new(Object { store, path }).await?;
    let rows = builder.with_batch_size(batch_rows).build()?;
    Ok(rows.and_then(move |batch| {
        let cast = cast_record_batch(&batch, SchemaRef::clone(&schema), false, true);
        std::future::ready(cast.map_err(|error| ParquetError::External(Box::new(error))))
    }))
}

/// What the file at `path` says about itself.
pub(crate) async fn metadata(
    store: &Arc<dyn ObjectStore>,
    path: &Path,
) -> Result<Arc<ParquetMetaData>> {
    Object { store: Arc::clone(store), path: path.clone() }.get_metadata(None).await
}

#[derive(Debug, Clone)]
struct Object {
    store: Arc<dyn ObjectStore>,
    path: Path,
}

fn failed(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for Object {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        async move { self.store.get_range(&self.path, range).await.map_err(failed) }.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        async move { self.store.get_ranges(&self.path, &ranges).await.map_err(failed) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        async move {
            let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options);
            Ok(Arc::new(reader.load_via_suffix_and_finish(self).await?))
        }
        .boxed()
    }
}

impl MetadataSuffixFetch for &mut Object {
    fn fetch_suffix(&mut self, suffix: usize) -> BoxFuture<'_, Result<Bytes>> {
        let range = Some(GetRange::Suffix(suffix as u64));
        let options = GetOptions { range, ..GetOptions::default() };
        async move {
            let answer = self.store.get_opts(&self.path, options).await.map_err(failed)?;
            answer.bytes().await.map_err(failed)
        }
        .boxed()
    }
}
