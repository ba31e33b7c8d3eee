//! Answers for programs that know nothing of Arrow.

use std::pin::pin;

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use futures::TryStreamExt as _;

use super::{Answer, QueryError};

impl Answer {
    /// All values of an answer that has `N` columns of 64-bit integers, by column;
    /// NULL is `None`.
    pub async fn integers<const N: usize>(self) -> Result<[Vec<Option<i64>>; N], QueryError> {
        let count = self.schema().fields().len();
        if count != N {
            let reason = format!("the answer has {count} columns instead of {N}");
            return Err(QueryError::Refused(reason));
        }
        let mut values = std::array::from_fn(|_| Vec::new());
        let mut batches = pin!(self.into_stream());
        while let Some(batch) = batches.try_next().await? {
            for (values, column) in values.iter_mut().zip(batch.columns()) {
                let integers = column.as_primitive_opt::<Int64Type>().ok_or_else(|| {
                    let kind = column.data_type();
                    QueryError::Refused(format!("a column has values of {kind}, not of Int64"))
                })?;
                values.extend(integers);
            }
        }
        Ok(values)
    }
}
