//! From the files of a log to what it says.

use std::sync::Arc;

use futures::{StreamExt as _, stream};
use object_store::ObjectStore;
use object_store::path::Path;

use super::files::Files;
use super::{Log, ReadError, State};
use crate::Error;
use crate::check::report::{FindingKind, Report};

/// Log files that are fetched ahead.
const PARALLEL_GETS: usize = 16;
/// Looks at a log that is cleaned up meanwhile.
const ATTEMPTS: u32 = 5;

/// Reads the log of `table` up to the commit `until`, or to its end, from as
/// far back as it goes; what is wrong with its files goes into `report`.
///
/// Markers that were last moved before `forgotten_before_ms` (since the epoch)
/// may be missing in checkpoints.
pub(in crate::check) async fn read(
    store: &Arc<dyn ObjectStore>,
    table: &str,
    until: Option<u64>,
    forgotten_before_ms: i64,
    report: &mut Report,
) -> Result<Log, Error> {
    for _ in 0..ATTEMPTS {
        let files = Files::list(store, table).await?;
        let mut replay = Replay { files: &files, forgotten_before_ms, report: Report::default() };
        match replay.run(until).await {
            Ok(log) => {
                report.findings.append(&mut replay.report.findings);
                return Ok(log);
            }
            Err(ReadError::Gone) => {}
            Err(ReadError::Failed(error)) => return Err(error),
        }
    }
    let directory = format!("{table}/_delta_log");
    report.add(FindingKind::Log, directory, "its files vanish while they are read");
    Ok(Log::default())
}

struct Replay<'a> {
    files: &'a Files,
    forgotten_before_ms: i64,
    report: Report,
}

impl Replay<'_> {
    async fn run(&mut self, until: Option<u64>) -> Result<Log, ReadError> {
        self.check_pointer().await?;
        let newest = self.files.commits.last().max(self.files.checkpoints.keys().next_back());
        let Some(last) = until.or(newest.copied()) else { return Ok(Log::default()) };
        let Some((mut state, mut next)) = self.start(last).await? else {
            return Ok(Log::default());
        };
        loop {
            let Some((broken, reason)) = self.commits(&mut state, next, last).await? else {
                return Ok(Log { state, is_complete: true });
            };
            let path = self.files.commit(broken);
            self.report.add(FindingKind::Log, path, reason);
            // As readers do: a checkpoint stands for everything before it.
            let Some((version, checkpoint)) = self.checkpoint_from(broken, last).await? else {
                return Ok(Log { state, is_complete: false });
            };
            (state, next) = (checkpoint, version + 1);
        }
    }

    /// The oldest state that the log still has, and the commit after it.
    async fn start(&mut self, last: u64) -> Result<Option<(State, u64)>, ReadError> {
        if self.files.commits.contains(&0) {
            return Ok(Some((State::default(), 0)));
        }
        if let Some((version, state)) = self.checkpoint_from(0, last).await? {
            return Ok(Some((state, version + 1)));
        }
        if self.report.is_clean() {
            let path = self.files.commit(0);
            self.report.add(FindingKind::Log, path, "does not exist, nor does a checkpoint");
        }
        Ok(None)
    }

    /// The oldest checkpoint of these versions that can be read.
    async fn checkpoint_from(
        &mut self,
        first: u64,
        last: u64,
    ) -> Result<Option<(u64, State)>, ReadError> {
        let versions: Vec<u64> =
            self.files.checkpoints.range(first..=last).map(|(version, _)| *version).collect();
        for version in versions {
            match self.files.read_checkpoint(version).await? {
                Ok(state) => return Ok(Some((version, state))),
                Err(reason) => self.unreadable_checkpoint(version, &reason),
            }
        }
        Ok(None)
    }

    /// Takes in the commits from `first` to `last`; the first one that cannot
    /// be taken, and why.
    async fn commits(
        &mut self,
        state: &mut State,
        first: u64,
        last: u64,
    ) -> Result<Option<(u64, String)>, ReadError> {
        let files = self.files;
        let newest = files.checkpoints.range(..=last).next_back().map(|(version, _)| *version);
        let mut commits = stream::iter(first..=last)
            .map(|version| async move {
                let is_there = files.commits.contains(&version);
                let path = files.commit(version);
                let text = if is_there { Some(files.read(&path).await) } else { None };
                (version, path, text)
            })
            .buffered(PARALLEL_GETS);
        while let Some((version, path, text)) = commits.next().await {
            let Some(text) = text.transpose()? else {
                return Ok(Some((version, "does not exist, but later commits do".to_owned())));
            };
            if let Err(reason) = state.apply(path.as_ref(), &text) {
                return Ok(Some((version, format!("cannot be read: {reason}"))));
            }
            if newest == Some(version) {
                self.compare(version, state).await?;
            }
        }
        Ok(None)
    }

    /// Whether the checkpoint, which readers start from, says what the commits
    /// up to it say.
    async fn compare(&mut self, version: u64, commits: &State) -> Result<(), ReadError> {
        match self.files.read_checkpoint(version).await? {
            Ok(checkpoint) => {
                if let Some(what) = commits.difference(&checkpoint, self.forgotten_before_ms) {
                    let path = self.files.checkpoint(version);
                    self.report.add(FindingKind::Checkpoint, path, what);
                }
            }
            Err(reason) => self.unreadable_checkpoint(version, &reason),
        }
        Ok(())
    }

    fn unreadable_checkpoint(&mut self, version: u64, reason: &str) {
        let path = self.files.checkpoint(version);
        self.report.add(FindingKind::Checkpoint, path, format!("cannot be read: {reason}"));
    }

    async fn check_pointer(&mut self) -> Result<(), ReadError> {
        #[derive(serde::Deserialize)]
        struct Pointer {
            version: u64,
        }
        if !self.files.has_pointer {
            return Ok(());
        }
        let path: Path = self.files.pointer();
        let text = self.files.read(&path).await?;
        if let Err(error) = serde_json::from_slice::<Pointer>(&text).map(|pointer| pointer.version)
        {
            self.report.add(FindingKind::Log, path, format!("cannot be read: {error}"));
        }
        Ok(())
    }
}
