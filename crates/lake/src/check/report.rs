//! What a check has to say.

use serde::Serialize;

/// The outcome of [`Lake::check`](crate::Lake::check).
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Everything that is wrong; empty for a clean lake.
    pub findings: Vec<Finding>,
    /// What could not be judged because of a finding, one sentence each.
    pub not_judged: Vec<String>,
    /// The tables that exist, in the order of commits.
    pub tables: Vec<TableReport>,
    /// The streams that brought the rows.
    pub batches: Batches,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// Where: a path below the lake's root, or `spool ID`.
    pub object: String,
    /// What exactly, in words.
    pub detail: String,
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A file of the Delta log is missing, broken or half-written.
    Log,
    /// A checkpoint is broken, or says something else than the commits before it.
    Checkpoint,
    /// A newer version made it: columns, tables or a protocol unknown here.
    Newer,
    /// A live data file does not exist.
    MissingFile,
    /// A live data file cannot be decoded to its end.
    UnreadableFile,
    /// A data file has another size than the log says.
    FileSize,
    /// A data file has another number of rows than the log says.
    RowCount,
    /// Rows inside a data file are out of order.
    SortOrder,
    /// Rows lie in the partition of another date.
    Partition,
    /// Statistics, which queries skip files by, do not hold for the rows.
    Statistics,
    /// A key stands in more than one row.
    DuplicateKeys,
    /// Batches of a spool are neither stored, nor recorded as lost, nor in
    /// quarantine, nor of dates that retention has taken away.
    MissingBatches,
    /// Rows of batches that the stream's marker says are not stored yet: they
    /// would be stored a second time.
    AboveMarker,
}

/// What a table holds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TableReport {
    /// Its name.
    pub name: &'static str,
    /// The version of the log that was checked.
    pub version: Option<u64>,
    /// Live data files.
    pub files: u64,
    /// Rows that were read.
    pub rows: u64,
    /// Bytes of the live data files, as the log says.
    pub bytes: u64,
    /// Rows of earlier dates were taken away by retention.
    pub retained_before: Option<String>,
    /// Data files that neither the snapshot nor an unexpired tombstone names;
    /// no fault: left by a crash, by a refused commit, or about to be committed.
    pub orphans: Vec<Orphan>,
    /// Batches in quarantine.
    pub quarantined: u64,
}

/// A data file without an entry in the log.
#[derive(Debug, Clone, Serialize)]
pub struct Orphan {
    /// Path below the lake's root.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Seconds since it was written.
    pub age_s: u64,
}

/// The batches of all spools together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Batches {
    /// Spools that have stored something.
    pub spools: u64,
    /// Batches with rows here.
    pub stored: u64,
    /// Batches that gap rows of `stations` say are lost.
    pub recorded_lost: u64,
    /// Batches in quarantine.
    pub quarantined: u64,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    pub(super) fn add(
        &mut self,
        kind: FindingKind,
        object: impl Into<String>,
        detail: impl Into<String>,
    ) {
        self.findings.push(Finding { kind, object: object.into(), detail: detail.into() });
    }
}

impl FindingKind {
    /// What it is called for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Checkpoint => "checkpoint",
            Self::Newer => "newer version",
            Self::MissingFile => "file missing",
            Self::UnreadableFile => "file unreadable",
            Self::FileSize => "file size",
            Self::RowCount => "row count",
            Self::SortOrder => "sort order",
            Self::Partition => "partition",
            Self::Statistics => "statistics",
            Self::DuplicateKeys => "duplicate keys",
            Self::MissingBatches => "batches missing",
            Self::AboveMarker => "above marker",
        }
    }
}
