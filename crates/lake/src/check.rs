//! Whether everything in the lake is as it has to be, and what is not.
//!
//! Owns no rule of its own: each is one of storage (ARCHITECTURE.md, "Exactly
//! once"), looked at from the files up.  Works while collectors write: every
//! table is judged at one version, and a batch that is missing counts only when
//! it does not come within [`Settings::settle`] either.  Broken files are
//! findings, and the rest is checked as far as it does not depend on them.
//! Memory does not grow with the rows: entries of live files, one bit for each
//! batch, and what [`keys`] and [`object`] say.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use object_store::ObjectStore;

use crate::table::MARKER_RETENTION_DAYS;
use crate::{Error, Lake};

mod batches;
mod data;
mod file;
mod filter;
mod folder;
mod keys;
mod log;
mod newer;
mod object;
mod report;
mod sequence;
mod snapshot;

pub use report::{Batches, Finding, FindingKind, Orphan, Report, TableReport};

use sequence::Spools;
use snapshot::Snapshot;

/// How a check is done.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a batch may be on its way while batches after it are stored: a
    /// collector commits one table after the other.
    pub settle: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { settle: Duration::from_secs(30) }
    }
}

/// One check on its way.
struct Check<'a> {
    lake: &'a Lake,
    store: Arc<dyn ObjectStore>,
    now_ms: i64,
    report: Report,
    spools: Spools,
    /// Data files whose batches are known.
    read: BTreeSet<String>,
}

impl Lake {
    /// Looks at everything that is stored; an error means that the store cannot
    /// be read at all.
    ///
    /// Reads every byte of every live file, about 1 µs for each row and column
    /// in a release build.
    pub async fn check(&self, settings: &Settings) -> Result<Report, Error> {
        let mut check = Check::new(self);
        check.run(settings).await?;
        let mut report = check.report;
        report.findings.sort();
        report.findings.dedup();
        Ok(report)
    }
}

impl<'a> Check<'a> {
    fn new(lake: &'a Lake) -> Self {
        Self {
            lake,
            store: Arc::new(lake.store()),
            now_ms: Utc::now().timestamp_millis(),
            report: Report::default(),
            spools: Spools::default(),
            read: BTreeSet::new(),
        }
    }

    async fn run(&mut self, settings: &Settings) -> Result<(), Error> {
        let mut are_batches_known = self.unknown_tables().await?;
        let mut snapshots = Vec::new();
        for &table in self.lake.tables() {
            snapshots.push(Snapshot::take(self, table).await?);
        }
        self.spools =
            Spools::new(snapshots.iter().flatten().filter_map(Snapshot::retained_before).max());
        for snapshot in snapshots.into_iter().flatten() {
            are_batches_known &= self.check_table(snapshot).await?;
        }
        self.batches(settings, are_batches_known).await
    }

    /// Markers that were moved last before this may be forgotten.
    fn forgotten_before_ms(&self) -> i64 {
        self.now_ms - MARKER_RETENTION_DAYS * 24 * 60 * 60 * 1000
    }
}

#[cfg(test)]
mod tests;
