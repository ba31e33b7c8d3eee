//! `log_bucket(x, width)`: x's bucket on a logarithmic axis, told by the power of
//! ten in its middle, a multiple of `width`: `log_bucket(12, 0.5)` is 1.0, that of
//! 10^0.75 to 10^1.25.
//!
//! M-Lab's histograms have buckets `POW(10, x - .25)` to `POW(10, x + .25)`
//! (stats-pipeline) and of a width of .02 (`ops.ndt7_download_pdf_managed.sql`).

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Float64Array};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::logical_expr::{ScalarUDF, Volatility, create_udf};

use super::elementwise;

pub(super) fn function() -> ScalarUDF {
    create_udf(
        "log_bucket",
        vec![DataType::Float64, DataType::Float64],
        DataType::Float64,
        Volatility::Immutable,
        Arc::new(|arguments| {
            elementwise(arguments, |arrays| {
                let [values, widths] = [0, 1].map(|at| arrays[at].as_primitive::<Float64Type>());
                let buckets =
                    values.iter().zip(widths).map(|(value, width)| bucket(value?, width?));
                Ok(Arc::new(buckets.collect::<Float64Array>()) as ArrayRef)
            })
        }),
    )
}

/// None where there is no bucket: of a value or a width that is not above 0.
fn bucket(value: f64, width: f64) -> Option<f64> {
    if !(value > 0.0 && value.is_finite() && width > 0.0) {
        return None;
    }
    // Adding 0 turns a centre of -0 into 0, which groups apart.
    Some((value.log10() / width).round() * width + 0.0)
}
