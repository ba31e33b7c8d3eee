//! The snapshots of some connections in their order, straight from the files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, FieldRef, SchemaRef};
use chrono::{DateTime, NaiveDate};
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, col, in_list, lit};
use datafusion::physical_plan::ExecutionPlan as _;
use datafusion::physical_plan::common::spawn_buffered;
use datafusion::physical_plan::stream::{EmptyRecordBatchStream, RecordBatchStreamAdapter};
use deltalake::DeltaTable;
use deltalake::logstore::LogStore as _;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::ObjectMeta;
use tokio::sync::Semaphore;
use trigpoint_record::tables::SNAPSHOTS;

use super::FLOW_ID;
use super::lists::Taken;
use crate::live::{self, Key, LiveFile, Reading, Run};
use crate::{file, schema};

/// One element of a list.
const ITEM: &str = include_str!("snapshot.sql");
/// So few ids are looked for in bloom filters; of more, only the range counts.
const FEW_IDS: usize = 20;
/// Files that are read whole at the same time.
const READ_WHOLE_AT_ONCE: usize = 4;

/// The table `snapshots` in one state.
pub(super) struct Snapshots {
    delta: Option<DeltaTable>,
    /// The live files of each date.
    files: BTreeMap<String, Vec<LiveFile>>,
    /// What is read of them for lists.
    schema: SchemaRef,
    /// What is read of them to count.
    keys: SchemaRef,
    /// Makes elements of rows of `schema`.
    expression: Arc<dyn PhysicalExpr>,
    item: FieldRef,
}

impl Snapshots {
    pub(super) fn new(state: &SessionState, delta: Option<DeltaTable>) -> Result<Self> {
        let all = schema::arrow_schema(&SNAPSHOTS);
        let all = file::schema_of(&all.map_err(|error| DataFusionError::External(error.into()))?);
        let expression = state.create_logical_expr(ITEM, &DFSchema::try_from(Arc::clone(&all))?)?;
        let needed: BTreeSet<_> = expression.column_refs().iter().map(|it| it.name()).collect();
        let keys = schema::sort_columns(&SNAPSHOTS);
        let is_read = |field: &Field| {
            needed.contains(field.name().as_str()) || keys.contains(&field.name().as_str())
        };
        let columns: Vec<usize> =
            (0..all.fields().len()).filter(|column| is_read(all.field(*column))).collect();
        let schema = Arc::new(all.project(&columns)?);
        let of_read = DFSchema::try_from(Arc::clone(&schema))?;
        let expression = state.create_physical_expr(expression, &of_read)?;
        let item = Arc::new(Field::new("item", expression.data_type(&schema)?, true));

        let mut files: BTreeMap<String, Vec<LiveFile>> = BTreeMap::new();
        if let Some(delta) = &delta {
            for file in live::files_of(&SNAPSHOTS, delta.snapshot()?) {
                files.entry(file.date.clone()).or_default().push(file);
            }
        }
        let keys: Vec<usize> = keys.iter().filter_map(|key| schema.index_of(key).ok()).collect();
        let keys = Arc::new(schema.project(&keys)?);
        Ok(Self { delta, files, schema, keys, expression, item })
    }

    /// Type of the elements.
    pub(super) fn item(&self) -> &FieldRef {
        &self.item
    }

    /// Elements of rows that were read; none where they are only counted.
    pub(super) fn items(&self, taken: &Taken, rows: &RecordBatch) -> Result<Option<ArrayRef>> {
        match taken {
            Taken::Lists(_) => {
                Ok(Some(self.expression.evaluate(rows)?.into_array(rows.num_rows())?))
            }
            Taken::Lengths => Ok(None),
        }
    }

    /// Lets queries of this session read the files.
    pub(super) fn prepare(&self, session: &dyn Session) {
        if let Some(delta) = &self.delta {
            let url = delta.log_store().object_store_url();
            session.runtime_env().register_object_store(url.as_ref(), delta.object_store());
        }
    }

