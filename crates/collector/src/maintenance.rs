//! The task that takes care of the tables.
//!
//! Works on snapshots of its own and commits beside the committer, which never
//! waits for it.  Whatever it does may be killed at any time, so the end of the
//! collector does not wait for it either.
//!
//! Files are merged as soon as there are too many, at any cadence of commits:
//! each of them makes every commit and every query longer.

use std::{collections::HashMap, future::Future, sync::Arc};

use chrono::{DateTime, Days, NaiveDate, Utc};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};
use trigpoint_lake::{Error, Lake};
use trigpoint_record::Table;

use crate::{metrics::Metrics, settings::Maintenance};

/// What a commit has added to a table.
#[derive(Debug)]
pub(crate) struct NewFiles {
    pub(crate) table: &'static Table,
    pub(crate) count: u64,
}

pub(crate) struct Maintainer {
    lake: Lake,
    settings: Maintenance,
    metrics: Arc<Metrics>,
    /// By name of the table, since its files were last merged.
    new_files: HashMap<&'static str, u64>,
}

impl Maintainer {
    pub(crate) fn new(lake: Lake, settings: Maintenance, metrics: Arc<Metrics>) -> Self {
        Self { lake, settings, metrics, new_files: HashMap::new() }
    }

    /// A round after every interval, and merges in between, until the collector stops.
    pub(crate) async fn run(
        mut self,
        mut new_files: mpsc::UnboundedReceiver<NewFiles>,
        mut stopping: watch::Receiver<bool>,
    ) {
        let rounds = async {
            loop {
                let next = Instant::now() + self.settings.interval;
                while let Some(new) = earlier(next, &mut new_files).await {
                    self.take(new).await;
                }
                for &table in self.lake.tables() {
                    self.care_for(table, Utc::now()).await;
                }
                self.new_files.clear();
                self.empty_quarantine(Utc::now()).await;
            }
        };
        tokio::select! {
            () = rounds => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    }

    /// Merges the files of a table that has too many new ones.
    async fn take(&mut self, new: NewFiles) {
        let files = self.new_files.entry(new.table.name).or_default();
        *files += new.count;
        if *files > self.settings.compaction.small_files as u64 {
            *files = 0;
            self.compact(new.table, Utc::now()).await;
        }
    }

    /// What is too old goes first, so that it is not merged, and the objects
    /// that nobody needs any more go last.
    async fn care_for(&self, table: &'static Table, now: DateTime<Utc>) {
        self.retain(table, now).await;
        self.compact(table, now).await;
        self.cut_addresses(table, now).await;
        self.vacuum(table, now).await;
        self.clean_log(table, now).await;
    }

    async fn retain(&self, table: &'static Table, now: DateTime<Utc>) {
        let Some(before) = days_ago(now, self.settings.keep_days) else { return };
        let act = self.lake.retain(table, before, now);
        let Some(done) = self.timed("retention", table.name, act).await else { return };
        if done.files > 0 {
            let (table, files, bytes) = (table.name, done.files, done.bytes);
            tracing::info!(table, %before, files, bytes, "removed old dates");
        }
    }

    async fn compact(&self, table: &'static Table, now: DateTime<Utc>) {
        let act = self.lake.compact(table, &self.settings.compaction, now);
        let Some(done) = self.timed("compaction", table.name, act).await else { return };
        let label = &[table.name];
        self.metrics.maintenance.compactions.with_label_values(label).inc_by(done.commits);
        self.metrics
            .maintenance
            .compacted_files
            .with_label_values(label)
            .inc_by(done.files_removed);
        self.metrics
            .maintenance
            .compacted_bytes
            .with_label_values(label)
            .inc_by(done.bytes_removed);
        if done.commits > 0 {
            tracing::info!(
                table = table.name,
                files = done.files_removed,
                into_files = done.files_added,
                bytes = done.bytes_removed,
                into_bytes = done.bytes_added,
                "compacted"
            );
        }
    }

    async fn cut_addresses(&self, table: &'static Table, now: DateTime<Utc>) {
        let Some(before) = days_ago(now, self.settings.addresses_days) else { return };
        let act = self.lake.cut_addresses(table, before, now);
        let Some(done) = self.timed("privacy", table.name, act).await else { return };
        if done.files > 0 {
            let (table, files, bytes) = (table.name, done.files, done.bytes);
            tracing::info!(table, %before, files, bytes, "cut addresses");
        }
    }

    async fn empty_quarantine(&self, now: DateTime<Utc>) {
        let Some(before) = days_ago(now, self.settings.addresses_days) else { return };
        let act = self.lake.empty_quarantine(before);
        let Some(batches) = self.timed("privacy", "quarantine", act).await else { return };
        if batches > 0 {
            tracing::info!(%before, batches, "emptied quarantined batches");
        }
    }

    async fn vacuum(&self, table: &'static Table, now: DateTime<Utc>) {
        let act = self.lake.vacuum(table, &self.settings.vacuum, now);
        let Some(done) = self.timed("vacuum", table.name, act).await else { return };
        let objects = done.removed_files + done.orphans + done.staging_files;
        let label = &[table.name];
        self.metrics.maintenance.deleted_objects.with_label_values(label).inc_by(objects);
        self.metrics.maintenance.deleted_bytes.with_label_values(label).inc_by(done.bytes);
        if objects > 0 {
            tracing::info!(
                table = table.name,
                removed_files = done.removed_files,
                orphans = done.orphans,
                staging_files = done.staging_files,
                bytes = done.bytes,
                "vacuumed"
            );
        }
    }

    async fn clean_log(&self, table: &'static Table, now: DateTime<Utc>) {
        let act = self.lake.clean_log(table, &self.settings.log, now);
        let Some(entries) = self.timed("log", table.name, act).await else { return };
        self.metrics.maintenance.deleted_objects.with_label_values(&[table.name]).inc_by(entries);
        if entries > 0 {
            tracing::info!(table = table.name, entries, "cleaned the log");
        }
    }

    /// What the act did; `None` after a failure, which is logged and counted.
    async fn timed<T>(
        &self,
        name: &'static str,
        place: &'static str,
        act: impl Future<Output = Result<T, Error>>,
    ) -> Option<T> {
        let started = Instant::now();
        let outcome = act.await;
        let took = started.elapsed().as_secs_f64();
        self.metrics.maintenance.seconds.with_label_values(&[name]).observe(took);
        match outcome {
            Ok(done) => Some(done),
            Err(error) => {
                self.metrics.maintenance.failures.with_label_values(&[name]).inc();
                tracing::warn!(place, act = name, %error, "maintenance failed");
                None
            }
        }
    }
}

/// The next of the new files, or `None` at `deadline`.
async fn earlier(
    deadline: Instant,
    new_files: &mut mpsc::UnboundedReceiver<NewFiles>,
) -> Option<NewFiles> {
    tokio::select! {
        biased;
        () = sleep_until(deadline) => None,
        Some(new) = new_files.recv() => Some(new),
    }
}

/// The first date that is not older than so many days.
fn days_ago(now: DateTime<Utc>, days: Option<u32>) -> Option<NaiveDate> {
    now.date_naive().checked_sub_days(Days::new(days?.into()))
}
