//! The data files of a table, date by date.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use deltalake::kernel::Add;
use futures::TryStreamExt as _;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use parquet::arrow::ProjectionMask;
use trigpoint_record::Table;

use super::keys::{self, Hashes, Keys};
use super::object::{self, Object};
use super::report::{FindingKind, Report};
use super::sequence::HeldBySpool;
use super::snapshot::Snapshot;
use super::{Check, file};
use crate::{Error, schema};

/// New snapshots of a table whose files are replaced while they are read.
const ATTEMPTS: u32 = 3;

/// A file that could be read to its end.
struct Readable {
    name: String,
    object: Object,
}

/// How files were found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// All of them were read.
    Whole,
    /// Some could not be read: what they hold is unknown.
    Partial,
    /// A file that was live is not any more, and gone.
    Replaced,
}

/// One date of a table, while its files are read.
struct Date<'a> {
    table: &'static Table,
    /// Days since the Unix epoch.
    day: Option<i32>,
    held: &'a mut HeldBySpool,
    report: &'a mut Report,
    hashes: Hashes,
    readable: Vec<Readable>,
    rows: u64,
}

impl Check<'_> {
    /// Checks a table; whether all of its batches are known now.
    pub(super) async fn check_table(&mut self, mut snapshot: Snapshot) -> Result<bool, Error> {
        let mut attempt = 1;
        loop {
            let mut found = Report::default();
            let mut held = HeldBySpool::new();
            let mut described = snapshot.describe(self.now_ms);
            let is_known = snapshot.log.is_complete && snapshot.is_readable;
            let mut outcome = if is_known { Outcome::Whole } else { Outcome::Partial };
            if snapshot.is_readable {
                for (day, adds) in snapshot.dates() {
                    let parts = keys::parts(adds.iter().copied().filter_map(file::records).sum());
                    let mut date = Date {
                        table: snapshot.table,
                        day,
                        held: &mut held,
                        report: &mut found,
                        hashes: Hashes::new(schema::key_columns(snapshot.table), 0, parts),
                        readable: Vec::new(),
                        rows: 0,
                    };
                    for add in adds {
                        outcome = outcome.max(self.check_file(add, &mut date).await?);
                    }
                    described.rows += date.rows;
                    date.check_keys(parts).await;
                }
            }
            if outcome == Outcome::Replaced
                && attempt < ATTEMPTS
                && let Some(newer) = Snapshot::take(self, snapshot.table).await?
            {
                snapshot = newer;
                attempt += 1;
                continue;
            }
            self.markers(&snapshot, &held, &mut found);
            self.report.findings.append(&mut found.findings);
            self.report.tables.push(described);
            return Ok(outcome == Outcome::Whole);
        }
    }

    async fn check_file(&mut self, add: &Add, date: &mut Date<'_>) -> Result<Outcome, Error> {
        let path = path(date.table, &add.path);
        let name = path.to_string();
        let Some(size) = self.size(&path).await? else {
            return Ok(self.gone(add, date).await);
        };
        let sizes = format!("{size} bytes, the log says {}", add.size);
        let is_sized = add.size == size as i64;
        let object = Object::new(Arc::clone(&self.store), path.clone(), size);
        let mut fault = None;
        let (spools, held, hashes) = (&mut self.spools, &mut *date.held, &mut date.hashes);
        let day = date.day.unwrap_or_default();
        let mut take = |batch: &RecordBatch| {
            spools.take(batch, day, held);
            fault = fault.take().or(hashes.take(batch).err());
        };
        let read = file::check(date.table, add, &name, &object, &mut take, date.report).await;
        match fault.map_or(read, Err) {
            Ok(rows) => {
                date.rows += rows;
                if !is_sized {
                    date.report.add(FindingKind::FileSize, name.clone(), sizes);
                }
                self.read.insert(name.clone());
                date.readable.push(Readable { name, object });
                Ok(Outcome::Whole)
            }
            // Vacuum may have taken it while it was read.
            Err(_) if self.size(&path).await?.is_none() => Ok(self.gone(add, date).await),
            Err(reason) => {
                let detail = if is_sized { reason } else { format!("{reason} ({sizes})") };
                date.report.add(FindingKind::UnreadableFile, name, detail);
                Ok(Outcome::Partial)
            }
        }
    }

    /// Bytes of a file; `None` where it does not exist.
    async fn size(&self, path: &Path) -> Result<Option<u64>, Error> {
        match self.store.head(path).await {
            Ok(object) => Ok(Some(object.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(Error::read(path)(error)),
        }
    }

    /// What it means that a file does not exist.
    async fn gone(&self, add: &Add, date: &mut Date<'_>) -> Outcome {
        if !self.is_live(date.table, add).await {
            return Outcome::Replaced;
        }
        let name = path(date.table, &add.path);
        date.report.add(FindingKind::MissingFile, name, "the log names it, it does not exist");
        Outcome::Partial
    }

    /// Whether the newest version of the table still has the file.
    async fn is_live(&self, table: &'static Table, add: &Add) -> bool {
        let Ok(Some(delta)) = self.lake.snapshot(table).await else { return true };
        let Ok(state) = delta.snapshot() else { return true };
        state.log_data().iter().any(|file| file.path() == add.path)
    }

    /// Rows above the marker of their stream in this table: the stream would
    /// bring them again.
    fn markers(&mut self, snapshot: &Snapshot, held: &HeldBySpool, report: &mut Report) {
        let forgotten_before_ms = self.forgotten_before_ms();
        let mut markers = BTreeMap::new();
        for marker in snapshot.log.state.markers.values() {
            let spool = marker.app_id.rsplit('/').next().unwrap_or_default();
            let seq = u64::try_from(marker.version).unwrap_or_default();
            self.spools.marker(spool, seq, marker.last_updated.unwrap_or_default());
            let highest = markers.entry(spool.to_owned()).or_insert(seq);
            *highest = seq.max(*highest);
        }
        if !snapshot.log.is_complete {
            return;
        }
        for (spool, held) in held {
            let detail = match markers.get(spool) {
                Some(marker) if held.highest > *marker => {
                    format!("rows up to batch {}, the marker is {marker}", held.highest)
                }
                // Rows of a date are not older than it: neither was their marker.
                None if i64::from(held.newest_day) * 86_400_000 > forgotten_before_ms => {
                    format!("rows up to batch {}, and no marker", held.highest)
                }
                _ => continue,
            };
            let object = format!("{} spool {spool}", snapshot.table.name);
            report.add(FindingKind::AboveMarker, object, detail);
        }
    }
}

impl Date<'_> {
    /// Reports keys that stand in more than one row of the files.
    async fn check_keys(self, parts: u64) {
        let columns = schema::key_columns(self.table);
        let mut suspects = self.hashes.repeated();
        for part in 1..parts {
            let mut hashes = Hashes::new(columns.clone(), part, parts);
            for file in &self.readable {
                project(&file.object, &columns, |batch| hashes.take(batch)).await;
            }
            suspects.extend(hashes.repeated());
        }
        if suspects.is_empty() {
            return;
        }
        let mut keys = Keys::new(columns.clone(), suspects);
        for file in &self.readable {
            project(&file.object, &columns, |batch| keys.take(batch, &file.name)).await;
        }
        if let Some(what) = keys.describe() {
            let first = self.readable.first().and_then(|file| file.name.rsplit_once('/'));
            let folder = first.map_or(self.table.name, |(folder, _)| folder);
            self.report.add(FindingKind::DuplicateKeys, folder, what);
        }
    }
}

/// Reads some columns of a file that was read before; where that goes wrong now,
/// less is seen and nothing false.
pub(super) async fn project(
    object: &Object,
    columns: &[&str],
    mut take: impl FnMut(&RecordBatch) -> Result<(), String>,
) -> bool {
    let read = object::guarded(async {
        let builder = object.open().await?;
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        let mut batches = builder.with_projection(mask).build().map_err(object::words)?;
        while let Some(batch) = batches.try_next().await.map_err(object::words)? {
            take(&batch)?;
        }
        Ok(())
    });
    read.await.is_ok()
}

/// Path of a data file below the lake's root.
pub(super) fn path(table: &Table, name: &str) -> Path {
    Path::from(format!("{}/{name}", table.name))
}
