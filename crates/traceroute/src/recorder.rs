//! From rows to the spool, on a thread of its own.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use tracing::error;
use trigpoint_record::tables::stations::{Event, StationEvent};
use trigpoint_record::tables::traces::Trace;
use trigpoint_record::tables::{STATIONS, TRACES};
use trigpoint_record::{Batch, Station, Value};
use trigpoint_uplink::{Lost, Outbox};

use crate::metrics::Metrics;
use crate::{Error, clock};

const THREAD: &str = "recording";
/// Rows that may wait for the disk, of some ten kilobytes.
const QUEUE: usize = 1024;

/// Hands rows over without waiting; the thread ends with it.
#[derive(Debug)]
pub(crate) struct Recorder {
    queue: SyncSender<Trace>,
    metrics: Metrics,
}

impl Recorder {
    pub(crate) fn start(
        station: Station,
        outbox: Outbox,
        metrics: Metrics,
    ) -> Result<(Self, JoinHandle<()>), Error> {
        let (queue, inbox) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(move || run(&station, outbox, &inbox))
            .map_err(|source| Error::Thread { name: THREAD, source })?;
        Ok((Self::new(queue, metrics), thread))
    }

    pub(crate) fn new(queue: SyncSender<Trace>, metrics: Metrics) -> Self {
        Self { queue, metrics }
    }

    pub(crate) fn hand_over(&self, trace: Trace) {
        if self.queue.try_send(trace).is_err() {
            self.metrics.recording_dropped.inc();
        }
    }
}

/// A trace is a batch of its own: it may be large, and somebody may wait for it.
fn run(station: &Station, mut outbox: Outbox, inbox: &Receiver<Trace>) {
    loop {
        let trace = match outbox.due() {
            Some(due) => inbox.recv_timeout(due.saturating_duration_since(Instant::now())),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match trace {
            Ok(trace) => push(&mut outbox, Batch::new(&TRACES), trace.into_row(station)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return outbox.finish(),
        }
        if let Some(lost) = outbox.retry() {
            push(&mut outbox, Batch::new(&STATIONS), rows_lost(lost).into_row(station));
        }
    }
}

fn push(outbox: &mut Outbox, mut batch: Batch, row: Vec<Value>) {
    match batch.push(row) {
        Ok(()) => outbox.push(&batch),
        Err(error) => {
            error!(%error, table = batch.table.name, "a row does not fit its table: it is lost");
        }
    }
}

fn rows_lost(lost: Lost) -> StationEvent {
    let facts = lost.into_iter().map(|(table, rows)| (table.to_owned(), rows.to_string()));
    StationEvent { time: clock::unix_us(), event: Event::RowsLost, facts: facts.collect() }
}
