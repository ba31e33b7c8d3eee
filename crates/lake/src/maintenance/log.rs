//! Deletes log entries that nobody needs any more.
//!
//! Appends leave this to maintenance, since it lists the whole log.  delta-rs
//! deletes only what is older than a checkpoint that is itself old enough; so a
//! checkpoint must exist, which is made here when the hooks of commits failed to.

use std::time::Duration;

use chrono::{DateTime, Utc};
use deltalake::DeltaTable;
use deltalake::checkpoints::{cleanup_expired_logs_for, create_checkpoint};
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use serde_json::Value;
use trigpoint_record::Table;

use super::vacuum::{before, failed};
use crate::table::Open;
use crate::{Error, Lake};

/// Delta's default for `logRetentionDuration`.
const LOG_AGE: Duration = Duration::from_hours(30 * 24);
/// Above `delta.checkpointInterval`: the hook of a commit did not make one.
const COMMITS_WITHOUT_CHECKPOINT: u64 = 60;

/// Which entries may go.
#[derive(Debug, Clone, Default)]
pub struct LogCleaning {
    /// Entries go when they are older and a checkpoint holds their outcome.
    /// `None` for the table's `logRetentionDuration`.
    pub age: Option<Duration>,
}

impl Lake {
    /// Deletes old entries of the table's log; how many objects.
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
        let checkpoint = last_checkpoint(table, &open.delta).await?.unwrap_or_default();
        if version - checkpoint.min(version) >= COMMITS_WITHOUT_CHECKPOINT {
            create_checkpoint(&open.delta, None)
                .await
                .map_err(Error::delta("make a checkpoint of", table.name))?;
        }
        let cutoff = before(now, age).timestamp_millis();
        let log_store = open.delta.log_store();
        let deleted = cleanup_expired_logs_for(version, log_store.as_ref(), cutoff, None)
            .await
            .map_err(Error::delta("clean the log of", table.name))?;
        Ok(deleted as u64)
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
