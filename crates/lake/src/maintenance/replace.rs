//! The one way in which maintenance commits.
//!
//! delta-rs lets two commits pass that remove the same file without change of
//! data (its conflict checker looks only at removals with it): two compactions
//! of the same files would both go in, and every row would be there twice.  So
//! the check is made here: a commit is built on one version and tried for the
//! next one only; when that is taken, the newer version is loaded and the files
//! are looked for again.

use std::collections::HashSet;

use deltalake::DeltaTableError;
use deltalake::kernel::transaction::CommitBuilder;
use deltalake::kernel::{Action, Add, MetadataExt as _, Remove};
use deltalake::protocol::DeltaOperation;

use crate::Error;
use crate::table::{Open, commit_properties};

/// Versions that rivals may take in a row.
const ATTEMPTS: u32 = 50;

/// Files for other files.
#[derive(Debug)]
pub(super) struct Replacement {
    /// Each of them must still be live.
    pub(super) removed: Vec<Remove>,
    /// Durable files.
    pub(super) added: Vec<Add>,
    /// A table property that the same commit sets.
    pub(super) property: Option<(&'static str, String)>,
    /// As the log's readers see it.
    pub(super) operation: DeltaOperation,
}

/// How a replacement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is in the table.
    Committed,
    /// A rival removed one of the files: nothing was changed.
    Overtaken,
}

/// Commits the replacement on top of the newest version; `open` is then there
/// or later.
///
/// New files of a refused replacement stay for vacuum: whether a failed commit
/// went in may be unknown, so deleting them here could lose rows.
pub(super) async fn replace(open: &mut Open, wanted: &Replacement) -> Result<Outcome, Error> {
    let table = open.definition.name;
    for _ in 0..ATTEMPTS {
        if let Some(outcome) = decided(open, wanted)? {
            return Ok(outcome);
        }
        match commit(open, wanted).await {
            Ok(()) => return Ok(Outcome::Committed),
            Err(error) => {
                open.refresh().await?;
                // The answer may have been lost, or a checkpoint after the commit failed.
                if let Some(outcome) = decided(open, wanted)? {
                    return Ok(outcome);
                }
                if !is_conflict(&error) {
                    return Err(Error::delta("commit to", table)(error));
                }
            }
        }
    }
    Err(Error::Contended { table, attempts: ATTEMPTS })
}

/// Whether the loaded version already says how the replacement ended.
fn decided(open: &Open, wanted: &Replacement) -> Result<Option<Outcome>, Error> {
    let data = open.snapshot("read the files of")?.log_data();
    let live: HashSet<String> = data.iter().map(|file| file.path().into_owned()).collect();
    // Their names are random: only this commit can have brought them.
    if wanted.added.iter().any(|add| live.contains(&add.path)) {
        return Ok(Some(Outcome::Committed));
    }
    let all_there = wanted.removed.iter().all(|remove| live.contains(&remove.path));
    Ok((!all_there).then_some(Outcome::Overtaken))
}

async fn commit(open: &mut Open, wanted: &Replacement) -> Result<(), DeltaTableError> {
    let mut actions: Vec<Action> = wanted.removed.iter().cloned().map(Action::Remove).collect();
    actions.extend(wanted.added.iter().cloned().map(Action::Add));
    if let Some((key, value)) = &wanted.property {
        let metadata = open.delta.snapshot()?.metadata().clone();
        let metadata = metadata.add_config_key((*key).to_owned(), value.clone())?;
        actions.push(Action::Metadata(metadata));
    }
    let finished = CommitBuilder::from(commit_properties().with_max_retries(0))
        .with_actions(actions)
        .build(Some(open.delta.snapshot()?), open.delta.log_store(), wanted.operation.clone())
        .await?;
    open.delta.state = Some(finished.snapshot);
    Ok(())
}

/// Whether a rival took the version.
fn is_conflict(error: &DeltaTableError) -> bool {
    matches!(error, DeltaTableError::Transaction { .. } | DeltaTableError::VersionAlreadyExists(_))
}
