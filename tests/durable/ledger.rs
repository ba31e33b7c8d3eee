//! What the driver knows to be measured, and whether the lake has it.

use std::collections::BTreeMap;

use trigpoint_record::Table;
use trigpoint_record::tables::{FLOWS, SNAPSHOTS, SPEED_TESTS};

use super::collector::Place;
use super::station::{flow_id, number_of};

/// The tables that stations here have rows for.
pub(crate) const TABLES: [&Table; 3] = [&SNAPSHOTS, &FLOWS, &SPEED_TESTS];

/// The appends of one station, kept outside of everything that is killed.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) station: String,
    pub(crate) spool_id: Option<String>,
    /// By number.
    pub(crate) batches: Vec<Batch>,
    /// Up to this sequence number the station was told that it may forget.
    pub(crate) acknowledged: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) table: &'static Table,
    pub(crate) rows: usize,
    pub(crate) appended: Appended,
}

/// How an append ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Appended {
    /// It has not returned yet.
    NotYet,
    /// It has returned: the batch counts as measured.
    As(u64),
    /// The station died meanwhile: it may be measured or not.
    Unknown,
}

impl Ledger {
    pub(crate) fn new(station: String) -> Self {
        Self { station, spool_id: None, batches: Vec::new(), acknowledged: 0 }
    }

    /// Batches that the station has not heard of yet.
    pub(crate) fn waiting(&self) -> usize {
        let waits = |batch: &&Batch| match batch.appended {
            Appended::NotYet => true,
            Appended::As(seq) => seq > self.acknowledged,
            Appended::Unknown => false,
        };
        // Everything before the last few hundred was acknowledged long ago.
        self.batches.iter().rev().take(1_000).filter(waits).count()
    }

    pub(crate) fn appended(&mut self, number: u64, seq: u64) {
        let batch = &mut self.batches[number as usize];
        assert_eq!(batch.appended, Appended::NotYet, "batch {number} of {}", self.station);
        batch.appended = Appended::As(seq);
    }

    pub(crate) fn died(&mut self) {
        for batch in self.batches.iter_mut().filter(|batch| batch.appended == Appended::NotYet) {
            batch.appended = Appended::Unknown;
        }
    }

    /// Rows whose appends have returned or are about to.
    pub(crate) fn rows(&self) -> usize {
        let measured = |batch: &&Batch| batch.appended != Appended::Unknown;
        self.batches.iter().filter(measured).map(|batch| batch.rows).sum()
    }
}

/// What has to be in the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// What stations were told that they may forget.
    Acknowledged,
    /// Every append that returned.
    Everything,
}

/// Fails unless what is due is in the lake once, and nothing that nobody sent.
/// How many rows the lake has.
pub(crate) fn check(place: &Place, ledgers: &[&Ledger], due: Due) -> u64 {
    let mut stored = stored(place);
    let gaps = place.query(
        "SELECT spool_id, gap['first_seq'] AS first, gap['last_seq'] AS last, gap['reason'] AS \
         reason FROM stations WHERE event = 'gap'",
    );
    let rows = stored.values().map(|found| found.rows).sum();
    for ledger in ledgers {
        let Some(spool_id) = &ledger.spool_id else { continue };
        for (number, batch) in ledger.batches.iter().enumerate() {
            let number = number as u64;
            let found = stored.remove(&(ledger.station.clone(), number));
            let Some(found) = found else {
                let missing = match batch.appended {
                    Appended::As(seq) => due == Due::Everything || seq <= ledger.acknowledged,
                    Appended::NotYet | Appended::Unknown => false,
                };
                assert!(!missing, "batch {number} of {} is lost: {batch:?}", ledger.station);
                continue;
            };
            let seq = match batch.appended {
                Appended::As(seq) => seq,
                // Nobody was told its number.
                Appended::NotYet | Appended::Unknown => found.seq,
            };
            let last = flow_id(&ledger.station, number, batch.rows - 1);
            let expected = Found {
                table: batch.table.name.to_owned(),
                spool_id: spool_id.clone(),
                seq,
                rows: batch.rows as u64,
                first: flow_id(&ledger.station, number, 0),
                last,
            };
            assert_eq!(found, expected, "batch {number} of {}", ledger.station);
            for gap in &gaps {
                let (first, last) = (gap["first"].as_u64().unwrap(), gap["last"].as_u64().unwrap());
                let of_this = gap["spool_id"] == spool_id.as_str() && (first..=last).contains(&seq);
                assert!(
                    !of_this,
                    "batch {number} of {} is stored, not lost: {gap}",
                    ledger.station
                );
            }
        }
    }
    assert!(stored.is_empty(), "nobody sent {stored:?}");
    rows
}

#[derive(Debug, PartialEq, Eq)]
struct Found {
    table: String,
    spool_id: String,
    seq: u64,
    rows: u64,
    first: String,
    last: String,
}

/// The batches of a lake by station and number.
fn stored(place: &Place) -> BTreeMap<(String, u64), Found> {
    let each = TABLES.map(|Table { name, .. }| {
        format!(
            "SELECT '{name}' AS table_name, spool_id, batch_seq, count(*) AS rows, \
             count(DISTINCT flow_id) AS names, min(flow_id) AS first, max(flow_id) AS last \
             FROM {name} GROUP BY spool_id, batch_seq"
        )
    });
    let mut batches = BTreeMap::new();
    for row in place.query(&each.join(" UNION ALL ")) {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        let number = |name: &str| row[name].as_u64().unwrap();
        assert_eq!(number("rows"), number("names"), "rows twice: {row}");
        let found = found(&text, &number);
        let (station, _) = found.first.split_once('_').unwrap();
        let key = (station.to_owned(), number_of(&found.first).unwrap());
        if let Some(other) = batches.insert(key, found) {
            panic!("a batch twice: {row} and {other:?}");
        }
    }
    batches
}

fn found(text: &impl Fn(&str) -> String, number: &impl Fn(&str) -> u64) -> Found {
    Found {
        table: text("table_name"),
        spool_id: text("spool_id"),
        seq: number("batch_seq"),
        rows: number("rows"),
        first: text("first"),
        last: text("last"),
    }
}
