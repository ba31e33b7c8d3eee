//! `approx_quantiles(x, n)`: as in BigQuery a list of n + 1 quantiles, the first
//! the least value and the last the largest, by a t-digest (Dunning 2019).
//!
//! Its values are floats, also of integers, and lie between those of the group:
//! the rank of each is within 0.5 % of the group's size of the one it stands for.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{Accumulator, AggregateUDF, Volatility, create_udaf};
use datafusion_functions_aggregate_common::tdigest::TDigest;

/// A centroid then stands for at most 0.16 % of the values, near the median.
const CENTROIDS: usize = 1000;

/// BigQuery has no bound; a list of more is a mistake.
const MOST_QUANTILES: i64 = 100_000;

pub(super) fn function() -> AggregateUDF {
    let list_of_floats = DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)));
    // n, then what `TDigest::to_scalar_state` has.
    let state = vec![
        DataType::Int64,
        DataType::UInt64,
        DataType::Float64,
        DataType::Float64,
        DataType::Float64,
        DataType::Float64,
        list_of_floats.clone(),
    ];
    create_udaf(
        "approx_quantiles",
        vec![DataType::Float64, DataType::Int64],
        Arc::new(list_of_floats),
        Volatility::Immutable,
        Arc::new(|_| Ok(Box::new(ApproxQuantiles::default()))),
        Arc::new(state),
    )
}

#[derive(Debug)]
struct ApproxQuantiles {
    /// n; none before the first row.
    number: Option<i64>,
    digest: TDigest,
}

impl Default for ApproxQuantiles {
    fn default() -> Self {
        Self { number: None, digest: TDigest::new(CENTROIDS) }
    }
}

impl Accumulator for ApproxQuantiles {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let numbers = values[1].as_primitive::<Int64Type>();
        for number in numbers {
            if !number.is_some_and(|number| (1..=MOST_QUANTILES).contains(&number)) {
                return exec_err!("approx_quantiles wants a number from 1 to {MOST_QUANTILES}");
            }
            if self.number.is_some_and(|before| Some(before) != number) {
                return exec_err!("approx_quantiles wants one number for all rows of a group");
            }
            self.number = number;
        }
        let values = values[0].as_primitive::<Float64Type>();
        // A NaN has no rank.
        let mut values: Vec<_> = values.iter().flatten().filter(|it| !it.is_nan()).collect();
        values.sort_unstable_by(f64::total_cmp);
        self.digest = self.digest.merge_sorted_f64(&values);
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let number = ScalarValue::Int64(self.number);
        Ok(std::iter::once(number).chain(self.digest.to_scalar_state()).collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let numbers = states[0].as_primitive::<Int64Type>();
        for row in 0..numbers.len() {
            let state: Result<Vec<_>> =
                states[1..].iter().map(|it| ScalarValue::try_from_array(it, row)).collect();
            let digest = TDigest::from_scalar_state(&state?);
            // Two empty digests would become one of DataFusion's default size.
            if digest.count() > 0.0 {
                self.digest = TDigest::merge_digests([&self.digest, &digest]);
            }
            self.number = self.number.or(numbers.is_valid(row).then(|| numbers.value(row)));
        }
        Ok(())
    }

    /// NULL of a group without values.
    fn evaluate(&mut self) -> Result<ScalarValue> {
        let quantiles = self.number.filter(|_| self.digest.count() > 0.0).map(|number| {
            let quantile = |index| self.digest.estimate_quantile(index as f64 / number as f64);
            (0..=number).map(quantile).map(ScalarValue::from).collect::<Vec<_>>()
        });
        Ok(match quantiles {
            Some(list) => {
                ScalarValue::List(ScalarValue::new_list_nullable(&list, &DataType::Float64))
            }
            None => ScalarValue::new_null_list(DataType::Float64, true, 1),
        })
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.digest.size()
    }
}
