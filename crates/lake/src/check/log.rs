//! The Delta log, read a second time: commit by commit, not by way of the
//! newest checkpoint as every reader does.
//!
//! Owns what the log says at one version, and what is wrong with its files.
//! Memory: the entries of the live files, as in any snapshot.

use std::collections::{BTreeMap, HashMap};

use deltalake::kernel::{Add, Remove, Transaction};
use serde::Deserialize;

use crate::Error;

mod files;
mod replay;

pub(super) use replay::read;

/// What the log says at one version.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) files: BTreeMap<String, Add>,
    /// By path, when the file was taken out, in milliseconds since the epoch.
    pub(super) tombstones: HashMap<String, i64>,
    /// By stream.
    pub(super) markers: BTreeMap<String, Transaction>,
    pub(super) protocol: Option<Protocol>,
    pub(super) metadata: Option<Metadata>,
    /// The log files that the protocol and the metadata stand in.
    pub(super) protocol_file: String,
    pub(super) metadata_file: String,
}

/// The outcome of reading a log.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) state: State,
    /// Whether every commit that counts could be read.
    pub(super) is_complete: bool,
}

/// Versions that a reader or writer must understand; features as they are named.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Protocol {
    pub(super) min_reader_version: i64,
    pub(super) min_writer_version: i64,
}

/// What the table is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) schema_string: String,
    #[serde(default)]
    pub(super) configuration: BTreeMap<String, Option<String>>,
}

/// One line of a commit, or one row of a checkpoint; other actions say nothing
/// about rows.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    add: Option<Add>,
    remove: Option<Remove>,
    txn: Option<Transaction>,
    protocol: Option<Protocol>,
    meta_data: Option<Metadata>,
}

impl State {
    /// Takes in the actions of the log file `name`, one JSON object to a line.
    /// All of them or, where one is broken, none.
    fn apply(&mut self, name: &str, text: &[u8]) -> Result<(), String> {
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let lines: Vec<Line> = lines
            .map(serde_json::from_slice)
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?;
        if lines.is_empty() {
            return Err("it is empty".to_owned());
        }
        for line in lines {
            self.apply_line(name, line);
        }
        Ok(())
    }

    fn apply_line(&mut self, name: &str, line: Line) {
        if let Some(add) = line.add {
            self.tombstones.remove(&add.path);
            self.files.insert(add.path.clone(), add);
        }
        if let Some(remove) = line.remove {
            self.files.remove(&remove.path);
            self.tombstones.insert(remove.path, remove.deletion_timestamp.unwrap_or_default());
        }
        if let Some(txn) = line.txn {
            self.markers.insert(txn.app_id.clone(), txn);
        }
        if let Some(protocol) = line.protocol {
            self.protocol = Some(protocol);
            name.clone_into(&mut self.protocol_file);
        }
        if let Some(metadata) = line.meta_data {
            self.metadata = Some(metadata);
            name.clone_into(&mut self.metadata_file);
        }
    }

    /// A table property.
    pub(super) fn property(&self, key: &str) -> Option<&str> {
        self.metadata.as_ref()?.configuration.get(key)?.as_deref()
    }

    /// In which way `other`, which should say the same, does not; `None` if it does.
    fn difference(&self, other: &Self, forgotten_before_ms: i64) -> Option<String> {
        let missing = self.files.keys().find(|path| !other.files.contains_key(*path));
        let extra = other.files.keys().find(|path| !self.files.contains_key(*path));
        if let Some(path) = missing {
            return Some(format!("the commits name file `{path}`, it does not"));
        }
        if let Some(path) = extra {
            return Some(format!("it names file `{path}`, the commits do not"));
        }
        let size = |state: &Self, path: &String| state.files.get(path).map(|add| add.size);
        if let Some(path) = self.files.keys().find(|path| size(self, path) != size(other, path)) {
            return Some(format!("it gives file `{path}` another size than the commits"));
        }
        // A checkpoint may forget markers that have outlived their retention.
        for (stream, marker) in &self.markers {
            let kept = other.markers.get(stream).map(|marker| marker.version);
            let is_old = marker.last_updated.is_some_and(|updated| updated < forgotten_before_ms);
            if kept != Some(marker.version) && !is_old {
                let found = kept.map_or("none".to_owned(), |version| version.to_string());
                let expected = marker.version;
                return Some(format!(
                    "the marker of stream {stream} is {expected} in the commits, here {found}"
                ));
            }
        }
        if self.protocol != other.protocol {
            return Some("its protocol is not that of the commits".to_owned());
        }
        if self.metadata != other.metadata {
            return Some("its schema or properties are not those of the commits".to_owned());
        }
        None
    }
}

/// A read that found the log changed under it, or could not be done.
#[derive(Debug)]
enum ReadError {
    /// A file that was listed is gone: cleaned up, look again.
    Gone,
    Failed(Error),
}
