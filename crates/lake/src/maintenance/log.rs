//! Deletes log entries that nobody needs any more.
//!
//! Appends leave this to maintenance, since it lists the whole log.  The rule is
//! "Metadata Cleanup" of Delta's PROTOCOL.md: of the commits that are old enough,
//! the newest is the oldest state that anybody may still ask for; the newest
//! checkpoint that is no newer stays, with its commit and all that follow, and
//! what is of earlier versions goes.  So a checkpoint must exist, which is made
//! here when the hooks of commits failed to.  It is also made for readers: whoever
//! opens a table reads each entry after the newest one.
//!
//! The rule alone trusts more than is known, so here
//!
//! - only a checkpoint in one file stands for what is before it: one in parts is
//!   worth nothing without each of them, and nothing of ours writes such;
//! - the checkpoint that `_last_checkpoint` names stays, with all that follow,
//!   even when a newer one was written and its name was not;
//! - the oldest object goes first: whenever this ends, what is left has no holes.
//!   `cleanup_expired_logs_for` of delta-rs deletes ten at a time on a disk.

use std::time::Duration;

use chrono::{DateTime, Utc};
use deltalake::DeltaTable;
use deltalake::checkpoints::create_checkpoint;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt as _};
use serde_json::Value;
use trigpoint_record::Table;

use super::vacuum::{before, failed, is_missing};
use crate::table::Open;
use crate::{Error, Lake};

/// Delta's default for `logRetentionDuration`.
const LOG_AGE: Duration = Duration::from_hours(30 * 24);
/// Delta's own interval, a fifth of ours (`delta.checkpointInterval`): a table that
/// rests, such as one whose day is over and merged, is opened from its checkpoint
/// alone, at the price of one more of them for each round.
const COMMITS_WITHOUT_CHECKPOINT: u64 = 10;
/// What S3 deletes in one request.  Elsewhere each is one of its own, and
/// object_store makes several at a time, unless it is given one by one.
const DELETED_BY_S3: usize = 1_000;

/// Which entries may go.
#[derive(Debug, Clone, Default)]
pub struct LogCleaning {
    /// Entries go when they are older and a checkpoint holds their outcome.
    /// `None` for the table's `logRetentionDuration`.
    pub age: Option<Duration>,
}

impl Lake {
    /// Deletes old entries of the table's log, and how many objects that were; makes
    /// a checkpoint first where ten commits have none.
    ///
    /// Every version that was the table's newest at some moment within the age
    /// can still be read.  After an error, or when it is killed, the oldest
    /// entries are gone and the next call goes on with the others.
    pub async fn clean_log(
        &self,
        table: &'static Table,
        settings: &LogCleaning,
        now: DateTime<Utc>,
    ) -> Result<u64, Error> {
        let Some(open) = Open::existing(table, self.log_store(table)).await? else {
            return Ok(0);
        };
        let snapshot = open.snapshot("read")?;
        let table_age = snapshot.table_config().log_retention_duration;
        let age = settings.age.or(table_age).unwrap_or(LOG_AGE);
        let version = snapshot.version();
        let mut named = last_checkpoint(table, &open.delta).await?;
        if version.saturating_sub(named.unwrap_or_default()) >= COMMITS_WITHOUT_CHECKPOINT {
            create_checkpoint(&open.delta, None)
                .await
                .map_err(Error::delta("make a checkpoint of", table.name))?;
            named = last_checkpoint(table, &open.delta).await?;
        }
        let store = open.delta.object_store();
        let log: Vec<ObjectMeta> = store
            .list(Some(&Path::from("_delta_log")))
            .try_collect()
            .await
            .map_err(failed("list the log of", table))?;
        let expired = expired(&log, version, named, before(now, age));
        let at_once = if self.url().scheme() == "s3" { DELETED_BY_S3 } else { 1 };
        for paths in expired.chunks(at_once) {
            store
                .delete_stream(stream::iter(paths.to_vec()).map(Ok).boxed())
                // A rival may have been here first.
                .filter(|deleted| std::future::ready(!is_missing(deleted)))
                .try_for_each(|_| std::future::ready(Ok(())))
                .await
                .map_err(failed("clean the log of", table))?;
        }
        Ok(expired.len() as u64)
    }
}

/// The objects that may go, the oldest first, of the log of a table at `version`
/// whose `_last_checkpoint` names `named`.
pub(super) fn expired(
    log: &[ObjectMeta],
    version: u64,
    named: Option<u64>,
    cutoff: DateTime<Utc>,
) -> Vec<Path> {
    let files: Vec<_> = log.iter().filter_map(LogFile::of).collect();
    let young = |file: &&LogFile<'_>| file.is("json") && file.object.last_modified > cutoff;
    let oldest_wanted = match files.iter().filter(young).map(|file| file.version).min() {
        // The newest old commit was the newest of all until this one came.
        Some(first_young) => first_young.saturating_sub(1).min(version),
        None => version,
    };
    let stands = |file: &&LogFile<'_>| {
        // Readers pass over an empty one.
        file.is("checkpoint.parquet") && file.object.size > 0 && file.version <= oldest_wanted
    };
    let Some(checkpoint) = files.iter().filter(stands).map(|file| file.version).max() else {
        return Vec::new();
    };
    let first_kept = named.map_or(checkpoint, |named| named.min(checkpoint));
    let old = files.iter().filter(|file| file.version < first_kept);
    let mut expired: Vec<_> = old.map(|file| file.object.location.clone()).collect();
    // Their names begin with the version, of as many digits for each.
    expired.sort_unstable();
    expired
}

/// An object of a log that belongs to a version, or to a range that begins there.
struct LogFile<'a> {
    version: u64,
    /// What follows the version in its name.
    kind: &'a str,
    object: &'a ObjectMeta,
}

impl<'a> LogFile<'a> {
    /// The names that the protocol gives: commits, checksums, checkpoints in any
    /// form, compacted commits.
    fn of(object: &'a ObjectMeta) -> Option<Self> {
        let (digits, kind) = object.location.filename()?.split_once('.')?;
        let version = (digits.len() == 20).then(|| digits.parse().ok()).flatten()?;
        let extension = kind.rsplit('.').next()?;
        let is_known = match kind {
            "json" | "crc" => true,
            _ if kind.starts_with("checkpoint.") => matches!(extension, "parquet" | "json"),
            _ => kind.ends_with(".compacted.json"),
        };
        is_known.then_some(Self { version, kind, object })
    }

    fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }
}

/// The version of the newest checkpoint, as its writer left it for readers.
async fn last_checkpoint(table: &'static Table, delta: &DeltaTable) -> Result<Option<u64>, Error> {
    let path = Path::from_iter(["_delta_log", "_last_checkpoint"]);
    let bytes = match delta.object_store().get(&path).await {
        Ok(hint) => hint.bytes().await.map_err(failed("read", table))?,
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(failed("read", table)(error)),
    };
    let hint = serde_json::from_slice::<Value>(&bytes).ok();
    Ok(hint.and_then(|hint| hint["version"].as_u64()))
}
