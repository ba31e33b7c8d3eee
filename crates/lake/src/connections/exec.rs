//! Connections take their snapshots as both come in the same order.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch, StringArray};
use arrow::compute::{self, SortOptions};
use arrow::datatypes::{DataType, Date32Type, Schema, SchemaRef};
use chrono::NaiveDate;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_datafusion_err, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, OrderingRequirements, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, Partitioning, PlanProperties,
};
use futures::TryStreamExt as _;
use tokio::sync::mpsc::Sender;

use super::FLOW_ID;
use super::lengths;
use super::lists::{Lists, Taken};
use super::snapshots::Snapshots;
use crate::schema::DATE;

/// A batch ends with the connection that brings it to so many snapshots: some
/// 4 MB.
const SNAPSHOTS_OF_A_BATCH: usize = 4096;

/// So many connections take their snapshots from one reading of the files.
const FLOWS_OF_A_READING: usize = 8192;

/// Adds the column of lists to rows of `flows`.
#[derive(Debug)]
pub(super) struct ConnectionsExec {
    flows: Arc<dyn ExecutionPlan>,
    snapshots: Arc<Snapshots>,
    taken: Taken,
    /// For each column which of `flows` it is; none for what is taken.
    columns: Vec<Option<usize>>,
    order: LexOrdering,
    properties: Arc<PlanProperties>,
}

impl ConnectionsExec {
    pub(super) fn new(
        flows: Arc<dyn ExecutionPlan>,
        snapshots: Arc<Snapshots>,
        taken: Taken,
        schema: SchemaRef,
        columns: Vec<Option<usize>>,
    ) -> Result<Self> {
        let read = flows.schema();
        let key = |name| -> Result<PhysicalSortExpr> {
            let column = Column::new_with_schema(name, &read)?;
            Ok(PhysicalSortExpr::new(Arc::new(column), SortOptions::default()))
        };
        let order = LexOrdering::new([key(DATE)?, key(FLOW_ID)?])
            .ok_or_else(|| internal_datafusion_err!("connections have no order"))?;
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        Ok(Self { flows, snapshots, taken, columns, order, properties })
    }
}

impl ExecutionPlan for ConnectionsExec {
    fn name(&self) -> &'static str {
        "ConnectionsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.flows]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition]
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![Some(OrderingRequirements::from(self.order.clone()))]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let [flows] = children.as_slice() else {
            return internal_err!("connections are made of one plan, not {}", children.len());
        };
        let (snapshots, taken) = (Arc::clone(&self.snapshots), self.taken.clone());
        let (flows, columns) = (Arc::clone(flows), self.columns.clone());
        Ok(Arc::new(Self::new(flows, snapshots, taken, self.schema(), columns)?))
    }

    /// Of lists whose length alone is wanted, only the keys are read.
    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExec,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let (Taken::Lists(_), Some(list)) =
            (&self.taken, self.columns.iter().position(Option::is_none))
        else {
            return Ok(None);
        };
        let Some(projected) = lengths::of_column(projection, list)? else { return Ok(None) };
        let taken = Taken::Lengths;
        let mut fields = self.schema().fields().to_vec();
        fields[list] = Arc::new(fields[list].as_ref().clone().with_data_type(taken.data_type()));
        let schema = Arc::new(Schema::new(fields));
        let (flows, snapshots) = (Arc::clone(&self.flows), Arc::clone(&self.snapshots));
        let counting = Self::new(flows, snapshots, taken, schema, self.columns.clone())?;
        Ok(Some(Arc::new(ProjectionExec::try_new(projected, Arc::new(counting))?)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let flows = self.flows.execute(partition, reading_flows(&context))?;
        let mut batches = RecordBatchReceiverStream::builder(self.schema(), 1);
        let joining = Joining {
            snapshots: Arc::clone(&self.snapshots),
            taken: self.taken.clone(),
            columns: self.columns.clone(),
            schema: self.schema(),
            context,
            batches: batches.tx(),
        };
        batches.spawn(joining.run(flows));
        Ok(batches.build())
    }
}

impl DisplayAs for ConnectionsExec {
    fn fmt_as(&self, _: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let taken = match self.taken {
            Taken::Lists(_) => "lists",
            Taken::Lengths => "lengths of the lists",
        };
        write!(formatter, "ConnectionsExec: {taken} of snapshots")
    }
}

/// What is below the lists has rows of the usual size.
fn reading_flows(context: &TaskContext) -> Arc<TaskContext> {
    Arc::new(TaskContext::new(
        context.task_id(),
        context.session_id(),
        context.session_config().clone().with_batch_size(FLOWS_OF_A_READING),
        context.scalar_functions().clone(),
        context.higher_order_functions().clone(),
        context.aggregate_functions().clone(),
        context.window_functions().clone(),
        context.runtime_env(),
    ))
}

