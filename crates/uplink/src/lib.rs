//! The stream from a spool to a collector: `trigpoint.ingest.v1` as a client;
//! and the way of rows into that spool ([`Outbox`]), for every program that
//! measures.
//!
//! It reads the spool in order, sends what it finds, and frees it once the
//! collector says that it is durable and committed.  It owns reconnecting,
//! back-off and back-pressure, and the bound on what is under way unanswered.
//! Delivery is at least once: after every reconnect it starts from the oldest
//! batch that is not acknowledged, and the collector's markers drop what they
//! cover (`proto/trigpoint/ingest/v1/ingest.proto`, design section 7).
//!
//! It must never free a batch that was not acknowledged, nor lose one because
//! the collector is away, slow, or refuses it.

mod backlog;
mod backoff;
mod delivery;
mod endpoint;
mod error;
mod hello;
mod link;
mod outbox;
mod pipe;
mod remainder;
mod session;
mod status;
mod window;

use std::time::Duration;

use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
    time::timeout,
};
use trigpoint_record::Station;
use trigpoint_spool::Spool;

pub use delivery::Delivery;
pub use endpoint::Endpoint;
pub use error::{Error, NotFlushed};
pub use outbox::{Lost, Outbox, OutboxMetrics};
pub use pipe::{Incoming, Pipe, pipe};
pub use remainder::Remainder;
pub use status::Status;

use crate::{endpoint::Connector, link::Link};

/// How an uplink works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the collector is.
    pub endpoint: Endpoint,
    /// Who measures, as told to the collector.
    pub station: Station,
    /// At most so many payload bytes are under way without an answer; one
    /// batch always may be.
    pub max_unacknowledged_bytes: usize,
    /// At most so many batches are under way without an answer.
    pub max_unacknowledged_batches: usize,
    /// Shortest pause before a new attempt; doubles with every failure.
    pub min_backoff: Duration,
    /// Longest pause before a new attempt.
    pub max_backoff: Duration,
    /// A batch that waits longer than this for its acknowledgement makes the
    /// station fall behind, which is logged and shown in [`Status::behind`].
    pub behind_after: Duration,
    /// How long the uplink goes on at its end to send what is left.
    pub flush_deadline: Duration,
}

impl Settings {
    /// Usual bounds: 16 MiB and 256 batches under way, pauses of 0.25 to 30 s,
    /// behind after 60 s, 10 s to flush.
    pub fn new(endpoint: Endpoint, station: Station) -> Self {
        Self {
            endpoint,
            station,
            max_unacknowledged_bytes: 16 << 20,
            max_unacknowledged_batches: 256,
            min_backoff: Duration::from_millis(250),
            max_backoff: Duration::from_secs(30),
            behind_after: Duration::from_mins(1),
            flush_deadline: Duration::from_secs(10),
        }
    }
}

/// A running uplink.  It works until it is told to finish, and also finishes
/// when this handle is dropped.
#[derive(Debug)]
pub struct Uplink {
    spool: Spool,
    status: watch::Receiver<Status>,
    task: JoinHandle<()>,
    /// Dropped when everything is in the spool.
    finishing: oneshot::Sender<()>,
}

impl Uplink {
    /// Starts sending `spool`.  Must be called inside a tokio runtime.
    pub fn spawn(spool: Spool, settings: Settings) -> Result<Self, Error> {
        let connector = Connector::new(&settings.endpoint)?;
        let (sender, status) = watch::channel(Status::of(&spool));
        let (finishing, is_finishing) = oneshot::channel();
        let link = Link::new(spool.clone(), settings, connector, sender);
        let task = tokio::spawn(link.run_until(async {
            // It is never sent, only dropped.
            let _ = is_finishing.await;
        }));
        Ok(Self { spool, status, task, finishing })
    }

    /// How it stands, and every change of that.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Waits until everything appended so far is acknowledged, for at most
    /// `deadline`.  Safe to cancel.
    pub async fn flushed(&self, deadline: Duration) -> Result<(), NotFlushed> {
        let last_seq = self.spool.last_seq();
        let mut status = self.status.clone();
        let flushed = status.wait_for(|status| status.acknowledged_seq >= last_seq);
        match timeout(deadline, flushed).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(NotFlushed {
                batches: last_seq.saturating_sub(self.spool.acknowledged()),
                bytes: self.spool.bytes(),
            }),
        }
    }

    /// All that this station will ever send is in the spool: waits until it is
    /// acknowledged, for at most [`Settings::flush_deadline`].
    pub async fn finish(self) {
        drop(self.finishing);
        // An error would be a panic of the task, which has been printed.
        let _ = self.task.await;
    }
}

#[cfg(test)]
mod tests;
