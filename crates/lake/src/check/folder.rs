//! What lies in the folders of the lake beside the log: data files, those that
//! nobody names any more, quarantine, and folders of tables unknown here.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use trigpoint_record::Table;

use super::Check;
use super::log::State;
use super::report::{FindingKind, Orphan};
use crate::Error;
use crate::quarantine::FOLDER as QUARANTINE;

const LOG: &str = "_delta_log";

/// A batch in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Quarantined {
    pub(super) table: String,
    pub(super) spool: String,
    pub(super) seq: u64,
}

/// Everything below a table's folder but its log.
pub(super) async fn data_files(
    store: &Arc<dyn ObjectStore>,
    table: &Table,
) -> Result<Vec<ObjectMeta>, Error> {
    let folder = Path::from(table.name);
    let log = folder.clone().join(LOG);
    store
        .list(Some(&folder))
        .try_filter(|object| std::future::ready(!object.location.prefix_matches(&log)))
        .try_collect()
        .await
        .map_err(Error::read(&folder))
}

/// The data files that `log` does not name, nor has taken out so recently that
/// a query may still read them.
pub(super) fn orphans(
    table: &str,
    objects: &[ObjectMeta],
    log: &State,
    now_ms: i64,
    retention_ms: i64,
) -> Vec<Orphan> {
    let folder = Path::from(table);
    let is_orphan = |object: &&ObjectMeta| {
        let name = object.location.prefix_match(&folder).map(Path::from_iter);
        let name = name.unwrap_or_default();
        let is_expired = log.tombstones.get(name.as_ref()).map(|gone| gone + retention_ms < now_ms);
        !log.files.contains_key(name.as_ref()) && is_expired.unwrap_or(true)
    };
    let orphan = |object: &ObjectMeta| Orphan {
        path: object.location.to_string(),
        bytes: object.size,
        age_s: ((now_ms - object.last_modified.timestamp_millis()) / 1000).max(0) as u64,
    };
    objects.iter().filter(is_orphan).map(orphan).collect()
}

/// The batches in quarantine, of all tables.
pub(super) async fn quarantined(store: &Arc<dyn ObjectStore>) -> Result<Vec<Quarantined>, Error> {
    let folder = Path::from(QUARANTINE);
    let objects: Vec<_> =
        store.list(Some(&folder)).try_collect().await.map_err(Error::read(&folder))?;
    Ok(objects.iter().filter_map(|object| batch(&object.location)).collect())
}

/// `quarantine/TABLE/APP_ID/SEQ.payload`.
fn batch(path: &Path) -> Option<Quarantined> {
    let parts: Vec<_> = path.parts().map(|part| part.as_ref().to_owned()).collect();
    let [_, table, stream, name] = parts.as_slice() else { return None };
    let seq = name.strip_suffix(".payload")?.parse().ok()?;
    // The stream's name is escaped: it has a slash of its own.
    let spool = stream.rsplit("%2F").next()?.to_owned();
    Some(Quarantined { table: table.clone(), spool, seq })
}

impl Check<'_> {
    /// Whether there is no table but those that this version knows.
    pub(super) async fn unknown_tables(&mut self) -> Result<bool, Error> {
        let root = Path::default();
        let listed = self.store.list_with_delimiter(None).await.map_err(Error::read(&root))?;
        let known: BTreeSet<&str> = self.lake.tables().iter().map(|table| table.name).collect();
        let mut are_all_known = true;
        for folder in listed.common_prefixes {
            let name = folder.filename().unwrap_or_default();
            if name == QUARANTINE || known.contains(name) {
                continue;
            }
            let log = folder.clone().join(LOG);
            let mut files = self.store.list(Some(&log));
            if files.try_next().await.map_err(Error::read(&log))?.is_some() {
                let detail = "this version does not know the table, so it is not checked";
                self.report.add(FindingKind::Newer, name, detail);
                are_all_known = false;
            }
        }
        Ok(are_all_known)
    }
}
