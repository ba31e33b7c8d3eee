//! Which batches of each spool are here, and which are missing.
//!
//! The numbers of a spool start at 1 and rise by one over all of its tables, so
//! a number that is nowhere is a batch that is lost, unless something says why.
//! Memory: about one bit for each batch.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use arrow::array::{Array as _, AsArray as _, RecordBatch, StructArray};
use arrow::datatypes::Int64Type;
use roaring::RoaringTreemap;

use super::report::Batches;
use crate::schema;

/// The column of `stations` that records lost batches.
const GAP: &str = "gap";

/// Every spool that has rows, markers or quarantined batches.
#[derive(Debug, Default)]
pub(super) struct Spools {
    spools: BTreeMap<String, Spool>,
    /// Days since the Unix epoch: rows of earlier dates are gone.
    retained_before: Option<i32>,
}

#[derive(Debug, Default)]
struct Spool {
    stored: RoaringTreemap,
    quarantined: RoaringTreemap,
    lost: Vec<RangeInclusive<u64>>,
    /// The highest marker of any table.
    marker: Option<u64>,
    marker_ms: i64,
    /// The first batch that retention cannot have emptied; none below it is missed.
    settled: Option<u64>,
}

/// What one table holds of one spool.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) highest: u64,
    /// Days since the Unix epoch.
    pub(super) newest_day: i32,
}

/// By spool.
pub(super) type HeldBySpool = BTreeMap<String, Held>;

/// The columns that [`Spools::take`] looks at.
pub(super) const COLUMNS: &[&str] = &[schema::SPOOL_ID, schema::BATCH_SEQ, GAP];

impl Spools {
    pub(super) fn new(retained_before: Option<i32>) -> Self {
        Self { spools: BTreeMap::new(), retained_before }
    }

    /// Notes the batches of some rows of the date `day`.
    pub(super) fn take(&mut self, rows: &RecordBatch, day: i32, held: &mut HeldBySpool) {
        let spools = rows.column_by_name(schema::SPOOL_ID).and_then(|c| c.as_string_opt::<i32>());
        let seqs = rows
            .column_by_name(schema::BATCH_SEQ)
            .and_then(|column| column.as_primitive_opt::<Int64Type>());
        let (Some(spools), Some(seqs)) = (spools, seqs) else { return };
        let gaps = rows.column_by_name(GAP).and_then(|column| column.as_struct_opt());
        let mut last = None;
        for row in 0..rows.num_rows() {
            if spools.is_null(row) || seqs.is_null(row) {
                continue;
            }
            let (spool, seq) = (spools.value(row), seqs.value(row) as u64);
            if let Some(gap) = gaps.and_then(|gaps| range(gaps, row)) {
                self.spool(spool).lost.push(gap);
            }
            // Rows of one batch stand together.
            if last == Some((spool, seq)) {
                continue;
            }
            last = Some((spool, seq));
            let newest = self.retained_before.is_some_and(|before| day > before);
            let known = self.spool(spool);
            known.stored.insert(seq);
            if newest {
                known.settled = Some(known.settled.map_or(seq, |settled| settled.min(seq)));
            }
            let held = match held.get_mut(spool) {
                Some(held) => held,
                None => {
                    held.entry(spool.to_owned()).or_insert(Held { highest: seq, newest_day: day })
                }
            };
            held.highest = held.highest.max(seq);
            held.newest_day = held.newest_day.max(day);
        }
    }

    /// Notes the marker of a stream in one table.
    pub(super) fn marker(&mut self, spool: &str, seq: u64, updated_ms: i64) {
        let spool = self.spool(spool);
        spool.marker = Some(spool.marker.map_or(seq, |marker| marker.max(seq)));
        spool.marker_ms = spool.marker_ms.max(updated_ms);
    }

    /// Notes a batch in quarantine.
    pub(super) fn quarantined(&mut self, spool: &str, seq: u64) {
        self.spool(spool).quarantined.insert(seq);
    }

    fn spool(&mut self, spool: &str) -> &mut Spool {
        if !self.spools.contains_key(spool) {
            self.spools.insert(spool.to_owned(), Spool::default());
        }
        self.spools.entry(spool.to_owned()).or_default()
    }

    /// The spools with missing batches, the time of their newest marker in
    /// milliseconds since the Unix epoch, and the ranges that are missing.
    pub(super) fn missing(&self) -> Vec<(&str, i64, Vec<RangeInclusive<u64>>)> {
        let retains = self.retained_before.is_some();
        self.spools
            .iter()
            .map(|(id, spool)| (id.as_str(), spool.marker_ms, spool.missing(retains)))
            .filter(|(_, _, missing)| !missing.is_empty())
            .collect()
    }

    pub(super) fn count(&self) -> Batches {
        let mut batches = Batches { spools: self.spools.len() as u64, ..Batches::default() };
        for spool in self.spools.values() {
            batches.stored += spool.stored.len();
            batches.quarantined += spool.quarantined.len();
            batches.recorded_lost += length(&united(spool.lost.clone()));
        }
        batches
    }
}

impl Spool {
    fn missing(&self, retains: bool) -> Vec<RangeInclusive<u64>> {
        // Markers are forgotten after a while; then the rows say how far it came.
        let Some(highest) = self.marker.or_else(|| self.stored.max()) else { return Vec::new() };
        let mut explained = self.lost.clone();
        if retains {
            // A batch that is gone does not say of which date it was: whatever
            // came before the first batch that is surely younger may be retained away.
            explained.push(1..=self.settled.map_or(highest, |settled| settled.saturating_sub(1)));
        }
        explained.extend(self.quarantined.iter().map(|seq| seq..=seq));
        let mut explained = united(explained).into_iter().peekable();

        let mut missing = Vec::new();
        let mut next = 1;
        let mut cover = |range: RangeInclusive<u64>| {
            if *range.start() > next {
                missing.push(next..=(range.start() - 1));
            }
            next = next.max(range.end().saturating_add(1));
        };
        for seq in self.stored.iter().take_while(|seq| *seq <= highest) {
            while let Some(range) = explained.next_if(|range| *range.start() <= seq) {
                cover(range);
            }
            cover(seq..=seq);
        }
        for range in explained.take_while(|range| *range.start() <= highest) {
            cover(range);
        }
        if next <= highest {
            missing.push(next..=highest);
        }
        missing
    }
}

/// The range of a gap row.
fn range(gaps: &StructArray, row: usize) -> Option<RangeInclusive<u64>> {
    if gaps.is_null(row) {
        return None;
    }
    let value = |name: &str| {
        let values = gaps.column_by_name(name)?.as_primitive_opt::<Int64Type>()?;
        (!values.is_null(row)).then(|| u64::try_from(values.value(row)).ok()).flatten()
    };
    Some(value("first_seq")?..=value("last_seq")?).filter(|range| !range.is_empty())
}

/// Sorted, without overlaps.
fn united(mut ranges: Vec<RangeInclusive<u64>>) -> Vec<RangeInclusive<u64>> {
    ranges.sort_by_key(|range| *range.start());
    let mut united: Vec<RangeInclusive<u64>> = Vec::new();
    for range in ranges {
        match united.last_mut() {
            Some(last) if *range.start() <= last.end().saturating_add(1) => {
                *last = *last.start()..=*range.end().max(last.end());
            }
            _ => united.push(range),
        }
    }
    united
}

/// How many numbers the ranges hold.
pub(super) fn length(ranges: &[RangeInclusive<u64>]) -> u64 {
    ranges.iter().map(|range| (range.end() - range.start()).saturating_add(1)).sum()
}