    /// The rows of connections of one date in the order of (`flow_id`, `n`), and
    /// maybe others in between.  `ids` are sorted.
    pub(super) fn rows(
        &self,
        taken: &Taken,
        date: NaiveDate,
        ids: &[&str],
        context: &Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let schema = match taken {
            Taken::Lists(_) => &self.schema,
            Taken::Lengths => &self.keys,
        };
        let files = self.files.get(&date.to_string()).into_iter().flatten();
        let files: Vec<LiveFile> = files.filter(|file| may_hold(file, ids)).cloned().collect();
        let (Some(delta), false) = (&self.delta, files.is_empty()) else {
            return Ok(Box::pin(EmptyRecordBatchStream::new(Arc::clone(schema))));
        };
        let footers = context.runtime_env().cache_manager.get_file_metadata_cache();
        let readers = CachedParquetFileReaderFactory::new(delta.object_store(), footers);
        let source = ParquetSource::new(Arc::clone(schema))
            .with_parquet_file_reader_factory(Arc::new(readers))
            .with_predicate(one_of(ids, schema)?);
        let reading = Reading::of(schema);
        let batch_rows = reading.batch_rows(files.iter());
        let turns = Arc::new(Semaphore::new(READ_WHOLE_AT_ONCE));
        let read = |run: Run| -> Result<SendableRecordBatchStream> {
            let is_small = run.len() == 1 && reading.whole(&run[0]).is_some();
            let url = delta.log_store().object_store_url();
            let scan = FileScanConfigBuilder::new(url, Arc::new(source.clone()))
                .with_file_group(run.iter().map(partitioned).collect::<FileGroup>())
                .with_batch_size(Some(batch_rows))
                .with_preserve_order(true)
                .build();
            let rows = DataSourceExec::from_data_source(scan).execute(0, Arc::clone(context))?;
            Ok(if is_small { read_whole(rows, &turns) } else { spawn_buffered(rows, 1) })
        };
        let mut runs = live::runs(files).into_iter().map(read).collect::<Result<Vec<_>>>()?;
        if let [_] = runs.as_slice() {
            return Ok(runs.remove(0));
        }
        live::merged(&SNAPSHOTS, schema, runs, batch_rows, context.memory_pool())
    }
}

/// What lets readers leave out pages and row groups; other rows may come.
fn one_of(ids: &[&str], schema: &SchemaRef) -> Result<Arc<dyn PhysicalExpr>> {
    let flow_id = col(FLOW_ID, schema)?;
    if ids.len() <= FEW_IDS {
        let ids = ids.iter().map(|id| lit(*id)).collect();
        return in_list(flow_id, ids, &false, schema);
    }
    let bound = |operator, id: &str| -> Arc<dyn PhysicalExpr> {
        Arc::new(BinaryExpr::new(Arc::clone(&flow_id), operator, lit(id)))
    };
    let (low, high) = (ids[0], ids[ids.len() - 1]);
    let (low, high) = (bound(Operator::GtEq, low), bound(Operator::LtEq, high));
    Ok(Arc::new(BinaryExpr::new(low, Operator::And, high)))
}

fn may_hold(file: &LiveFile, ids: &[&str]) -> bool {
    let key = |id: &str| Key::Value(id.to_owned());
    let above = ids.partition_point(|id| key(id) < file.low);
    ids.get(above).is_some_and(|id| key(id) <= file.high)
}

fn partitioned(file: &LiveFile) -> PartitionedFile {
    PartitionedFile::new_from_meta(ObjectMeta {
        location: file.path.clone(),
        last_modified: DateTime::from_timestamp_millis(file.modified_ms).unwrap_or_default(),
        size: file.bytes,
        e_tag: None,
        version: None,
    })
}

/// The same rows, all read before the first is given: that takes less memory
/// than a reader that waits for others ([`Reading::whole`]).
fn read_whole(
    rows: SendableRecordBatchStream,
    turns: &Arc<Semaphore>,
) -> SendableRecordBatchStream {
    let (schema, turns) = (rows.schema(), Arc::clone(turns));
    let batches = async move {
        let _turn = turns.acquire().await;
        rows.try_collect::<Vec<_>>().await
    };
    let batches = stream::once(batches)
        .map_ok(|batches| stream::iter(batches).map(Ok::<_, DataFusionError>))
        .try_flatten();
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

impl fmt::Debug for Snapshots {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Snapshots").finish_non_exhaustive()
    }
}
