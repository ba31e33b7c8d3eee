//! Few sorted files instead of many small ones.
//!
//! A day that is being written is compacted whenever it has many small files;
//! once it is over and no row has come for some hours, its files are merged
//! until their keys do not overlap, so that a flow is in one file.  A late row
//! reopens the day.
//!
//! The merge streams: memory is bounded by how many files are merged at once,
//! not by their size.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::datatypes::SchemaRef;
use chrono::{DateTime, Utc};
use deltalake::kernel::Add;
use deltalake::protocol::DeltaOperation;
use object_store::ObjectStore;
use tokio::runtime::Handle;
use trigpoint_record::Table;

use super::replace::{Outcome, Replacement, replace};
use crate::live::{self, LiveFile, Reading};
use crate::table::Open;
use crate::{Error, Lake, file};

mod merge;
mod plan;

/// A rival that is always faster has done the work.
const OVERTAKEN_AT_MOST: u32 = 8;

/// When files are merged, and how many at once.
#[derive(Debug, Clone)]
pub struct Compaction {
    /// A file below this many bytes is small.
    pub small_bytes: u64,
    /// A date may have so many small files.
    pub small_files: usize,
    /// Files end at the first change of flow after this many bytes.
    pub target_bytes: u64,
    /// One commit replaces at most so many bytes; a date with more ends as one
    /// sequence of sorted files for each of them.  It bounds how long a merge
    /// takes: its new files must be committed before vacuum takes them for
    /// orphans.
    pub commit_bytes: u64,
    /// About how much memory the files that are read may take; the one that is
    /// written takes some 2 MB for each of its columns.
    pub memory_bytes: u64,
    /// A date is closed so long after its end and after its last file.
    pub closed_after: Duration,
}

impl Default for Compaction {
    fn default() -> Self {
        Self {
            small_bytes: 16 << 20,
            small_files: 64,
            target_bytes: 128 << 20,
            commit_bytes: 2 << 30,
            memory_bytes: 256 << 20,
            closed_after: Duration::from_hours(3),
        }
    }
}

/// What a compaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Commits made.
    pub commits: u64,
    /// Files taken out of the table.
    pub files_removed: u64,
    /// Files that hold their rows now.
    pub files_added: u64,
    /// Bytes of the files taken out.
    pub bytes_removed: u64,
    /// Bytes of the files put in.
    pub bytes_added: u64,
    /// Merges whose files a rival had replaced in the meantime.
    pub overtaken: u32,
}

impl Lake {
    /// Merges files of `table` until nothing is left to merge.
    ///
    /// Takes a thread of the blocking pool while it merges.
    pub async fn compact(
        &self,
        table: &'static Table,
        settings: &Compaction,
        now: DateTime<Utc>,
    ) -> Result<Compacted, Error> {
        let (mut done, started) = (Compacted::default(), Instant::now());
        let Some(mut open) = Open::existing(table, self.log_store(table)).await? else {
            return Ok(done);
        };
        while done.overtaken < OVERTAKEN_AT_MOST {
            let table_schema = open.snapshot("read the schema of")?.snapshot().arrow_schema();
            let (schema, files) = (file::schema_of(&table_schema), live::files(&open)?);
            let Some(runs) = plan::next(files, Reading::of(&schema), settings, now) else { break };
            let merged: Vec<LiveFile> = runs.iter().flatten().cloned().collect();
            let in_flight = self.writes().begin();
            let added = merge_off_thread(&open, schema, runs, settings).await?;
            // Queries may read the files until they are replaced, so their age as
            // removed files counts from here, after a merge that may take minutes.
            let wanted = replacement(&merged, added, settings, now + started.elapsed());
            let outcome = replace(&mut open, &wanted).await?;
            drop(in_flight);
            done.count(outcome, &merged, &wanted.added);
        }
        Ok(done)
    }
}

/// Merging keeps a processor busy, so it leaves the async threads alone.
async fn merge_off_thread(
    open: &Open,
    schema: SchemaRef,
    runs: Vec<Vec<LiveFile>>,
    settings: &Compaction,
) -> Result<Vec<Add>, Error> {
    let table = open.definition;
    let store: Arc<dyn ObjectStore> = open.delta.object_store();
    let target_bytes = settings.target_bytes;
    let handle = Handle::current();
    tokio::task::spawn_blocking(move || {
        handle.block_on(merge::merge(table, &store, &schema, runs, target_bytes))
    })
    .await
    .map_err(|error| Error::Rewrite { table: table.name, reason: error.to_string() })?
}

fn replacement(
    merged: &[LiveFile],
    mut added: Vec<Add>,
    settings: &Compaction,
    now: DateTime<Utc>,
) -> Replacement {
    for add in &mut added {
        add.data_change = false;
    }
    let removed = merged.iter().map(|file| file.removed_at(now, false)).collect();
    let target_size = settings.target_bytes as i64;
    let operation = DeltaOperation::Optimize { predicate: None, target_size };
    Replacement { removed, added, property: None, operation }
}

impl Compacted {
    fn count(&mut self, outcome: Outcome, merged: &[LiveFile], added: &[Add]) {
        if outcome == Outcome::Overtaken {
            self.overtaken += 1;
            return;
        }
        self.commits += 1;
        self.files_removed += merged.len() as u64;
        self.files_added += added.len() as u64;
        self.bytes_removed += merged.iter().map(|file| file.bytes).sum::<u64>();
        self.bytes_added += added.iter().map(|add| add.size as u64).sum::<u64>();
    }
}
