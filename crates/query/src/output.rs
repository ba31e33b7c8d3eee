//! Rows on their way to a client, who may never read them.
//!
//! HTTP/2 asks for the next message only when the client has taken those before;
//! until then batches wait in a channel of one, and the query with them.  A query
//! that has to end meanwhile takes back what waits: the client gets the reason
//! when it reads again, and the memory is free at once.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::FlightData;
use arrow_flight::encode::{FlightDataEncoder, FlightDataEncoderBuilder};
use arrow_flight::error::FlightError;
use futures::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use tonic::Status;

use crate::status;

/// The end on which the client reads.
pub(crate) struct Output(Arc<Mutex<State>>);

/// The end on which the query writes.
pub(crate) struct Input {
    batches: mpsc::Sender<RecordBatch>,
    state: Arc<Mutex<State>>,
    is_whole: bool,
}

struct State {
    rows: Rows,
    reader: Option<Waker>,
}

enum Rows {
    Flow(Pin<Box<FlightDataEncoder>>),
    Failed(Status),
    Over,
}

/// The two ends of an answer of that schema.
pub(crate) fn pair(schema: SchemaRef) -> (Input, Output) {
    let (batches, mut waiting) = mpsc::channel(1);
    let rows = futures::stream::poll_fn(move |context| waiting.poll_recv(context))
        .map(Ok::<RecordBatch, FlightError>);
    let encoder = FlightDataEncoderBuilder::new().with_schema(schema).build(rows);
    let rows = Rows::Flow(Box::pin(encoder));
    let state = Arc::new(Mutex::new(State { rows, reader: None }));
    (Input { batches, state: Arc::clone(&state), is_whole: false }, Output(state))
}

impl Input {
    /// Where batches go, each when the one before is on its way.
    pub(crate) fn batches(&self) -> mpsc::Sender<RecordBatch> {
        self.batches.clone()
    }

    /// Waits until nobody reads any more.
    pub(crate) async fn left(&self) {
        self.batches.closed().await;
    }

    /// The client has all rows.
    pub(crate) fn finish(mut self) {
        self.is_whole = true;
    }

    /// Takes back what waits, and tells the client why.
    pub(crate) fn fail(mut self, status: Status) {
        self.is_whole = true;
        put(&self.state, Rows::Failed(status));
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        // Rows that end by a panic must not look like all of them.
        if !self.is_whole {
            put(&self.state, Rows::Failed(status::fault()));
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        put(&self.0, Rows::Over);
    }
}

fn put(state: &Mutex<State>, rows: Rows) {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let before = std::mem::replace(&mut state.rows, rows);
    let reader = state.reader.take();
    drop(state);
    drop(before);
    if let Some(reader) = reader {
        reader.wake();
    }
}

impl Stream for Output {
    type Item = Result<FlightData, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.reader = Some(context.waker().clone());
        match &mut state.rows {
            Rows::Flow(encoder) => {
                let next = encoder.as_mut().poll_next(context);
                next.map(|next| next.map(|data| data.map_err(Status::from)))
            }
            Rows::Failed(_) => {
                let Rows::Failed(status) = std::mem::replace(&mut state.rows, Rows::Over) else {
                    return Poll::Ready(None);
                };
                Poll::Ready(Some(Err(status)))
            }
            Rows::Over => Poll::Ready(None),
        }
    }
}
