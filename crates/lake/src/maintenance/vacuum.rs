//! Deletes what no table names any more.
//!
//! Three kinds of object: files that a commit removed, once no query can still
//! read them; files that no version names, left by commits that were refused or
//! killed; and staging files of the local disk.  What is in quarantine and in
//! the log stays.
//!
//! Objects are listed before the version is loaded.  So a file that is listed
//! and is in no version was written before this call and not committed by now:
//! either its commit is still in flight, and then it is younger than
//! `orphan_age`, which must be longer than any commit takes, or it will never
//! come.  Files of this process's own writes in flight are never touched,
//! however long they take.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use trigpoint_record::Table;

use crate::live;
use crate::table::Open;
use crate::{Error, Lake};

mod staging;

/// Delta's default for `deletedFileRetentionDuration`.
const DELETED_FILE_AGE: Duration = Duration::from_hours(7 * 24);

/// What may be deleted.
#[derive(Debug, Clone)]
pub struct Vacuum {
    /// Files in no version go when they are older: longer than the longest
    /// append or merge, of every process that writes here, takes from its
    /// first file to its commit.
    pub orphan_age: Duration,
    /// Removed files go when their removal is older: longer than the longest
    /// query.  `None` for the table's `deletedFileRetentionDuration`.
    pub deleted_file_age: Option<Duration>,
}

impl Default for Vacuum {
    fn default() -> Self {
        Self { orphan_age: Duration::from_hours(1), deleted_file_age: None }
    }
}

/// What a vacuum deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vacuumed {
    /// Files that a commit had removed from the table.
    pub removed_files: u64,
    /// Files that no version names.
    pub orphans: u64,
    /// Staging files of the local disk.
    pub staging_files: u64,
    /// Bytes of them all.
    pub bytes: u64,
}

impl Lake {
    /// Deletes what `table` does not name any more.  A table that nobody has
    /// made yet has nothing.
    pub async fn vacuum(
        &self,
        table: &'static Table,
        settings: &Vacuum,
        now: DateTime<Utc>,
    ) -> Result<Vacuumed, Error> {
        let before = before(now, settings.orphan_age);
        let before = self.writes().oldest().map_or(before, |oldest| before.min(oldest));
        let log_store = self.log_store(table);
        let store = log_store.object_store(None);
        let listed: Vec<ObjectMeta> = store
            .list(None)
            .try_filter(|object| std::future::ready(!is_hidden(&object.location)))
            .try_collect()
            .await
            .map_err(failed("list", table))?;
        let Some(open) = Open::existing(table, log_store).await? else {
            return Ok(Vacuumed::default());
        };
        let mut done = Vacuumed::default();
        let doomed = doomed(&open, listed, settings, before, now, &mut done).await?;
        let doomed = stream::iter(doomed.into_iter().map(Ok)).boxed();
        store
            .delete_stream(doomed)
            // A rival may have been here first.
            .filter(|deleted| std::future::ready(!is_missing(deleted)))
            .try_for_each(|_| std::future::ready(Ok(())))
            .await
            .map_err(failed("delete", table))?;
        self.sweep_staging_files(table, before, &mut done).await?;
        Ok(done)
    }
}

/// The listed objects that nobody needs.
async fn doomed(
    open: &Open,
    listed: Vec<ObjectMeta>,
    settings: &Vacuum,
    orphans_before: DateTime<Utc>,
    now: DateTime<Utc>,
    done: &mut Vacuumed,
) -> Result<Vec<Path>, Error> {
    let live: HashSet<Path> = live::files(open)?.into_iter().map(|file| file.path).collect();
    let tombstones = tombstones(open).await?;
    let table_age = open.snapshot("read")?.table_config().deleted_file_retention_duration;
    let age = settings.deleted_file_age.or(table_age).unwrap_or(DELETED_FILE_AGE);
    let removed_before = before(now, age).timestamp_millis();
    let mut doomed = Vec::new();
    for object in listed {
        if live.contains(&object.location) {
            continue;
        }
        match tombstones.get(&object.location) {
            Some(removed_at) if *removed_at < removed_before => done.removed_files += 1,
            None if object.last_modified < orphans_before => done.orphans += 1,
            _ => continue,
        }
        done.bytes += object.size;
        doomed.push(object.location);
    }
    Ok(doomed)
}

/// The removals that the log still has, and when they were made, milliseconds
/// since the Unix epoch.
async fn tombstones(open: &Open) -> Result<HashMap<Path, i64>, Error> {
    let log_store = open.delta.log_store();
    open.snapshot("read")?
        .all_tombstones(log_store.as_ref())
        .map_ok(|removed| {
            let path = Path::parse(removed.path()).unwrap_or_else(|_| Path::from(&*removed.path()));
            (path, removed.deletion_timestamp().unwrap_or_default())
        })
        .try_collect()
        .await
        .map_err(Error::delta("read the removed files of", open.definition.name))
}

/// Delta's rule for what is not data: the log and whatever else starts so.
fn is_hidden(path: &Path) -> bool {
    path.parts().any(|part| part.as_ref().starts_with(['_', '.']))
}

pub(super) fn is_missing(deleted: &object_store::Result<Path>) -> bool {
    matches!(deleted, Err(object_store::Error::NotFound { .. }))
}

/// The moment `age` before `now`.
pub(super) fn before(now: DateTime<Utc>, age: Duration) -> DateTime<Utc> {
    let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
    now.checked_sub_signed(age).unwrap_or(DateTime::<Utc>::MIN_UTC)
}

pub(super) fn failed(
    operation: &'static str,
    table: &'static Table,
) -> impl Fn(object_store::Error) -> Error {
    move |source| Error::Objects { operation, table: table.name, source }
}
