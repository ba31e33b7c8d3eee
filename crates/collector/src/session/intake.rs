//! What a station sends, on its way to the committer.

use std::{collections::BTreeMap, sync::Arc};

use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    time::Instant,
};
use tonic::Status;
use trigpoint_lake::Rows;
use trigpoint_record::{
    Table,
    tables::{STATIONS, stations},
};
use trigpoint_wire::ingest::{
    Batch, ColumnSchema, Gap, Reject, RetryReason, StationMessage, station_message,
};

use super::{Outcome, SOON, answers::Taken};
use crate::{
    attested::Attested,
    batch::{BatchError, Decoded},
    collector::Shared,
    committer::Message,
    gap,
    hello::Greeting,
    pending::Submission,
    sequence::{Missing, Place, Sequence, SequenceError},
    stream::Stream,
};

/// Memory of a waiting batch besides its rows.
const BATCH_BYTES: usize = 1024;
/// Why the collector itself says that batches are lost.
const NEITHER_SENT_NOR_STORED: &str = "neither_sent_nor_stored";

/// Where a stream comes from.
pub(super) struct Source {
    pub(super) greeting: Greeting,
    pub(super) attested: Option<Attested>,
}

/// The inward half of one stream.
pub(super) struct Intake {
    pub(super) shared: Arc<Shared>,
    stream: Arc<Stream>,
    submissions: mpsc::UnboundedSender<Message>,
    source: Source,
    /// The tables' markers when the stream began.
    committed: BTreeMap<String, u64>,
    sequence: Sequence,
}

impl Intake {
    pub(super) fn new(
        shared: Arc<Shared>,
        stream: Arc<Stream>,
        submissions: mpsc::UnboundedSender<Message>,
        source: Source,
        committed: BTreeMap<String, u64>,
    ) -> Self {
        let highest = committed.values().copied().max().unwrap_or_default();
        let sequence = Sequence::new(highest);
        Self { shared, stream, submissions, source, committed, sequence }
    }

    /// Takes one message; on return it is with the committer.
    pub(super) async fn take(&mut self, message: StationMessage) -> Result<Taken, Outcome> {
        match message.message {
            Some(station_message::Message::Batch(batch)) => self.batch(batch).await,
            Some(station_message::Message::Gap(gap)) => self.gap(gap),
            Some(station_message::Message::Hello(_)) => {
                Err(Outcome::Refused(Status::invalid_argument("a second Hello")))
            }
            None => Err(Outcome::Refused(Status::invalid_argument("an unknown message"))),
        }
    }

    /// Says that the station has ended its side: nothing more will be taken.
    pub(super) fn finish(&self) -> Result<(), Outcome> {
        self.send(Message::Finished(Arc::clone(&self.stream)))
    }

    async fn batch(&mut self, batch: Batch) -> Result<Taken, Outcome> {
        let seq = batch.seq;
        let tables = self.shared.lake.tables();
        let table = tables.iter().copied().find(|table| table.name == batch.table);
        let table = table
            .ok_or_else(|| Outcome::newer(format!("table {} is unknown here", batch.table)))?;
        self.shared.metrics.batches.with_label_values(&[table.name]).inc();
        let place = self.sequence.batch(seq).map_err(|error| out_of_sequence(&error))?;
        if place == Place::Again || self.is_committed(table, seq) {
            self.shared.metrics.duplicates.with_label_values(&[table.name]).inc();
            return Ok(Taken::Known { seq });
        }
        self.record_missing(&place)?;
        self.room().await?;
        let schema = self.source.greeting.schemas.get(table.name).cloned().unwrap_or_default();
        match self.decode(table, schema, &batch).await {
            Ok((rows, _permit)) => {
                self.submit(table, seq, Some(rows))?;
                Ok(Taken::Submitted { seq })
            }
            Err(error) if error.is_newer() => Err(Outcome::newer(error.to_string())),
            Err(error) => self.quarantine(table, batch, &error).await,
        }
    }

    fn gap(&mut self, gap: Gap) -> Result<Taken, Outcome> {
        let seq = gap.last_seq;
        let place =
            self.sequence.gap(gap.first_seq, seq).map_err(|error| out_of_sequence(&error))?;
        if place == Place::Again || self.is_committed(&STATIONS, seq) {
            return Ok(Taken::Known { seq });
        }
        self.record_missing(&place)?;
        let Gap { first_seq, last_seq, reason } = gap;
        let reason = reason.chars().take(256).collect();
        self.lost(stations::Gap { first_seq, last_seq, reason })?;
        Ok(Taken::Submitted { seq })
    }

