//! Sorted rows of many sources as one sorted stream.

use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
use datafusion::physical_expr::expressions::col;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::sorts::streaming_merge::StreamingMergeBuilder;
use trigpoint_record::Table;

use crate::schema;

/// The rows of all streams, each of which has the order of the table, in that
/// order, in batches of `batch_rows`.
pub(crate) fn merged(
    table: &Table,
    schema: &SchemaRef,
    streams: Vec<SendableRecordBatchStream>,
    batch_rows: usize,
    pool: &Arc<dyn MemoryPool>,
) -> Result<SendableRecordBatchStream, DataFusionError> {
    let keys = schema::sort_columns(table)
        .into_iter()
        .map(|name| Ok(PhysicalSortExpr::new(col(name, schema)?, SortOptions::default())))
        .collect::<Result<Vec<_>, DataFusionError>>()?;
    let order = LexOrdering::new(keys)
        .ok_or_else(|| DataFusionError::Internal("the table has no order".to_owned()))?;
    StreamingMergeBuilder::new()
        .with_streams(streams)
        .with_schema(SchemaRef::clone(schema))
        .with_expressions(&order)
        .with_metrics(BaselineMetrics::new(&ExecutionPlanMetricsSet::new(), 0))
        .with_batch_size(batch_rows)
        .with_reservation(MemoryConsumer::new("merge").register(pool))
        .build()
}
