//! Why a query has no answer, in gRPC's words.

use std::time::Duration;

use tonic::Status;
use trigpoint_lake::QueryError;

pub(crate) fn of(error: &QueryError) -> Status {
    let message = error.to_string();
    match error {
        QueryError::UnknownTable { .. } | QueryError::UnknownColumn { .. } => {
            Status::not_found(message)
        }
        QueryError::TooLarge(_) => Status::resource_exhausted(message),
        QueryError::Refused(_) => Status::invalid_argument(message),
        QueryError::Lake(error) => Status::unavailable(error.line()),
    }
}

pub(crate) fn too_long(limit: Duration) -> Status {
    Status::deadline_exceeded(format!(
        "the query and the reading of its rows took longer than {} s; narrow its filter, or read faster",
        limit.as_secs_f64()
    ))
}

pub(crate) fn too_many_rows(limit: u64) -> Status {
    Status::resource_exhausted(format!(
        "the answer has more than {limit} rows; aggregate, or fetch it in parts"
    ))
}

pub(crate) fn too_long_row(bytes: usize, limit: usize) -> Status {
    Status::resource_exhausted(format!(
        "a row of the answer has {} MiB, and may have {}; take lists apart with unnest, or \
         aggregate",
        bytes >> 20,
        limit >> 20
    ))
}

pub(crate) fn cancelled() -> Status {
    Status::cancelled("the query was cancelled")
}

/// A panic in the planner or an operator.
pub(crate) fn fault() -> Status {
    Status::internal("the query ended by a fault of the service")
}

/// A failure of Arrow's own encoders, which no client causes.
pub(crate) fn internal(error: impl std::fmt::Display) -> Status {
    Status::internal(format!("cannot encode the answer: {error}"))
}
