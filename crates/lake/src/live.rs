//! The files of a snapshot: which keys they hold, and their rows in order.

use chrono::{DateTime, Utc};
use deltalake::kernel::{Add, LogicalFileView, Remove};
use deltalake::table::state::DeltaTableState;
use object_store::path::Path;
use serde_json::Value;
use trigpoint_record::Table;

use crate::table::Open;
use crate::{Error, schema};

mod merged;
mod reading;

pub(crate) use merged::merged;
pub(crate) use reading::Reading;

/// Files whose keys rise from one to the next, so that reading them in order
/// is reading one sorted file.
pub(crate) type Run = Vec<LiveFile>;

/// A data file that a snapshot names.
#[derive(Debug, Clone)]
pub(crate) struct LiveFile {
    /// From the table's root.
    pub(crate) path: Path,
    /// Its partition.
    pub(crate) date: String,
    pub(crate) bytes: u64,
    /// `None` where its writer did not say.
    pub(crate) rows: Option<u64>,
    /// When it was written, milliseconds since the Unix epoch.
    pub(crate) modified_ms: i64,
    /// Smallest and largest value of the first sort column.
    pub(crate) low: Key,
    pub(crate) high: Key,
    pub(crate) remove: Remove,
    pub(crate) statistics: Option<String>,
}

/// A value of the first sort column, in the order of the files: NULL first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Null,
    /// Text, or a time as the log writes it, which sorts like the time.
    Value(String),
    /// Unknown, so above everything.
    Unbounded,
}

/// Every live file of the snapshot.
pub(crate) fn files(open: &Open) -> Result<Vec<LiveFile>, Error> {
    Ok(files_of(open.definition, open.snapshot("read the files of")?))
}

/// Every live file of a table in this state.
pub(crate) fn files_of(table: &Table, state: &DeltaTableState) -> Vec<LiveFile> {
    state.log_data().iter().map(|view| LiveFile::new(table, &view)).collect()
}

/// The files as few runs.  Runs rise strictly: two files that share a key may
/// hold its rows in any order.
pub(crate) fn runs(mut files: Vec<LiveFile>) -> Vec<Run> {
    files.sort_by(|left, right| (&left.low, &left.high).cmp(&(&right.low, &right.high)));
    let mut runs: Vec<Run> = Vec::new();
    for file in files {
        let follows = |run: &&mut Run| run.last().is_some_and(|last| last.high < file.low);
        match runs.iter_mut().find(follows) {
            Some(run) => run.push(file),
            None => runs.push(vec![file]),
        }
    }
    runs
}

impl LiveFile {
    /// Takes the file out of the table.
    pub(crate) fn removed_at(&self, now: DateTime<Utc>, data_change: bool) -> Remove {
        let deletion_timestamp = Some(now.timestamp_millis());
        Remove { deletion_timestamp, data_change, ..self.remove.clone() }
    }

    /// The log entry of a copy of the file.
    pub(crate) fn add_at(&self, path: String, now: DateTime<Utc>) -> Add {
        Add {
            path,
            partition_values: self.remove.partition_values.clone().unwrap_or_default(),
            size: self.bytes as i64,
            modification_time: now.timestamp_millis(),
            data_change: true,
            stats: self.statistics.clone(),
            ..Add::default()
        }
    }

    fn new(table: &Table, view: &LogicalFileView) -> Self {
        let text = view.stats();
        let statistics = text.as_ref().and_then(|text| serde_json::from_str::<Value>(text).ok());
        let (low, high) = bounds(table, statistics.as_ref());
        let date = view.partition_values_map().remove(schema::DATE).flatten();
        Self {
            path: view.object_store_path(),
            date: date.unwrap_or_default(),
            bytes: u64::try_from(view.size()).unwrap_or_default(),
            rows: statistics.as_ref().and_then(|all| all["numRecords"].as_u64()),
            modified_ms: view.modification_time(),
            low,
            high,
            remove: view.remove_action(false),
            statistics: text,
        }
    }
}

fn bounds(table: &Table, statistics: Option<&Value>) -> (Key, Key) {
    let key = schema::sort_columns(table).first().copied().unwrap_or_default();
    let unknown = (Key::Null, Key::Unbounded);
    let Some(statistics) = statistics else { return unknown };
    let (Some(nulls), Some(rows)) =
        (statistics["nullCount"][key].as_u64(), statistics["numRecords"].as_u64())
    else {
        return unknown;
    };
    let value = |name: &str| statistics[name][key].as_str().map(|text| Key::Value(text.to_owned()));
    match (value("minValues"), value("maxValues")) {
        (Some(_), Some(high)) if nulls > 0 => (Key::Null, high),
        (Some(low), Some(high)) => (low, high),
        _ if nulls == rows => (Key::Null, Key::Null),
        _ => unknown,
    }
}
