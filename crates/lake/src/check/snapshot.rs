//! One table at one version: what its log says, and which files lie there.

use std::collections::BTreeMap;

use deltalake::kernel::Add;
use object_store::ObjectMeta;
use trigpoint_record::Table;

use super::report::{FindingKind, Report, TableReport};
use super::{Check, file, folder, log, newer, object};
use crate::{Error, Lake, RETAINED_BEFORE};

/// `delta.deletedFileRetentionDuration` where the table cannot be loaded.
const FILE_RETENTION_MS: i64 = 6 * 60 * 60 * 1000;

pub(super) struct Snapshot {
    pub(super) table: &'static Table,
    pub(super) log: log::Log,
    /// Data files that lay there before the log was read, live or not.
    objects: Vec<ObjectMeta>,
    version: Option<u64>,
    file_retention_ms: i64,
    /// Whether this version knows how to read the rows.
    pub(super) is_readable: bool,
}

/// What every reader sees.
struct Loaded {
    version: u64,
    files: u64,
    file_retention_ms: i64,
}

impl Snapshot {
    /// `None` where nobody has made the table.
    pub(super) async fn take(
        check: &mut Check<'_>,
        table: &'static Table,
    ) -> Result<Option<Self>, Error> {
        // Before the log: what is committed afterwards is no orphan.
        let objects = folder::data_files(&check.store, table).await?;
        let loaded = load(check.lake, table).await;
        if let Ok(None) = &loaded {
            if !objects.is_empty() {
                let detail = format!("{} data files, but no log", objects.len());
                check.report.add(FindingKind::Log, table.name, detail);
                return Ok(Some(Self::without_log(table, objects)));
            }
            return Ok(None);
        }
        let version = loaded.as_ref().ok().and_then(|loaded| Some(loaded.as_ref()?.version));
        let mut found = Report::default();
        let forgotten = check.forgotten_before_ms();
        let log = log::read(&check.store, table.name, version, forgotten, &mut found).await?;
        let is_readable = newer::protocol(&log.state, &mut found);
        newer::columns(table, &log.state, &mut found);
        let mut file_retention_ms = FILE_RETENTION_MS;
        let directory = format!("{}/_delta_log", table.name);
        match loaded {
            Ok(Some(loaded)) => {
                file_retention_ms = loaded.file_retention_ms;
                let files = log.state.files.len() as u64;
                if found.is_clean() && loaded.files != files {
                    let detail =
                        format!("readers see {} files, the commits leave {files}", loaded.files);
                    found.add(FindingKind::Checkpoint, directory, detail);
                }
            }
            // Mostly a consequence of what was found already.
            Err(reason) if found.is_clean() => found.add(FindingKind::Log, directory, reason),
            _ => {}
        }
        check.report.findings.append(&mut found.findings);
        Ok(Some(Self { table, log, objects, version, file_retention_ms, is_readable }))
    }

    fn without_log(table: &'static Table, objects: Vec<ObjectMeta>) -> Self {
        Self {
            table,
            log: log::Log::default(),
            objects,
            version: None,
            file_retention_ms: FILE_RETENTION_MS,
            is_readable: false,
        }
    }

    /// The first date, in days since the Unix epoch, that retention left whole.
    pub(super) fn retained_before(&self) -> Option<i32> {
        file::day(self.log.state.property(RETAINED_BEFORE)?)
    }

    /// The live files by date, in days since the Unix epoch.
    pub(super) fn dates(&self) -> BTreeMap<Option<i32>, Vec<&Add>> {
        let mut dates: BTreeMap<Option<i32>, Vec<&Add>> = BTreeMap::new();
        for add in self.log.state.files.values() {
            dates.entry(file::day_of(add)).or_default().push(add);
        }
        dates
    }

    /// What can be said without looking into the files.
    pub(super) fn describe(&self, now_ms: i64) -> TableReport {
        let state = &self.log.state;
        // What an unread commit names would look like one.
        let orphans = if self.log.is_complete {
            let (name, objects) = (self.table.name, &self.objects);
            folder::orphans(name, objects, state, now_ms, self.file_retention_ms)
        } else {
            Vec::new()
        };
        TableReport {
            name: self.table.name,
            version: self.version,
            files: state.files.len() as u64,
            bytes: state.files.values().map(|add| add.size.max(0) as u64).sum(),
            retained_before: state.property(RETAINED_BEFORE).map(str::to_owned),
            orphans,
            ..TableReport::default()
        }
    }
}

async fn load(lake: &Lake, table: &'static Table) -> Result<Option<Loaded>, String> {
    object::guarded(async {
        let Some(delta) = lake.snapshot(table).await.map_err(object::words)? else {
            return Ok(None);
        };
        let state = delta.snapshot().map_err(object::words)?;
        let retention = state.table_config().deleted_file_retention_duration;
        Ok(Some(Loaded {
            version: state.version(),
            files: state.log_data().num_files() as u64,
            file_retention_ms: retention
                .map_or(FILE_RETENTION_MS, |retention| retention.as_millis() as i64),
        }))
    })
    .await
}
