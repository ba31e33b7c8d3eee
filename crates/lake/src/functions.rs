//! SQL functions that published queries need and DataFusion lacks.
//!
//! | function | gives |
//! |---|---|
//! | `approx_quantiles(x, n)` | list of n + 1 quantiles of a group, from its least to its largest value |
//! | `array_length(list)` | DataFusion's own, computed before joins |
//! | `countif(condition)` | rows of a group for which it holds |
//! | `geometric_mean(x)` | exp(avg(ln(x))) of a group |
//! | `log_bucket(x, width)` | centre of x's bucket on a logarithmic axis |
//! | `safe_divide(x, y)` | x / y; NULL for a y of 0 |
//! | `offset(i)`, `ordinal(i)`, `safe_offset(i)`, `safe_ordinal(i)` | index into a list, from 0 or from 1 |
//! | `net_ip_from_string`, `net_safe_ip_from_string`, `net_ip_to_string`, `net_ip_net_mask`, `net_ip_trunc` | addresses and prefixes |
//! | `scamper_nodes(nodes, links, probes, protocol, prefix)` | the graph of a trace as scamper writes it |
//!
//! Also as BigQuery writes them, `net.ip_trunc`.  DataFusion's own are
//! `approx_percentile_cont`, `any_value`, `date_trunc`, `exp`, `generate_series`,
//! `ln`, `log`, `pow`, `regexp_like`.

use arrow::array::ArrayRef;
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::ColumnarValue;

mod addresses;
mod approx_quantiles;
pub(crate) mod array_length;
mod bounded;
mod concatenation;
mod countif;
mod geometric_mean;
mod indexes;
mod log_bucket;
mod safe_divide;
mod scamper_nodes;

pub(crate) use concatenation::Concatenation;

/// Makes every function known to the context.
pub(crate) fn register(context: &SessionContext) -> Result<()> {
    context.register_udf(array_length::function(context)?);
    let scalars = [log_bucket::function(), safe_divide::function(), scamper_nodes::function()];
    for function in scalars.into_iter().chain(addresses::functions()).chain(indexes::functions()) {
        context.register_udf(function);
    }
    bounded::register(context);
    context.register_udaf(approx_quantiles::function());
    context.register_udaf(countif::function());
    context.register_udaf(geometric_mean::function());
    Ok(())
}

/// Applies a function of arrays to arguments that may be single values.
fn elementwise(
    arguments: &[ColumnarValue],
    function: impl Fn(&[ArrayRef]) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    let is_scalar = arguments.iter().all(|it| matches!(it, ColumnarValue::Scalar(_)));
    let result = function(&ColumnarValue::values_to_arrays(arguments)?)?;
    if is_scalar {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
    }
    Ok(ColumnarValue::Array(result))
}

#[cfg(test)]
mod tests;
