//! `ndt_intermediate.connections`: every connection with the list of its snapshots.
//!
//! What SQL cannot say within bounds: a list of structs for each group holds all
//! groups at once (measured: 11.4 GB for 400,000 snapshots), and a join gathers
//! thousands of lists in one batch.  Here the rows of `flows` come in the order
//! in which files hold snapshots, and take their own as the files are read: in
//! memory are the snapshots of the longest connection, and a few batches of each
//! file that holds some of the date.
//!
//! A query that does not name the lists reads `flows` and nothing else.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::default_table_source::provider_as_source;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{
    Expr, LogicalPlanBuilder, TableProviderFilterPushDown, TableType, ident,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionConfig;
use deltalake::DeltaTable;
use trigpoint_record::tables::{FLOWS, SNAPSHOTS};

use crate::schema::DATE;

mod exec;
mod lengths;
mod lists;
mod snapshots;

use exec::ConnectionsExec;
use lists::Taken;
use snapshots::Snapshots;

/// The tables that it is made of.
pub(crate) const TABLES: [&str; 2] = [FLOWS.name, SNAPSHOTS.name];

/// The column with the lists.
const LISTS: &str = "snapshots";
const FLOW_ID: &str = "flow_id";

/// Rows that filters and joins gather before they pass them on: each may have a
/// list of thousands of snapshots, 1.7 kB each.
const ROWS_OF_A_BATCH: usize = 64;

/// For queries over connections.
///
/// Where DataFusion divides a plan's rows among processors it gathers them too,
/// so it is told not to: what takes long here is reading them, which is one task.
pub(crate) fn configured(config: SessionConfig) -> SessionConfig {
    config.with_batch_size(ROWS_OF_A_BATCH).with_round_robin_repartition(false)
}

/// The columns of `flows`, and `snapshots`.
pub(crate) struct Connections {
    flows: Arc<dyn TableProvider>,
    snapshots: Arc<Snapshots>,
    schema: SchemaRef,
}

impl Connections {
    /// Over `flows` as a query sees it, and `snapshots` in this state or, while
    /// nobody has made it, without any.
    pub(crate) fn new(
        state: &SessionState,
        flows: Arc<dyn TableProvider>,
        snapshots: Option<DeltaTable>,
    ) -> Result<Self> {
        let snapshots = Arc::new(Snapshots::new(state, snapshots)?);
        let list = Taken::Lists(Arc::clone(snapshots.item())).data_type();
        let mut fields = flows.schema().fields().to_vec();
        fields.push(Arc::new(Field::new(LISTS, list, true)));
        Ok(Self { flows, snapshots, schema: Arc::new(Schema::new(fields)) })
    }

    fn is_list(&self, column: usize) -> bool {
        column + 1 == self.schema.fields().len()
    }
}

#[async_trait]
impl TableProvider for Connections {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    /// Filters on lists come after this; what is on `flows` is done before a
    /// snapshot is looked at.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| {
            if filter.column_refs().iter().any(|column| column.name == LISTS) {
                TableProviderFilterPushDown::Unsupported
            } else {
                TableProviderFilterPushDown::Exact
            }
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all = || (0..self.schema.fields().len()).collect();
        let wanted: Vec<usize> = projection.cloned().unwrap_or_else(all);
        let name = |column: usize| self.schema.field(column).name().as_str();
        let mut read: Vec<&str> =
            wanted.iter().filter(|it| !self.is_list(**it)).map(|it| name(*it)).collect();
        let has_lists = wanted.iter().any(|it| self.is_list(*it));
        if has_lists {
            read.extend(
                [DATE, FLOW_ID].iter().filter(|key| !wanted.iter().any(|it| name(*it) == **key)),
            );
        }
        let source = provider_as_source(Arc::clone(&self.flows));
        let mut flows = LogicalPlanBuilder::scan(FLOWS.name, source, None)?;
        if let Some(filter) = conjunction(filters.iter().cloned()) {
            flows = flows.filter(filter)?;
        }
        let flows = flows.project(read.iter().map(|column| ident(*column)))?;
        let flows = state.create_physical_plan(&flows.limit(0, limit)?.build()?).await?;
        if !has_lists {
            return Ok(flows);
        }
        self.snapshots.prepare(state);
        let columns = wanted.iter().map(|it| read.iter().position(|column| *column == name(*it)));
        let schema = Arc::new(self.schema.project(&wanted)?);
        let snapshots = Arc::clone(&self.snapshots);
        let taken = Taken::Lists(Arc::clone(snapshots.item()));
        Ok(Arc::new(ConnectionsExec::new(flows, snapshots, taken, schema, columns.collect())?))
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connections").finish_non_exhaustive()
    }
}
