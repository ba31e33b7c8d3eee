//! `a || b` of texts as a function, so that it is held to a size as `concat` is.
//!
//! Each `s || s` around the one before doubles: forty of them in 1 KB of SQL would
//! make a terabyte.

use std::sync::Arc;

use arrow::compute::kernels::boolean::{is_null, or};
use arrow::compute::nullif;
use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result, internal_err};
use datafusion::functions::string::concat;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable as _, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature,
};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::{bounded, elementwise};

/// Plans `||`; comes before DataFusion's planners.
#[derive(Debug)]
pub(crate) struct Concatenation(Arc<ScalarUDF>);

impl Concatenation {
    pub(crate) fn new() -> Self {
        let concat = bounded::concat(concat());
        Self(Arc::new(ScalarUDF::from(OrNull { concat })))
    }
}

impl ExprPlanner for Concatenation {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        // A parameter may have no type yet.
        let is_text = |expr: &Expr| expr.get_type(schema).is_ok_and(|kind| is_text(&kind));
        if expr.op == BinaryOperator::StringConcat && is_text(&expr.left) && is_text(&expr.right) {
            return Ok(PlannerResult::Planned(self.0.call(vec![expr.left, expr.right])));
        }
        Ok(PlannerResult::Original(expr))
    }
}

fn is_text(kind: &DataType) -> bool {
    use DataType::{Binary, BinaryView, LargeBinary, LargeUtf8, Utf8, Utf8View};
    matches!(kind, Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView)
}

/// `concat`, and NULL where an argument is NULL, as SQL wants it of `||`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct OrNull {
    concat: ScalarUDF,
}

impl ScalarUDFImpl for OrNull {
    fn name(&self) -> &'static str {
        "||"
    }

    fn display_name(&self, arguments: &[Expr]) -> Result<String> {
        let words: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        Ok(words.join(" || "))
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        let words: Vec<_> = arguments.iter().map(|it| it.schema_name().to_string()).collect();
        Ok(words.join(" || "))
    }

    fn signature(&self) -> &Signature {
        self.concat.signature()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.concat.coerce_types(types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.concat.return_type(types)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let values = arguments.args.clone();
        let joined = self.concat.invoke_with_args(arguments)?;
        elementwise(&[values, vec![joined]].concat(), |arrays| {
            let [left, right, joined] = arrays else {
                return internal_err!("`||` has two arguments");
            };
            Ok(nullif(joined, &or(&is_null(left)?, &is_null(right)?)?)?)
        })
    }
}
