//! `geometric_mean(x)`: exp(avg(ln(x))), the mean of rates, which spread over
//! orders of magnitude.
//!
//! M-Lab: m-lab/etl-schema, `functions/ops.ndt7_geomean_managed.sql`.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, AggregateUDF, Volatility, create_udaf};

pub(super) fn function() -> AggregateUDF {
    create_udaf(
        "geometric_mean",
        vec![DataType::Float64],
        Arc::new(DataType::Float64),
        Volatility::Immutable,
        Arc::new(|_| Ok(Box::new(GeometricMean::default()))),
        Arc::new(vec![DataType::Float64, DataType::Int64]),
    )
}

#[derive(Debug, Default)]
struct GeometricMean {
    sum_of_logarithms: f64,
    count: i64,
}

impl Accumulator for GeometricMean {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in values[0].as_primitive::<Float64Type>().iter().flatten() {
            self.sum_of_logarithms += value.ln();
            self.count += 1;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.sum_of_logarithms.into(), self.count.into()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let sums = states[0].as_primitive::<Float64Type>();
        self.sum_of_logarithms += sums.iter().flatten().sum::<f64>();
        self.count += states[1].as_primitive::<Int64Type>().iter().flatten().sum::<i64>();
        Ok(())
    }

    /// NULL of nothing and where a value is negative; 0 where one is 0.
    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mean = (self.sum_of_logarithms / self.count as f64).exp();
        Ok(ScalarValue::Float64(Some(mean).filter(|mean| !mean.is_nan())))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}
