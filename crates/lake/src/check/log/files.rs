//! The files of `_delta_log`: which there are, and what is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::json::LineDelimitedWriter;
use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};

use super::{ReadError, State};
use crate::Error;
use crate::check::object::{self, Object};

const LAST_CHECKPOINT: &str = "_last_checkpoint";

/// One table's log.
#[derive(Debug)]
pub(super) struct Files {
    store: Arc<dyn ObjectStore>,
    /// Path of `_delta_log` below the lake's root.
    directory: Path,
    pub(super) commits: BTreeSet<u64>,
    /// Sizes of the classic checkpoints, one file each; nothing of ours makes
    /// others.
    pub(super) checkpoints: BTreeMap<u64, u64>,
    pub(super) has_pointer: bool,
}

impl Files {
    pub(super) async fn list(store: &Arc<dyn ObjectStore>, table: &str) -> Result<Self, Error> {
        let directory = Path::from_iter([table, "_delta_log"]);
        let failed = Error::read(&directory);
        let mut files = Self {
            store: Arc::clone(store),
            directory: directory.clone(),
            commits: BTreeSet::new(),
            checkpoints: BTreeMap::new(),
            has_pointer: false,
        };
        let mut objects = store.list(Some(&directory));
        while let Some(object) = objects.try_next().await.map_err(&failed)? {
            let Some(name) = object.location.filename() else { continue };
            if name == LAST_CHECKPOINT {
                files.has_pointer = true;
            } else if let Some(version) = version(name, ".json") {
                files.commits.insert(version);
            } else if let Some(version) = version(name, ".checkpoint.parquet") {
                files.checkpoints.insert(version, object.size);
            }
        }
        Ok(files)
    }

    /// The file that points to the newest checkpoint.
    pub(super) fn pointer(&self) -> Path {
        self.directory.clone().join(LAST_CHECKPOINT)
    }

    pub(super) fn commit(&self, version: u64) -> Path {
        self.directory.clone().join(format!("{version:020}.json"))
    }

    pub(super) fn checkpoint(&self, version: u64) -> Path {
        self.directory.clone().join(format!("{version:020}.checkpoint.parquet"))
    }

    pub(super) async fn read(&self, path: &Path) -> Result<Bytes, ReadError> {
        let read = async { self.store.get(path).await?.bytes().await };
        read.await.map_err(|source| match source {
            object_store::Error::NotFound { .. } => ReadError::Gone,
            source => ReadError::Failed(Error::read(path)(source)),
        })
    }

    /// What a checkpoint says, or why it cannot be read.
    pub(super) async fn read_checkpoint(
        &self,
        version: u64,
    ) -> Result<Result<State, String>, ReadError> {
        let decoded = self.decode_checkpoint(version).await;
        let path = self.checkpoint(version);
        if decoded.is_err() && matches!(self.read(&path).await, Err(ReadError::Gone)) {
            return Err(ReadError::Gone);
        }
        Ok(decoded)
    }

    /// Its rows are the actions of commits.
    async fn decode_checkpoint(&self, version: u64) -> Result<State, String> {
        let path = self.checkpoint(version);
        let name = path.to_string();
        let size = self.checkpoints.get(&version).copied().unwrap_or_default();
        let object = Object::new(Arc::clone(&self.store), path, size);
        object::guarded(async {
            let mut state = State::default();
            let mut batches = object.open().await?.build().map_err(object::words)?;
            while let Some(batch) = batches.try_next().await.map_err(object::words)? {
                let mut lines = Vec::new();
                let mut writer = LineDelimitedWriter::new(&mut lines);
                writer.write(&batch).map_err(object::words)?;
                writer.finish().map_err(object::words)?;
                drop(writer);
                state.apply(&name, &lines)?;
            }
            Ok(state)
        })
        .await
    }
}

fn version(name: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_suffix(suffix)?;
    (digits.len() == 20).then(|| digits.parse().ok()).flatten()
}
