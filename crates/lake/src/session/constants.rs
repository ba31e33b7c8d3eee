//! Constants that are too large to stand on every row.
//!
//! A batch of rows repeats a constant for each of them: 60 MB of text, which is one
//! call of `repeat`, would be 490 GB.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::common::{Result, resources_err};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::unnest::UnnestExec;

/// Refuses constants of more bytes.
#[derive(Debug)]
pub(super) struct SmallConstants {
    pub(super) bytes: usize,
}

impl PhysicalOptimizerRule for SmallConstants {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.apply(|node| {
            let is_on_one_row = node.children().iter().all(|input| is_one_row(input));
            if !is_on_one_row {
                node.apply_expressions(&mut |expr| expr.apply(|it| self.check(it)))?;
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(plan)
    }

    fn name(&self) -> &'static str {
        "SmallConstants"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What stands after SELECT without FROM.
fn is_one_row(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let is_of_one = || match plan.children().as_slice() {
        [input] => !plan.is::<UnnestExec>() && is_one_row(input),
        _ => false,
    };
    plan.is::<PlaceholderRowExec>() || is_of_one()
}

impl SmallConstants {
    fn check(&self, expr: &Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion> {
        let constant = expr.downcast_ref::<Literal>();
        let bytes = constant.map_or(0, |constant| constant.value().size());
        if bytes > self.bytes {
            return resources_err!(
                "a constant of {bytes} bytes stands on every row, and may have {}",
                self.bytes
            );
        }
        Ok(TreeNodeRecursion::Continue)
    }
}
