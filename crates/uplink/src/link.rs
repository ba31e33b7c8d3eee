//! Stream after stream, until the shutdown, and what a person hears of it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use trigpoint_spool::Spool;
use trigpoint_wire::ingest::Reject;

use crate::{
    Settings, Status, backlog, backoff::Backoff, endpoint::Connector, error::Failure, session,
    window::Freed,
};

/// What all parts of an uplink share.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) spool: Spool,
    pub(crate) settings: Settings,
    pub(crate) connector: Connector,
    pub(crate) status: watch::Sender<Status>,
    /// Whether everything that this station will ever send is in the spool.
    pub(crate) ending: watch::Sender<bool>,
    /// Whether a person was told that the collector can be reached, and
    /// nothing else since.
    announced: AtomicBool,
    /// Whether a person was told that acknowledged batches stay on the disk.
    cannot_free: AtomicBool,
}

impl Link {
    pub(crate) fn new(
        spool: Spool,
        settings: Settings,
        connector: Connector,
        status: watch::Sender<Status>,
    ) -> Self {
        let ending = watch::Sender::new(false);
        let (announced, cannot_free) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { spool, settings, connector, status, ending, announced, cannot_free }
    }

    /// Sends until `shutdown` completes and the spool is flushed or the
    /// deadline is over.
    pub(crate) async fn run_until(self, shutdown: impl Future<Output = ()>) {
        tokio::select! {
            () = self.run() => {}
            () = backlog::watch(&self.spool, &self.status, self.settings.behind_after) => {}
            () = self.flushed_after(shutdown) => {}
        }
    }

    /// Returns when the station ends and nothing is left to send.
    async fn run(&self) {
        let mut backoff = Backoff::new(self.settings.min_backoff, self.settings.max_backoff);
        let mut told = None;
        loop {
            let (opened, acknowledged) = (Instant::now(), self.spool.acknowledged());
            let failure = session::run(self).await;
            if *self.ending.borrow() && self.is_flushed(&self.status.borrow()) {
                return;
            }
            let was_connected = self.status.borrow().connected;
            self.failed(&failure);
            // A collector that only says Welcome and goes away is no success.
            let lasted = opened.elapsed() > self.settings.max_backoff;
            if self.spool.acknowledged() > acknowledged || (was_connected && lasted) {
                backoff.reset();
                told = None;
            }
            if told.as_ref() != Some(&failure.kind()) {
                tracing::warn!(
                    error = %failure,
                    unacknowledged_batches = self.spool.last_seq() - self.spool.acknowledged(),
                    spool_bytes = self.spool.bytes(),
                    "no stream to the collector: batches stay in the spool, attempts go on"
                );
                told = Some(failure.kind());
                self.announced.store(false, Ordering::Relaxed);
            }
            sleep(pause(&failure, &mut backoff)).await;
        }
    }

    async fn flushed_after(&self, shutdown: impl Future<Output = ()>) {
        shutdown.await;
        self.ending.send_replace(true);
        let mut status = self.status.subscribe();
        let flushed = status.wait_for(|status| self.is_flushed(status));
        if timeout(self.settings.flush_deadline, flushed).await.is_err() {
            tracing::warn!(
                unacknowledged_batches = self.spool.last_seq() - self.spool.acknowledged(),
                "not all batches could be sent before the end: the spool keeps them"
            );
        }
    }

    fn is_flushed(&self, status: &Status) -> bool {
        status.acknowledged_seq >= self.spool.last_seq()
    }

    pub(crate) fn welcomed(&self) {
        self.status.send_modify(|status| status.connected = true);
        if !self.announced.swap(true, Ordering::Relaxed) {
            let acknowledged_seq = self.spool.acknowledged();
            tracing::info!(acknowledged_seq, "connected to the collector");
        }
    }

    pub(crate) fn level(&self, (batches, bytes): (usize, usize)) {
        self.status.send_modify(|status| {
            status.unacknowledged_batches = batches;
            status.unacknowledged_bytes = bytes;
        });
    }

    pub(crate) fn acknowledged(&self, freed: &Freed, level: (usize, usize)) {
        self.level(level);
        self.status.send_modify(|status| {
            status.acknowledged_seq = self.spool.acknowledged();
            status.acknowledged_rows += freed.rows;
            status.lost_batches += freed.lost;
        });
    }

    /// What cannot be removed from the disk costs room there, and nothing else.
    pub(crate) fn freed(&self, result: Result<(), trigpoint_spool::Error>) {
        let failed = result.is_err();
        if self.cannot_free.swap(failed, Ordering::Relaxed) == failed {
            return;
        }
        match result {
            Ok(()) => tracing::info!("acknowledged batches leave the spool again"),
            Err(error) => {
                tracing::warn!(%error, "acknowledged batches stay in the spool");
            }
        }
    }

    pub(crate) fn rejected(&self, reject: &Reject) {
        self.status.send_modify(|status| status.rejected_batches += 1);
        tracing::error!(
            seq = reject.seq,
            code = reject.code,
            detail = reject.detail,
            "the collector cannot store a batch and keeps it in quarantine"
        );
    }

    fn failed(&self, failure: &Failure) {
        self.level((0, 0));
        self.status.send_modify(|status| {
            status.connected = false;
            status.failures += 1;
            status.retries += u64::from(matches!(failure, Failure::Retry { .. }));
        });
    }
}

/// The collector's own wish comes first, but its stations still spread out.
fn pause(failure: &Failure, backoff: &mut Backoff) -> Duration {
    match failure {
        Failure::Retry { after, .. } => *after + backoff.next(),
        _ => backoff.next(),
    }
}