/// One execution.
struct Joining {
    snapshots: Arc<Snapshots>,
    taken: Taken,
    columns: Vec<Option<usize>>,
    schema: SchemaRef,
    context: Arc<TaskContext>,
    batches: Sender<Result<RecordBatch>>,
}

impl Joining {
    async fn run(self, mut flows: SendableRecordBatchStream) -> Result<()> {
        while let Some(flows) = flows.try_next().await? {
            let dates = compute::partition(&[column(&flows, DATE)?])?;
            for range in dates.ranges() {
                let of_date = flows.slice(range.start, range.len());
                if self.join(&of_date).await?.is_none() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Connections of one date; `None` when nobody takes them any more.
    async fn join(&self, flows: &RecordBatch) -> Result<Option<()>> {
        let ids = compute::cast(&column(flows, FLOW_ID)?, &DataType::Utf8)?;
        let ids = ids.as_string::<i32>();
        let mut rows = self.rows(date(flows)?, ids)?;
        let mut lists = Lists::new(self.taken.clone());
        let mut sent = 0;
        for row in 0..flows.num_rows() {
            if ids.is_valid(row) {
                rows.take(ids.value(row), &mut lists).await?;
            }
            lists.end();
            let next = row + 1;
            if lists.held() >= SNAPSHOTS_OF_A_BATCH || next == flows.num_rows() {
                let batch = self.batch(&flows.slice(sent, next - sent), &lists.take()?)?;
                if self.batches.send(Ok(batch)).await.is_err() {
                    return Ok(None);
                }
                sent = next;
            }
        }
        Ok(Some(()))
    }

    /// The snapshots of connections of a date.
    fn rows(&self, date: Option<NaiveDate>, ids: &StringArray) -> Result<Rows<'_>> {
        let (snapshots, taken) = (&self.snapshots, &self.taken);
        // A connection without a date has none.
        let ids: Vec<&str> = date.iter().flat_map(|_| ids.iter().flatten()).collect();
        let stream = snapshots.rows(taken, date.unwrap_or_default(), &ids, &self.context)?;
        Ok(Rows { snapshots, taken, stream: Some(stream), batch: None, at: 0 })
    }

    fn batch(&self, flows: &RecordBatch, lists: &ArrayRef) -> Result<RecordBatch> {
        let column = |column: &Option<usize>| match column {
            Some(column) => Arc::clone(flows.column(*column)),
            None => Arc::clone(lists),
        };
        let columns = self.columns.iter().map(column).collect();
        Ok(RecordBatch::try_new(SchemaRef::clone(&self.schema), columns)?)
    }
}

/// Snapshots of one date, taken in the order of their connections.
struct Rows<'a> {
    snapshots: &'a Snapshots,
    taken: &'a Taken,
    /// None at its end.
    stream: Option<SendableRecordBatchStream>,
    /// The batch at hand: ids, and elements if they are taken.
    batch: Option<(StringArray, Option<ArrayRef>)>,
    /// The first row of it that was not passed.
    at: usize,
}

impl Rows<'_> {
    /// Adds those of the connection `id` to a list.
    async fn take(&mut self, id: &str, lists: &mut Lists) -> Result<()> {
        loop {
            if let Some((ids, items)) = &self.batch {
                let is_before = |row: &usize| ids.is_null(*row) || ids.value(*row) < id;
                let is_its = |row: &usize| ids.value(*row) == id;
                let start = self.at + (self.at..ids.len()).take_while(is_before).count();
                let end = start + (start..ids.len()).take_while(is_its).count();
                lists.extend(items.as_ref(), start..end);
                self.at = end;
                if end < ids.len() {
                    return Ok(());
                }
            }
            let Some(stream) = &mut self.stream else { return Ok(()) };
            let Some(rows) = stream.try_next().await? else {
                (self.stream, self.batch) = (None, None);
                return Ok(());
            };
            let ids = column(&rows, FLOW_ID)?.as_string::<i32>().clone();
            self.batch = Some((ids, self.snapshots.items(self.taken, &rows)?));
            self.at = 0;
        }
    }
}

fn column(rows: &RecordBatch, name: &str) -> Result<ArrayRef> {
    rows.column_by_name(name)
        .cloned()
        .ok_or_else(|| internal_datafusion_err!("a row has no column `{name}`"))
}

fn date(flows: &RecordBatch) -> Result<Option<NaiveDate>> {
    let dates = column(flows, DATE)?;
    let dates = dates.as_primitive_opt::<Date32Type>();
    let dates = dates.ok_or_else(|| internal_datafusion_err!("`{DATE}` is no date"))?;
    Ok(dates.iter().next().flatten().and_then(Date32Type::to_naive_date_opt))
}
