//! Cuts client addresses of old dates to their networks.
//!
//! Files of such dates are written again with the addresses cut in every column
//! that [`Privacy`](trigpoint_record::Privacy) marks, and are then called
//! `cut1-…`: the name says that nothing is left to do, survives checkpoints and
//! needs no memory.  A merge of files gives an ordinary name again, as does a
//! late row, and the next round cuts them (again: cutting is idempotent).
//! Vacuum then deletes the old files.  Of routers' addresses those are cut that
//! are of their client's network; the others are what a path is made of.
//!
//! The log holds no addresses: its statistics are of flow ids, numbers, times
//! and sites only.  Quarantined batches cannot be cut, so their bytes go; their
//! names stay, for the account of what became of which batch.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use deltalake::kernel::Add;
use deltalake::protocol::DeltaOperation;
use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::runtime::Handle;
use trigpoint_record::{Column, Table};

use super::replace::{Outcome, Replacement, replace};
use crate::live::{self, LiveFile};
use crate::table::Open;
use crate::{Error, Lake, file, quarantine, schema};

mod address;
mod columns;
mod rewrite;

/// How the name of a file starts whose addresses are cut.  The number counts
/// up when more columns are cut than before, which does all files again.
const CUT: &str = "cut1";

/// One commit rewrites at most so many bytes: its first file must be committed
/// before vacuum takes it for an orphan.
const COMMIT_BYTES: u64 = 1 << 30;
/// A rival that is always faster leaves the rest to the next round.
const OVERTAKEN_AT_MOST: u32 = 8;

/// What a round of cutting did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cut {
    /// Files whose addresses were cut.
    pub files: u64,
    /// Their bytes before.
    pub bytes: u64,
}

impl Lake {
    /// Cuts the client addresses in every row of `table` whose date is before
    /// `before`.
    ///
    /// Takes a thread of the blocking pool while it rewrites.
    pub async fn cut_addresses(
        &self,
        table: &'static Table,
        before: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<Cut, Error> {
        let (mut done, started) = (Cut::default(), Instant::now());
        if !table.columns.iter().any(Column::holds_addresses) {
            return Ok(done);
        }
        let Some(mut open) = Open::existing(table, self.log_store(table)).await? else {
            return Ok(done);
        };
        let mut overtaken = 0;
        while overtaken < OVERTAKEN_AT_MOST {
            let files = next(live::files(&open)?, before);
            if files.is_empty() {
                break;
            }
            let in_flight = self.writes().begin();
            let added = rewrite_off_thread(&open, files.clone()).await?;
            // As in a compaction, the age of removed files counts from their commit.
            let removed_at = now + started.elapsed();
            let wanted = Replacement {
                removed: files.iter().map(|file| file.removed_at(removed_at, true)).collect(),
                added,
                property: None,
                operation: DeltaOperation::Update {
                    predicate: Some(format!("{} < '{before}'", schema::DATE)),
                },
            };
            let outcome = replace(&mut open, &wanted).await?;
            drop(in_flight);
            if outcome == Outcome::Overtaken {
                overtaken += 1;
                continue;
            }
            done.files += files.len() as u64;
            done.bytes += files.iter().map(|file| file.bytes).sum::<u64>();
        }
        Ok(done)
    }

    /// Empties the quarantined batches that came before `before`; how many.
    /// What they hold is unknown, so their dates are those on which they came.
    pub async fn empty_quarantine(&self, before: NaiveDate) -> Result<u64, Error> {
        let before = before.and_time(NaiveTime::MIN).and_utc();
        let failed = |path: &Path| {
            let path = path.to_string();
            move |source| Error::Object { path, source }
        };
        let store = self.store();
        let root = Path::from(quarantine::FOLDER);
        let old: Vec<Path> = store
            .list(Some(&root))
            .try_filter(|object| {
                std::future::ready(object.size > 0 && object.last_modified < before)
            })
            .map_ok(|object| object.location)
            .try_collect()
            .await
            .map_err(failed(&root))?;
        for path in &old {
            store.put(path, Vec::new().into()).await.map_err(failed(path))?;
        }
        Ok(old.len() as u64)
    }
}

/// The files that one commit rewrites next.
fn next(files: Vec<LiveFile>, before: NaiveDate) -> Vec<LiveFile> {
    let mut bytes = 0;
    files
        .into_iter()
        .filter(|file| {
            let date = file.date.parse::<NaiveDate>();
            date.is_ok_and(|date| date < before) && !is_cut(&file.path)
        })
        .take_while(|file| {
            let first = bytes == 0;
            bytes += file.bytes;
            first || bytes <= COMMIT_BYTES
        })
        .collect()
}

fn is_cut(path: &Path) -> bool {
    let name = path.filename().unwrap_or_default();
    name.strip_prefix(CUT).is_some_and(|rest| rest.starts_with('-'))
}

/// Rewriting keeps a processor busy, so it leaves the async threads alone.
async fn rewrite_off_thread(open: &Open, files: Vec<LiveFile>) -> Result<Vec<Add>, Error> {
    let table = open.definition;
    let schema = file::schema_of(&open.snapshot("read the schema of")?.snapshot().arrow_schema());
    let store: Arc<dyn ObjectStore> = open.delta.object_store();
    let handle = Handle::current();
    tokio::task::spawn_blocking(move || {
        handle.block_on(rewrite::rewrite(table, &store, &schema, &files))
    })
    .await
    .map_err(|error| Error::Rewrite { table: table.name, reason: error.to_string() })?
}
