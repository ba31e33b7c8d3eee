//! What a query gives: rows, and where they come from.

use std::fmt;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use chrono::{DateTime, Utc};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{Stream, StreamExt as _, TryStreamExt as _};

use super::interrupt::Interrupt;
use super::{QueryError, Versions, mistake};

/// The rows that answer a query, as they are found.
pub struct Answer {
    pub(super) stream: SendableRecordBatchStream,
    pub(super) origin: Origin,
    pub(super) interrupt: Interrupt,
}

/// Where an answer comes from: enough to ask the same again, by time travel to
/// the versions.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The statement.
    pub sql: String,
    /// When it was asked.
    pub time: DateTime<Utc>,
    /// The version of each table that was read.
    pub versions: Versions,
}

impl Answer {
    /// Rows that come from elsewhere.
    pub fn new(
        origin: Origin,
        schema: SchemaRef,
        batches: impl Stream<Item = Result<RecordBatch, QueryError>> + Send + 'static,
    ) -> Self {
        let batches =
            batches.map(|batch| batch.map_err(|error| DataFusionError::External(Box::new(error))));
        let interrupt = Interrupt::new();
        let batches = interrupt.clone().cut(batches);
        Self { stream: Box::pin(RecordBatchStreamAdapter::new(schema, batches)), origin, interrupt }
    }

    /// Ends it from elsewhere.
    pub fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }

    /// Names and types of the columns.
    pub fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }

    /// Where it comes from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// All rows at once.
    pub async fn collect(self) -> Result<Vec<RecordBatch>, QueryError> {
        self.into_stream().try_collect().await
    }

    /// The rows as they are found.
    pub fn into_stream(self) -> impl Stream<Item = Result<RecordBatch, QueryError>> + Send {
        self.stream.map(|batch| batch.map_err(|error| mistake::explain(&error, &[])))
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut answer = formatter.debug_struct("Answer");
        answer.field("origin", &self.origin).field("schema", &self.schema());
        answer.finish_non_exhaustive()
    }
}
