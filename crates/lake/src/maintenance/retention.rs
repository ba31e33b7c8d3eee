//! Takes dates out of the tables that are older than they are kept.

use chrono::{DateTime, NaiveDate, Utc};
use deltalake::protocol::DeltaOperation;
use trigpoint_record::Table;

use super::replace::{Outcome, Replacement, replace};
use crate::live::{self, LiveFile};
use crate::table::Open;
use crate::{Error, Lake, schema};

/// Table property: dates before this one (`2026-11-24`) were removed because of
/// their age, so batches that had all their rows there are no gap.
pub const RETAINED_BEFORE: &str = "trigpoint.retainedBefore";

/// Commits that may bring rows of old dates while they are removed.
const OVERTAKEN_AT_MOST: u32 = 8;

/// What a retention removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retained {
    /// Files taken out of the table; vacuum deletes them.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Lake {
    /// Removes every date of `table` before `before`, in one commit, and says so
    /// in the table's properties ([`RETAINED_BEFORE`]).  A late row of such a
    /// date is removed by the next call.
    pub async fn retain(
        &self,
        table: &'static Table,
        before: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<Retained, Error> {
        let Some(mut open) = Open::existing(table, self.log_store(table)).await? else {
            return Ok(Retained::default());
        };
        for _ in 0..OVERTAKEN_AT_MOST {
            let old: Vec<LiveFile> =
                live::files(&open)?.into_iter().filter(|file| is_before(file, before)).collect();
            if old.is_empty() {
                break;
            }
            let wanted = Replacement {
                removed: old.iter().map(|file| file.removed_at(now, true)).collect(),
                added: Vec::new(),
                property: Some((RETAINED_BEFORE, latest(&open, before)?.to_string())),
                operation: DeltaOperation::Delete {
                    predicate: Some(format!("{} < '{before}'", schema::DATE)),
                },
            };
            // Overtaken by a compaction, or by a retention as good as this one.
            if replace(&mut open, &wanted).await? == Outcome::Committed {
                let bytes = old.iter().map(|file| file.bytes).sum();
                return Ok(Retained { files: old.len() as u64, bytes });
            }
        }
        Ok(Retained::default())
    }
}

fn is_before(file: &LiveFile, before: NaiveDate) -> bool {
    file.date.parse::<NaiveDate>().is_ok_and(|date| date < before)
}

/// The property never goes back: what was removed stays removed.
fn latest(open: &Open, before: NaiveDate) -> Result<NaiveDate, Error> {
    let metadata = open.snapshot("read")?.metadata();
    let known = metadata.configuration().get(RETAINED_BEFORE);
    let known = known.and_then(|date| date.parse().ok());
    Ok(known.map_or(before, |known: NaiveDate| known.max(before)))
}
