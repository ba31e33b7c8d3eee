//! `array_length`, computed where the list is read.
//!
//! DataFusion computes it where the query has it, mostly above a join, which then
//! carries lists of snapshots to learn how long they are.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::execution::FunctionRegistry as _;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{
    ColumnarValue, ExpressionPlacement, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

pub(crate) const NAME: &str = "array_length";

/// In place of the context's own.
pub(super) fn function(context: &SessionContext) -> Result<ScalarUDF> {
    Ok(ScalarUDF::from(Early(context.udf(NAME)?)))
}

/// A function of one list whose result is small.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Early(Arc<ScalarUDF>);

impl ScalarUDFImpl for Early {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn aliases(&self) -> &[String] {
        self.0.aliases()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.0.return_type(arguments)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.0.invoke_with_args(arguments)
    }

    /// Down to what reads the list, as a field of a struct goes.
    fn placement(&self, arguments: &[ExpressionPlacement]) -> ExpressionPlacement {
        match arguments {
            [ExpressionPlacement::Column | ExpressionPlacement::MoveTowardsLeafNodes] => {
                ExpressionPlacement::MoveTowardsLeafNodes
            }
            _ => ExpressionPlacement::KeepInPlace,
        }
    }
}
