//! What a client carries from one call to the next: prepared statements and tickets.
//!
//! The service keeps nothing for a client that may never come back.  A handle
//! holds the statement itself, so it outlives a restart and works with any
//! replica; whatever is changed in it could have been asked for anyway.

use std::io::Cursor;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::FlightData;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use prost::Message as _;
use prost::bytes::Bytes;
use tonic::Status;

/// A statement, and what is known of its execution.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Handle {
    /// The statement.
    #[prost(string, tag = "1")]
    pub(crate) sql: String,
    /// Its parameters, as [`to_messages`] makes them; empty for none.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(crate) parameters: Vec<Vec<u8>>,
    /// In a ticket, the plan that its FlightInfo told the schema and versions of.
    #[prost(uint64, tag = "3")]
    pub(crate) plan: u64,
    /// In a ticket, the name by which its execution can be cancelled.
    #[prost(uint64, tag = "4")]
    pub(crate) execution: u64,
}

impl Handle {
    /// A statement that nobody has planned.
    pub(crate) fn statement(sql: String) -> Self {
        Self { sql, ..Self::default() }
    }

    pub(crate) fn decode_from(bytes: &[u8]) -> Result<Self, Status> {
        Self::decode(Cursor::new(bytes)).map_err(|_| {
            Status::invalid_argument("the statement handle is not of this service; prepare again")
        })
    }

    pub(crate) fn to_bytes(&self) -> Bytes {
        self.encode_to_vec().into()
    }

    /// The one row of parameters.
    pub(crate) async fn bound(&self) -> Result<Option<RecordBatch>, Status> {
        if self.parameters.is_empty() {
            return Ok(None);
        }
        let bad = |_| Status::invalid_argument("the parameters of the statement are damaged");
        let messages = self.parameters.iter().map(|bytes| FlightData::decode(bytes.as_slice()));
        let messages = messages.collect::<Result<Vec<_>, _>>().map_err(bad)?;
        read(stream::iter(messages).map(Ok)).await.map(Some)
    }
}

/// The only row that a client sends as parameters.
pub(crate) async fn read(
    messages: impl futures::Stream<Item = Result<FlightData, FlightError>> + Send + 'static,
) -> Result<RecordBatch, Status> {
    let bad = |error: FlightError| {
        Status::invalid_argument(format!("cannot read the parameters of the statement: {error}"))
    };
    let batches = FlightRecordBatchStream::new_from_flight_data(messages);
    let rows: Vec<RecordBatch> = batches
        .try_filter(|batch| std::future::ready(batch.num_rows() > 0))
        .take(2)
        .try_collect()
        .await
        .map_err(bad)?;
    match rows.as_slice() {
        [row] if row.num_rows() == 1 => Ok(row.clone()),
        [] => Err(Status::invalid_argument("no row of parameters was sent")),
        _ => Err(Status::invalid_argument("bind one row of parameters at a time")),
    }
}

/// A row as Flight messages.
pub(crate) async fn to_messages(row: RecordBatch) -> Result<Vec<Vec<u8>>, Status> {
    let schema: SchemaRef = row.schema();
    let encoder = FlightDataEncoderBuilder::new().with_schema(schema);
    let messages: Vec<FlightData> =
        encoder.build(stream::iter([Ok(row)])).try_collect().await.map_err(|error| {
            Status::invalid_argument(format!("cannot keep the parameters: {error}"))
        })?;
    Ok(messages.iter().map(FlightData::encode_to_vec).collect())
}
