//! Exactly-once append: rows and the markers of their streams in one commit.
//!
//! Delta's `txn` action (PROTOCOL.md, "Transaction Identifiers") holds the last
//! sequence number of each stream.  delta-rs only refuses a *concurrent* commit
//! of the same stream; whether a batch is already stored is decided here, on
//! the very snapshot that the commit is built on.  Must never commit rows
//! without looking at the marker again after an error: an error may still mean
//! that the commit went in (a lost answer, a failed checkpoint after it).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::{Duration, Instant};

use chrono::Utc;
use deltalake::DeltaTableError;
use deltalake::kernel::transaction::CommitBuilder;
use deltalake::kernel::{Action, Add, Transaction};
use deltalake::protocol::{DeltaOperation, SaveMode};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::{ObjectStoreExt as _, path::Path};
use trigpoint_record::Table;

use crate::table::{Open, READ_MARKERS, commit_properties};
use crate::{Error, Lake, Rows, file, schema};

/// Commits in a row that may fail before the group is handed back.
const ATTEMPTS: u32 = 5;
/// After this time no further commit is tried: a store that fails has been
/// asked again by its client, and what waits behind this group wants to know.
const PATIENCE: Duration = Duration::from_mins(1);
/// The bound of the first pause between two commits, doubled with each.
const PAUSE: Duration = Duration::from_millis(50);
/// Files of different dates written at a time.
const PARALLEL_PUTS: usize = 4;

/// The batches of one stream for one table.
#[derive(Debug, Clone)]
pub struct Group {
    /// Name of the stream: authenticated principal and spool id.
    pub app_id: String,
    /// The marker to commit: no batch of the stream at or below it is taken
    /// for this table again.  May lie above the last rows (quarantined
    /// batches), and a group without rows commits its marker alone.
    pub last_seq: u64,
    /// Batches in the order of their sequence numbers.
    pub rows: Vec<Rows>,
}

/// What an append did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Appended {
    /// The table's version with the groups in it; `None` when every group was
    /// stored before.
    pub version: Option<u64>,
    /// Rows that this call committed.
    pub rows: u64,
    /// Bytes of the data files that this call committed.
    pub bytes: u64,
    /// Data files that this call committed.
    pub files: u64,
    /// Batches that were left out because their marker said they are stored.
    pub duplicates: u64,
    /// Commits that had to be repeated.
    pub retries: u32,
}

impl Lake {
    /// Stores the groups in `table`; on `Ok` all of them are durable, now or
    /// since an earlier call.  On `Err` each is stored whole or not at all, and
    /// appending it again is safe.
    ///
    /// Groups of the same stream are taken as one.  Appends to one table wait
    /// for each other.
    pub async fn append(
        &self,
        table: &'static Table,
        groups: Vec<Group>,
    ) -> Result<Appended, Error> {
        let groups = one_per_stream(groups);
        let writer = self.writer(table).await;
        let mut writer = writer.lock().await;
        let open = match writer.as_mut() {
            Some(open) => open,
            None => writer.insert(Open::for_writing(table, self.log_store(table)).await?),
        };
        let _in_flight = self.writes().begin();
        let mut appended = append(open, groups.clone()).await;
        if let Err(Error::Delta { operation: READ_MARKERS, .. }) = appended {
            // The log of the version that was loaded may have been cleaned away.
            appended = match open.refresh().await {
                Ok(()) => append(open, groups).await,
                Err(error) => Err(error),
            };
        }
        if appended.is_err() {
            // What this process remembers may be what is wrong: the next append
            // loads all of it.
            *writer = None;
        }
        appended
    }
}

fn one_per_stream(groups: Vec<Group>) -> Vec<Group> {
    let mut merged: BTreeMap<String, Group> = BTreeMap::new();
    for group in groups {
        match merged.entry(group.app_id.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(group);
            }
            Entry::Occupied(mut entry) => {
                let first = entry.get_mut();
                first.last_seq = first.last_seq.max(group.last_seq);
                first.rows.extend(group.rows);
            }
        }
    }
    merged.into_values().collect()
}

