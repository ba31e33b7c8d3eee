//! Whether a query wants of a list no more than its length.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::projection::ProjectionExpr;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::projection::ProjectionExec;

use crate::functions::array_length;

/// The projection with the column `list` in place of each `array_length` of it;
/// `None` where it is used otherwise, or not at all.
pub(super) fn of_column(
    projection: &ProjectionExec,
    list: usize,
) -> Result<Option<Vec<ProjectionExpr>>> {
    let mut is_used = false;
    let mut is_used_otherwise = false;
    let mut projected = Vec::new();
    for ProjectionExpr { expr, alias } in projection.expr() {
        let expr = Arc::clone(expr).transform_down(|expr| {
            if let Some(column) = length_of(&expr, list) {
                is_used = true;
                return Ok(Transformed::new(column, true, TreeNodeRecursion::Jump));
            }
            is_used_otherwise |= is_column(&expr, list);
            Ok(Transformed::no(expr))
        })?;
        projected.push(ProjectionExpr { expr: expr.data, alias: alias.clone() });
    }
    Ok(Some(projected).filter(|_| is_used && !is_used_otherwise))
}

/// The column, where the expression is its length.
fn length_of(expr: &Arc<dyn PhysicalExpr>, list: usize) -> Option<Arc<dyn PhysicalExpr>> {
    let function = expr.downcast_ref::<ScalarFunctionExpr>()?;
    match function.args() {
        [column] if function.fun().name() == array_length::NAME && is_column(column, list) => {
            Some(Arc::clone(column))
        }
        _ => None,
    }
}

fn is_column(expr: &Arc<dyn PhysicalExpr>, index: usize) -> bool {
    expr.downcast_ref::<Column>().is_some_and(|column| column.index() == index)
}
