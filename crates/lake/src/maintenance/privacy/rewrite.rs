//! Files written again, one for one, with their addresses cut.

use std::pin::pin;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use chrono::Utc;
use deltalake::kernel::Add;
use futures::TryStreamExt as _;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use trigpoint_record::Table;

use super::{CUT, columns};
use crate::Error;
use crate::file::{self, FileWriter};
use crate::live::LiveFile;

/// Rows in memory at a time, also of tables with wide rows.
const BATCH_ROWS: usize = 256;

/// Durable files for `files`, in the same order, that nobody names yet.
pub(super) async fn rewrite(
    table: &'static Table,
    store: &Arc<dyn ObjectStore>,
    schema: &SchemaRef,
    files: &[LiveFile],
) -> Result<Vec<Add>, Error> {
    let mut added = Vec::new();
    for file in files {
        let add = rewrite_one(table, store, schema, file).await;
        added.push(add.map_err(|error| Error::Rewrite {
            table: table.name,
            reason: format!("{}: {error}", file.path),
        })?);
    }
    Ok(added)
}

async fn rewrite_one(
    table: &'static Table,
    store: &Arc<dyn ObjectStore>,
    schema: &SchemaRef,
    file: &LiveFile,
) -> Result<Add, ParquetError> {
    let metadata = file::metadata(store, &file.path).await?;
    if holds_nothing(table, &metadata) {
        let add = file.add_at(file::new_path(CUT, &file.date), Utc::now());
        let target = add.path.as_str().into();
        store
            .copy(&file.path, &target)
            .await
            .map_err(|error| ParquetError::External(Box::new(error)))?;
        return Ok(add);
    }
    let mut writer = FileWriter::new(store, table, CUT, &file.date, schema)?;
    match copy_rows(table, store, schema, file, &mut writer).await {
        Ok(()) => writer.finish().await,
        Err(error) => {
            // No half upload may stay; the first error says more.
            let _ = writer.abort().await;
            Err(error)
        }
    }
}

async fn copy_rows(
    table: &'static Table,
    store: &Arc<dyn ObjectStore>,
    schema: &SchemaRef,
    file: &LiveFile,
    writer: &mut FileWriter,
) -> Result<(), ParquetError> {
    let (store, path) = (Arc::clone(store), file.path.clone());
    let rows = file::read(store, path, SchemaRef::clone(schema), BATCH_ROWS).await?;
    let mut rows = pin!(rows);
    while let Some(batch) = rows.try_next().await? {
        writer.write(&columns::cut(table, &batch)?).await?;
    }
    if file.rows.is_some_and(|expected| expected != writer.rows()) {
        let read = writer.rows();
        return Err(ParquetError::General(format!("{read} rows were read, the log has others")));
    }
    Ok(())
}

/// Whether the columns that may hold addresses are NULL in every row, as the
/// file's own statistics say.  Most snapshots are so.
fn holds_nothing(table: &Table, metadata: &ParquetMetaData) -> bool {
    let paths = columns::paths(table);
    metadata.row_groups().iter().flat_map(RowGroupMetaData::columns).all(|column| {
        let parts = column.column_path().parts().iter().map(String::as_str);
        let parts: Vec<&str> = parts.filter(|part| !matches!(*part, "list" | "element")).collect();
        let nulls = column.statistics().and_then(Statistics::null_count_opt);
        !paths.iter().any(|path| parts.starts_with(path))
            || nulls.is_some_and(|nulls| i64::try_from(nulls) == Ok(column.num_values()))
    })
}
