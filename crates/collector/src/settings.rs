//! What an operator may tune.

use std::sync::Arc;
use std::time::Duration;

use trigpoint_annotation::Databases;
use trigpoint_lake::{Compaction, Lake, LogCleaning, Vacuum};
use trigpoint_wire::Limits;

/// Bounds and cadence of a collector.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A finished test is committed after it has waited this long: 2 s on
    /// disk, 5 s on object stores.
    pub commit_after: Duration,
    /// Any row is committed after it has waited this long.
    pub commit_at_latest: Duration,
    /// So many waiting rows are committed at once.
    pub commit_rows: usize,
    /// So many waiting batches of one stream are committed at once: a station
    /// sends only so much ahead of its acknowledgements.
    pub commit_batches: usize,
    /// The longest pause between the starts of two commits, which is otherwise
    /// ten times what the last commit took.
    pub commit_spacing: Duration,
    /// What one batch may cost.
    pub limits: Limits,
    /// Bytes of rows that may wait for their commit, all streams together.
    pub memory_bytes: usize,
    /// Bytes of rows of one stream that may wait for their commit.
    pub stream_memory_bytes: usize,
    /// Live streams; further ones are told to come back.
    pub streams: usize,
    /// How long a stream may take to say Hello.
    pub hello_within: Duration,
    /// Care of the tables beside the ingest; `None` leaves it to others.
    pub maintenance: Option<Maintenance>,
    /// What rows are annotated from.
    pub annotation: Annotation,
}

/// Databases of addresses.
#[derive(Debug, Clone)]
pub struct Annotation {
    /// Those that there are.
    pub databases: Arc<Databases>,
    /// How often it is looked whether a file was replaced.
    pub reload_interval: Duration,
}

/// What a collector does for its tables, and how often.
#[derive(Debug, Clone, Default)]
pub struct Maintenance {
    /// From the end of a round to the start of the next.
    pub interval: Duration,
    /// When files are merged: in each round, and before it whenever commits have
    /// brought more than [`Compaction::small_files`].
    pub compaction: Compaction,
    /// What is deleted.
    pub vacuum: Vacuum,
    /// Which entries of the log are deleted.
    pub log: LogCleaning,
    /// Dates are removed after so many days; `None` keeps them all.
    pub keep_days: Option<u32>,
    /// Addresses of clients are cut after so many days; `None` for never.
    pub addresses_days: Option<u32>,
}

impl Settings {
    /// The defaults for a lake: in a bucket, a commit costs more.
    pub fn for_lake(lake: &Lake) -> Self {
        let on_disk = Self::default();
        if lake.is_on_disk() {
            return on_disk;
        }
        Self { commit_after: Duration::from_secs(5), ..on_disk }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            commit_after: Duration::from_secs(2),
            commit_at_latest: Duration::from_secs(30),
            commit_rows: 50_000,
            commit_batches: 100,
            commit_spacing: Duration::from_secs(8),
            limits: Limits::default(),
            memory_bytes: 512 << 20,
            stream_memory_bytes: 128 << 20,
            streams: 1024,
            hello_within: Duration::from_secs(10),
            maintenance: None,
            annotation: Annotation::from(Arc::default()),
        }
    }
}

impl From<Arc<Databases>> for Annotation {
    fn from(databases: Arc<Databases>) -> Self {
        Self { databases, reload_interval: Duration::from_secs(10) }
    }
}
