//! `offset(i)` and `ordinal(i)`: BigQuery's indexes into a list, from 0 and from 1.
//!
//! `list[OFFSET(0)]` parses as a list and the call that gives its index, and SQL's
//! own index is from 1.  Where BigQuery's query fails for an index beyond the list,
//! unless it is `safe_`, all of these give NULL.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Int64Array};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::logical_expr::{ScalarUDF, Volatility, create_udf};

use super::elementwise;

pub(super) fn functions() -> [ScalarUDF; 2] {
    [
        function("offset", 0).with_aliases(["safe_offset"]),
        function("ordinal", 1).with_aliases(["safe_ordinal"]),
    ]
}

/// Gives the index of an item whose number is counted from `first`.
fn function(name: &str, first: i64) -> ScalarUDF {
    create_udf(
        name,
        vec![DataType::Int64],
        DataType::Int64,
        Volatility::Immutable,
        Arc::new(move |arguments| {
            elementwise(arguments, |arrays| {
                let numbers = arrays[0].as_primitive::<Int64Type>().iter();
                // A negative index would count from the end.
                let indexes = numbers
                    .map(|number| number.filter(|number| *number >= first)?.checked_add(1 - first));
                Ok(Arc::new(indexes.collect::<Int64Array>()) as ArrayRef)
            })
        }),
    )
}
