//! `safe_divide(x, y)`: x / y as a float, NULL for a y of 0, as in BigQuery.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Float64Array};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::logical_expr::{ScalarUDF, Volatility, create_udf};

use super::elementwise;

pub(super) fn function() -> ScalarUDF {
    create_udf(
        "safe_divide",
        vec![DataType::Float64, DataType::Float64],
        DataType::Float64,
        Volatility::Immutable,
        Arc::new(|arguments| {
            elementwise(arguments, |arrays| {
                let [dividends, divisors] =
                    [0, 1].map(|at| arrays[at].as_primitive::<Float64Type>());
                let quotients = dividends.iter().zip(divisors).map(|(dividend, divisor)| {
                    Some(dividend? / divisor.filter(|divisor| *divisor != 0.0)?)
                });
                Ok(Arc::new(quotients.collect::<Float64Array>()) as ArrayRef)
            })
        }),
    )
}
