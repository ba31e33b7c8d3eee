//! One query from its slot to its last row.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arrow::array::{Array as _, RecordBatch};
use arrow::datatypes::SchemaRef;
use futures::TryStreamExt as _;
use tokio::sync::{mpsc, oneshot};
use tonic::{Code, Status};
use trigpoint_lake::{Answer, Interrupt, Versions};

use crate::admission::Slot;
use crate::handle::Handle;
use crate::output::{self, Input, Output};
use crate::running::Registration;
use crate::service::Shared;
use crate::{planning, shape, status};

mod fold;

pub(crate) use fold::fold;

/// How long a client waits to hear of an end until what the query has is given back.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(1);

/// Starts the query of a ticket when there is a slot for it.
pub(crate) async fn start(
    shared: &Arc<Shared>,
    principal: String,
    handle: Handle,
) -> Result<Output, Status> {
    let record = Record::new(Arc::clone(shared), principal, &handle.sql);
    // One that waits or is planned can be cancelled too: it ends when it starts.
    let registration = shared.running.register(&record.principal, handle.execution);
    let slot = shared.queries.enter().await.inspect_err(|status| record.end(Some(status)))?;
    let (starting, started) = oneshot::channel();
    let network = tokio::runtime::Handle::current();
    shared.workers.spawn(run(record, handle, slot, registration, starting, network));
    started.await.unwrap_or_else(|_| Err(status::fault()))
}

/// Plans, tells the client what comes, and sends it; on the threads of the workers,
/// where a query may compute for as long as it likes: its end is watched from those
/// of the network.
async fn run(
    mut record: Record,
    handle: Handle,
    slot: Slot,
    registration: Registration,
    starting: oneshot::Sender<Result<Output, Status>>,
    network: tokio::runtime::Handle,
) {
    let shared = Arc::clone(&record.shared);
    let planned = async {
        let plan = planning::of_ticket(&shared, &handle).await?;
        let schema = plan.schema().map_err(|error| status::of(&error))?;
        let answer = plan.execute().await.map_err(|error| status::of(&error))?;
        Ok::<_, Status>((plan, schema, answer))
    };
    let (plan, schema, answer) = match planned.await {
        Ok(planned) => planned,
        Err(status) => {
            drop(slot);
            record.end(Some(&status));
            // Nobody is left to tell when the client went away.
            let _ = starting.send(Err(status));
            return;
        }
    };
    record.versions.clone_from(plan.versions());
    let told = shape::of_answer(&schema, plan.versions());
    let (input, output) = output::pair(Arc::clone(&told));
    // When the client went away, so does the output, which `left` sees.
    let _ = starting.send(Ok(output));
    let (ending, delivered) = oneshot::channel();
    let (batches, interrupt) = (input.batches(), answer.interrupt());
    let counts = Arc::clone(&record.counts);
    network.spawn(watch(record, input, registration, interrupt.clone(), delivered));
    let ended = tokio::select! {
        ended = deliver(answer, &told, batches, shared.settings.rows, &counts) => ended,
        why = interrupt.ended() => Err(status::of(&why)),
    };
    drop(plan);
    drop(slot);
    // Whoever watches may have told the client of an earlier end.
    let _ = ending.send(ended);
}

/// Waits for the end of a query, or ends it, and tells the client.
async fn watch(
    record: Record,
    input: Input,
    mut registration: Registration,
    interrupt: Interrupt,
    mut delivered: oneshot::Receiver<Result<(), Status>>,
) {
    let time = record.shared.settings.run_at_most;
    let stopped = tokio::select! {
        ended = &mut delivered => Ok(ended.unwrap_or_else(|_| Err(status::fault()))),
        () = tokio::time::sleep(time) => Err(status::too_long(time)),
        () = registration.cancelled() => Err(status::cancelled()),
        () = input.left() => Err(Status::aborted("the client left")),
    };
    let ended = match stopped {
        Ok(ended) => ended,
        Err(status) => {
            interrupt.end("nobody waits for its rows");
            // Before the client hears of it, so that its next query finds the slot.
            let _ = tokio::time::timeout(GIVEN_BACK_WITHIN, delivered).await;
            Err(status)
        }
    };
    record.end(ended.as_ref().err());
    match ended {
        Ok(()) => input.finish(),
        Err(status) => input.fail(status),
    }
}

/// Sends the rows of an answer, at most so many.
async fn deliver(
    answer: Answer,
    told: &SchemaRef,
    client: mpsc::Sender<RecordBatch>,
    most: u64,
    counts: &Counts,
) -> Result<(), Status> {
    let mut batches = std::pin::pin!(answer.into_stream());
    while let Some(batch) = batches.try_next().await.map_err(|error| status::of(&error))? {
        let rows = batch.num_rows() as u64;
        if counts.rows.fetch_add(rows, Ordering::Relaxed) + rows > most {
            return Err(status::too_many_rows(most));
        }
        for part in shape::parts(&batch)? {
            let part = shape::conform(&part, told).map_err(status::internal)?;
            counts.bytes.fetch_add(bytes(&part), Ordering::Relaxed);
            if client.send(part).await.is_err() {
                return Err(Status::aborted("the client left"));
            }
        }
    }
    Ok(())
}

/// What the rows take on the wire, nearly.
fn bytes(batch: &RecordBatch) -> u64 {
    let slices = batch.columns().iter().map(|column| column.to_data().get_slice_memory_size());
    slices.map(|size| size.unwrap_or_default() as u64).sum()
}

#[derive(Debug, Default)]
struct Counts {
    rows: AtomicU64,
    bytes: AtomicU64,
}

/// What is remembered of a query: one line in the log, and the metrics.
struct Record {
    shared: Arc<Shared>,
    principal: String,
    sql: String,
    hash: u64,
    started: Instant,
    counts: Arc<Counts>,
    versions: Versions,
}

impl Record {
    fn new(shared: Arc<Shared>, principal: String, sql: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        sql.hash(&mut hasher);
        Self {
            shared,
            principal,
            sql: short(sql),
            hash: hasher.finish(),
            started: Instant::now(),
            counts: Arc::default(),
            versions: Versions::new(),
        }
    }

    fn end(&self, failure: Option<&Status>) {
        let outcome = failure.map_or("answered", |status| match status.code() {
            Code::DeadlineExceeded => "too_long",
            Code::ResourceExhausted => "over_limit",
            Code::Cancelled => "cancelled",
            Code::Aborted => "abandoned",
            Code::InvalidArgument | Code::NotFound => "refused",
            _ => "failed",
        });
        let seconds = self.started.elapsed().as_secs_f64();
        let rows = self.counts.rows.load(Ordering::Relaxed);
        let bytes = self.counts.bytes.load(Ordering::Relaxed);
        let metrics = &self.shared.metrics;
        metrics.queries.with_label_values(&[outcome]).inc();
        metrics.seconds.observe(seconds);
        metrics.rows.inc_by(rows);
        metrics.bytes.inc_by(bytes);
        tracing::info!(
            principal = self.principal,
            outcome,
            reason = failure.map(Status::message),
            seconds,
            rows,
            bytes,
            versions = shape::json(&self.versions),
            hash = format!("{:016x}", self.hash),
            sql = self.sql,
            "query"
        );
    }
}

/// The beginning of a statement, on one line.
fn short(sql: &str) -> String {
    const CHARACTERS: usize = 200;
    let line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
