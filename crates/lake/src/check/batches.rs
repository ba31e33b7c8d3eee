//! The last question: is every batch of every spool accounted for?

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use object_store::ObjectStoreExt as _;

use super::object::Object;
use super::report::FindingKind;
use super::sequence::{self, HeldBySpool};
use super::{Check, Settings, data, file, folder};
use crate::{Error, schema};

const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Spools, and their missing batches.
type Missing = Vec<(String, Vec<RangeInclusive<u64>>)>;

/// Ranges that a finding names.
const NAMED: usize = 5;

impl Check<'_> {
    /// Judges the batches, if they are known.
    pub(super) async fn batches(
        &mut self,
        settings: &Settings,
        are_known: bool,
    ) -> Result<(), Error> {
        self.quarantine().await?;
        if are_known {
            let missing = self.settled(settings).await?;
            for (spool, missing) in missing {
                let count = sequence::length(&missing);
                let detail = format!(
                    "{count} {} neither stored, nor recorded as lost, nor in quarantine: {}",
                    if count == 1 { "batch is" } else { "batches are" },
                    words(&missing)
                );
                self.report.add(FindingKind::MissingBatches, format!("spool {spool}"), detail);
            }
        } else {
            let reason = "whether batches are missing: what could not be read may hold them";
            self.report.not_judged.push(reason.to_owned());
        }
        self.report.batches = self.spools.count();
        Ok(())
    }

    /// The batches that are missing, and do not come while they may be on
    /// their way.
    async fn settled(&mut self, settings: &Settings) -> Result<Missing, Error> {
        let first = self.missing();
        if first.is_empty() {
            return Ok(Vec::new());
        }
        // A spool that moves on meanwhile is judged as far as it was.
        let newest_ms = self.spools.missing().iter().map(|(_, ms, _)| *ms).max();
        let age_ms = Utc::now().timestamp_millis() - newest_ms.unwrap_or_default();
        let age = Duration::from_millis(age_ms.max(0) as u64);
        let deadline = Instant::now() + settings.settle.saturating_sub(age);
        loop {
            self.look_again().await?;
            let still = remaining(&first, &self.missing());
            if still.is_empty() || Instant::now() >= deadline {
                return Ok(still);
            }
            tokio::time::sleep(LOOK_AGAIN.min(deadline - Instant::now())).await;
        }
    }

    fn missing(&self) -> Missing {
        let missing = self.spools.missing().into_iter();
        missing.map(|(spool, _, missing)| (spool.to_owned(), missing)).collect()
    }

    /// Takes in the batches of files that were committed since.
    async fn look_again(&mut self) -> Result<(), Error> {
        for &table in self.lake.tables() {
            let Some(delta) = self.lake.snapshot(table).await? else { continue };
            let state = delta.snapshot().map_err(Error::delta("load", table.name))?;
            for file in state.log_data().iter() {
                let path = data::path(table, &file.path());
                let name = path.to_string();
                if self.read.contains(&name) {
                    continue;
                }
                let Ok(object) = self.store.head(&path).await else { continue };
                let object = Object::new(Arc::clone(&self.store), path, object.size);
                let date = file.partition_values_map().remove(schema::DATE).flatten();
                let day = date.and_then(|date| file::day(&date)).unwrap_or_default();
                let (spools, mut held) = (&mut self.spools, HeldBySpool::new());
                let take = |batch: &_| {
                    spools.take(batch, day, &mut held);
                    Ok(())
                };
                if data::project(&object, sequence::COLUMNS, take).await {
                    self.read.insert(name);
                }
            }
        }
        for batch in folder::quarantined(&self.store).await? {
            self.spools.quarantined(&batch.spool, batch.seq);
        }
        Ok(())
    }

    async fn quarantine(&mut self) -> Result<(), Error> {
        for batch in folder::quarantined(&self.store).await? {
            self.spools.quarantined(&batch.spool, batch.seq);
            let table = self.report.tables.iter_mut().find(|table| table.name == batch.table);
            if let Some(table) = table {
                table.quarantined += 1;
            }
        }
        Ok(())
    }
}

/// What was missing first and is missing still.
fn remaining(first: &Missing, now: &Missing) -> Missing {
    let mut remaining = Missing::new();
    for (spool, before) in first {
        let Some((_, after)) = now.iter().find(|(other, _)| other == spool) else { continue };
        let mut both = Vec::new();
        for left in before {
            for right in after {
                let range = *left.start().max(right.start())..=*left.end().min(right.end());
                if !range.is_empty() {
                    both.push(range);
                }
            }
        }
        if !both.is_empty() {
            remaining.push((spool.clone(), both));
        }
    }
    remaining
}

fn words(ranges: &[RangeInclusive<u64>]) -> String {
    let mut words: Vec<String> = ranges
        .iter()
        .take(NAMED)
        .map(|range| match (range.start(), range.end()) {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first} to {last}"),
        })
        .collect();
    if ranges.len() > NAMED {
        words.push("…".to_owned());
    }
    words.join(", ")
}
