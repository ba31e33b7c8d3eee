//! Plans that can be interrupted wherever they multiply rows.
//!
//! DataFusion 55 gives way when an operator has read 128 batches, and a join makes any
//! number of batches out of one.  A nested loop joins a million rows with each batch of
//! the other side before it gives way at all, unless some pairs pass its condition.  So
//! a join's output gives way too, and its condition fails once the execution is over.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{FieldRef, Schema};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder, SortMergeJoinExec,
};

use super::interrupt::Interrupt;

/// The last rule of the physical optimizer: others do not know what it makes.
#[derive(Debug)]
pub(super) struct Interruptible(pub(super) Interrupt);

impl PhysicalOptimizerRule for Interruptible {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| self.join(node)).data()
    }

    fn name(&self) -> &'static str {
        "Interruptible"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

impl Interruptible {
    fn join(&self, node: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
        let join: Arc<dyn ExecutionPlan> = if let Some(join) = node.downcast_ref::<HashJoinExec>() {
            Arc::new(join.builder().with_filter(self.condition(join.filter())).build()?)
        } else if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
            let builder = NestedLoopJoinExecBuilder::from(join);
            Arc::new(builder.with_filter(self.condition(join.filter())).build()?)
        } else if node.is::<CrossJoinExec>() || node.is::<SortMergeJoinExec>() {
            node
        } else {
            return Ok(Transformed::no(node));
        };
        Ok(Transformed::yes(Arc::new(CooperativeExec::new(join))))
    }

    fn condition(&self, filter: Option<&JoinFilter>) -> Option<JoinFilter> {
        let filter = filter?;
        let condition = Arc::clone(filter.expression());
        let until = Until { condition, interrupt: self.0.clone() };
        let columns = filter.column_indices().to_vec();
        Some(JoinFilter::new(Arc::new(until), columns, Arc::clone(filter.schema())))
    }
}

/// A join's condition, until the execution is over.
#[derive(Debug, Clone)]
struct Until {
    condition: Arc<dyn PhysicalExpr>,
    interrupt: Interrupt,
}

impl PhysicalExpr for Until {
    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        self.interrupt.check()?;
        self.condition.evaluate(batch)
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.condition.return_field(schema)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.condition]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let condition = children
            .pop()
            .ok_or_else(|| internal_datafusion_err!("a join's condition has one child"))?;
        Ok(Arc::new(Self { condition, interrupt: self.interrupt.clone() }))
    }

    fn fmt_sql(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt_sql(formatter)
    }
}

impl fmt::Display for Until {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.condition, formatter)
    }
}

impl PartialEq for Until {
    fn eq(&self, other: &Self) -> bool {
        self.condition.eq(&other.condition)
    }
}

impl Eq for Until {}

impl Hash for Until {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.condition.hash(state);
    }
}