    fn is_committed(&self, table: &Table, seq: u64) -> bool {
        self.committed.get(table.name).is_some_and(|marker| seq <= *marker)
    }

    fn record_missing(&self, place: &Place) -> Result<(), Outcome> {
        let &Place::After(Missing { first_seq, last_seq }) = place else { return Ok(()) };
        let reason = NEITHER_SENT_NOR_STORED.to_owned();
        self.lost(stations::Gap { first_seq, last_seq, reason })
    }

    /// Submits the row that says which batches are lost.
    fn lost(&self, gap: stations::Gap) -> Result<(), Outcome> {
        let stations::Gap { first_seq, last_seq, reason } = &gap;
        tracing::warn!(stream = self.stream.app_id, first_seq, last_seq, reason, "batches lost");
        self.shared.metrics.lost.inc_by(last_seq - first_seq + 1);
        let seq = gap.last_seq;
        let Source { greeting, attested } = &self.source;
        let mut station = greeting.station.clone();
        if let Some(attested) = attested {
            attested.known().correct(&mut station);
        }
        let rows = gap::row(&station, greeting.spool_id.as_str(), gap)
            .map_err(|error| Outcome::Refused(Status::internal(error.to_string())))?;
        self.submit(&STATIONS, seq, Some(rows))
    }

    /// Waits until there is memory for another batch.
    async fn room(&self) -> Result<(), Outcome> {
        for account in [&self.stream.memory, &self.shared.memory] {
            while account.is_full() {
                self.send(Message::Pressed)?;
                account.room().await;
            }
        }
        Ok(())
    }

    /// Decodes, annotates and converts off the async threads.  The permit is for rows that
    /// nobody is charged for yet: it goes where they go, also when the stream
    /// ends meanwhile.
    async fn decode(
        &self,
        table: &'static Table,
        schema: Arc<[ColumnSchema]>,
        batch: &Batch,
    ) -> Result<(Rows, Option<OwnedSemaphorePermit>), BatchError> {
        let (seq, payload, limits) =
            (batch.seq, batch.payload.clone(), self.shared.settings.limits);
        let (spool_id, annotator) =
            (self.source.greeting.spool_id.clone(), Arc::clone(&self.shared.annotator));
        let known = self.source.attested.as_ref().map(Attested::known);
        let permit = Arc::clone(&self.shared.decoders).acquire_owned().await.ok();
        let decoded = tokio::task::spawn_blocking(move || {
            let spool_id = spool_id.as_str();
            let decoded = Decoded::new(&payload, &schema, &limits)?;
            let rows = decoded.rows(table, spool_id, seq, known.as_ref(), &annotator)?;
            Ok((rows, permit))
        });
        decoded.await.unwrap_or(Err(BatchError::Fault))
    }

    /// Keeps a batch that can never be rows, and moves its marker past it.
    async fn quarantine(
        &self,
        table: &'static Table,
        batch: Batch,
        error: &BatchError,
    ) -> Result<Taken, Outcome> {
        let Batch { seq, payload, .. } = batch;
        let kept = self.shared.lake.quarantine(&self.stream.app_id, seq, table.name, payload).await;
        let path = kept.map_err(|error| Outcome::storage(error.to_string()))?;
        tracing::error!(stream = self.stream.app_id, seq, %error, path, "batch quarantined");
        self.shared.metrics.rejected.with_label_values(&[error.code()]).inc();
        self.submit(table, seq, None)?;
        let (code, detail) = (error.code().to_owned(), error.to_string());
        Ok(Taken::Rejected(Reject { seq, code, detail }))
    }

    fn submit(&self, table: &'static Table, seq: u64, rows: Option<Rows>) -> Result<(), Outcome> {
        let bytes = BATCH_BYTES + rows.as_ref().map_or(0, Rows::memory);
        let held = [self.stream.memory.hold(bytes), self.shared.memory.hold(bytes)];
        self.shared.metrics.waiting_bytes.set(self.shared.memory.used() as i64);
        let (stream, received) = (Arc::clone(&self.stream), Instant::now());
        self.send(Message::Batch(Submission { stream, table, seq, rows, received, held }))
    }

    fn send(&self, message: Message) -> Result<(), Outcome> {
        self.submissions.send(message).map_err(|_| Outcome::busy("the committer has ended"))
    }
}

fn out_of_sequence(error: &SequenceError) -> Outcome {
    let detail = error.to_string();
    match error {
        SequenceError::Jump { .. } => {
            Outcome::Retry { after: SOON, reason: RetryReason::Sequence, detail }
        }
        SequenceError::Range(_) | SequenceError::Backwards { .. } => {
            Outcome::Refused(Status::invalid_argument(detail))
        }
    }
}