async fn append(open: &mut Open, mut groups: Vec<Group>) -> Result<Appended, Error> {
    let table = open.definition;
    let mut outcome = Appended::default();
    let mut written: Option<Vec<Add>> = None;
    let started = Instant::now();
    let mut refused: Option<DeltaTableError> = None;
    loop {
        open.settle().await?;
        if drop_stored(open, &mut groups, &mut outcome).await? {
            // The files written before hold rows that a rival has committed.
            written = None;
        }
        if groups.is_empty() {
            return Ok(outcome);
        }
        // Only here: after the last refusal, too, a rival may have stored all of it.
        if let Some(error) =
            refused.take_if(|_| outcome.retries >= ATTEMPTS || started.elapsed() > PATIENCE)
        {
            return Err(match error {
                DeltaTableError::Transaction { .. } => {
                    Error::Contended { table: table.name, attempts: outcome.retries }
                }
                other => Error::delta("append to", table.name)(other),
            });
        }
        let adds = match written.take() {
            Some(adds) => adds,
            None => write(open, &groups).await?,
        };
        match commit(open, &adds, &groups).await {
            Ok(version) => {
                count(&mut outcome, &groups, &adds, version);
                return Ok(outcome);
            }
            Err(error) => {
                tracing::debug!(table = table.name, %error, "commit refused, looking for its marker");
                open.refresh().await?;
                open.settle().await?;
                if all_stored(open, &groups).await? {
                    let version = open.delta.version().unwrap_or_default();
                    count(&mut outcome, &groups, &adds, version);
                    return Ok(outcome);
                }
                outcome.retries += 1;
                refused = Some(error);
                written = Some(adds);
                pause(outcome.retries).await;
            }
        }
    }
}

/// Rivals that were refused together must not come again together.
async fn pause(retries: u32) {
    let bound = PAUSE * 2_u32.saturating_pow(retries.saturating_sub(1));
    tokio::time::sleep(rand::random_range(Duration::ZERO..=bound)).await;
}

/// Takes out every batch and group at or below its marker; true when that
/// changed which rows are left.
async fn drop_stored(
    open: &mut Open,
    groups: &mut Vec<Group>,
    outcome: &mut Appended,
) -> Result<bool, Error> {
    let mut changed = false;
    let mut left = Vec::with_capacity(groups.len());
    for mut group in std::mem::take(groups) {
        if let Some(marker) = open.marker(&group.app_id).await? {
            let before = group.rows.len();
            group.rows.retain(|rows| rows.seq > marker);
            let dropped = before - group.rows.len();
            outcome.duplicates += dropped as u64;
            changed |= dropped > 0;
            if group.last_seq <= marker {
                continue;
            }
        }
        left.push(group);
    }
    *groups = left;
    Ok(changed)
}

/// Whether every group's marker stands where this append wanted it; one that a
/// rival has moved beyond is no answer, and its group is dropped at the next look.
async fn all_stored(open: &mut Open, groups: &[Group]) -> Result<bool, Error> {
    for group in groups {
        if open.marker(&group.app_id).await? != Some(group.last_seq) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Encodes the groups' rows off the async threads and writes the files.
async fn write(open: &Open, groups: &[Group]) -> Result<Vec<Add>, Error> {
    let table = open.definition;
    let batches: Vec<_> =
        groups.iter().flat_map(|group| &group.rows).map(|rows| rows.batch.clone()).collect();
    let now = Utc::now().timestamp_millis();
    let files = tokio::task::spawn_blocking(move || {
        let batches: Vec<_> = batches.iter().filter(|batch| batch.num_rows() > 0).collect();
        file::encode(table, &batches, now)
    })
    .await
    .map_err(|error| Error::Encode { table: table.name, reason: error.to_string() })??;

    let store = open.delta.object_store();
    stream::iter(files)
        .map(|file| {
            let store = &store;
            async move {
                let path = Path::from(file.add.path.as_str());
                let failed =
                    |source| Error::Object { path: format!("{}/{path}", table.name), source };
                store.put(&path, file.bytes.into()).await.map_err(failed)?;
                Ok(file.add)
            }
        })
        .buffer_unordered(PARALLEL_PUTS)
        .try_collect()
        .await
}

/// One commit of `adds` with the markers of `groups`; the version it became.
async fn commit(open: &mut Open, adds: &[Add], groups: &[Group]) -> Result<u64, DeltaTableError> {
    let now = Utc::now().timestamp_millis();
    let markers = groups
        .iter()
        .map(|group| {
            Transaction::new_with_last_update(&group.app_id, group.last_seq as i64, Some(now))
        })
        .collect();
    let operation = DeltaOperation::Write {
        mode: SaveMode::Append,
        partition_by: Some(vec![schema::DATE.to_owned()]),
        predicate: None,
    };
    let finished = CommitBuilder::from(commit_properties().with_application_transactions(markers))
        .with_actions(adds.iter().cloned().map(Action::Add).collect())
        .build(Some(open.delta.snapshot()?), open.delta.log_store(), operation)
        .await?;
    let version = finished.version();
    let markers = groups.iter().map(|group| (group.app_id.clone(), group.last_seq));
    open.committed(finished.snapshot, markers);
    Ok(version)
}

fn count(outcome: &mut Appended, groups: &[Group], adds: &[Add], version: u64) {
    outcome.version = Some(version);
    outcome.rows = groups.iter().flat_map(|group| &group.rows).map(|rows| rows.len() as u64).sum();
    outcome.bytes = adds.iter().map(|add| add.size as u64).sum();
    outcome.files = adds.len() as u64;
}

#[cfg(test)]
mod tests;
