//! What the driver knows to be measured, and whether the lake has it.

use std::collections::BTreeMap;

use trigpoint_lake::{Format, Lake, write};
use trigpoint_record::Table;

use super::station::{flow_id, number_of};

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

    /// Rows of appends that returned.
    pub(crate) fn rows(&self) -> usize {
        let returned = |batch: &&Batch| matches!(batch.appended, Appended::As(_));
        self.batches.iter().filter(returned).map(|batch| batch.rows).sum()
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
pub(crate) async fn check(lake: &Lake, ledgers: &[&Ledger], due: Due) -> u64 {
    let mut stored = Stored::default();
    for table in lake.tables() {
        if table.name != "stations" {
            stored.read(lake, table).await;
        }
    }
    let gaps = query(
        lake,
        "SELECT spool_id, gap['first_seq'] AS first, gap['last_seq'] AS last, \
                            gap['reason'] AS reason FROM stations WHERE event = 'gap'",
    )
    .await;
    let rows = stored.batches.values().map(|found| found.rows).sum();
    for ledger in ledgers {
        let Some(spool_id) = &ledger.spool_id else { continue };
        for (number, batch) in ledger.batches.iter().enumerate() {
            let number = number as u64;
            let found = stored.batches.remove(&(ledger.station.clone(), number));
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
                table: batch.table.name,
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
    assert!(stored.batches.is_empty(), "nobody sent {:?}", stored.batches);
    rows
}

/// The batches of a lake by station and number.
#[derive(Debug, Default)]
struct Stored {
    batches: BTreeMap<(String, u64), Found>,
}

#[derive(Debug, PartialEq, Eq)]
struct Found {
    table: &'static str,
    spool_id: String,
    seq: u64,
    rows: u64,
    first: String,
    last: String,
}

impl Stored {
    async fn read(&mut self, lake: &Lake, table: &'static Table) {
        let sql = format!(
            "SELECT spool_id, batch_seq, count(*) AS rows, count(DISTINCT flow_id) AS names, \
             min(flow_id) AS first, max(flow_id) AS last \
             FROM {} GROUP BY spool_id, batch_seq",
            table.name
        );
        for row in query(lake, &sql).await {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            let number = |name: &str| row[name].as_u64().unwrap();
            assert_eq!(number("rows"), number("names"), "rows twice in {}: {row}", table.name);
            let found = Found {
                table: table.name,
                spool_id: text("spool_id"),
                seq: number("batch_seq"),
                rows: number("rows"),
                first: text("first"),
                last: text("last"),
            };
            let (station, _) = found.first.split_once('_').unwrap();
            let key = (station.to_owned(), number_of(&found.first).unwrap());
            if let Some(other) = self.batches.insert(key, found) {
                panic!("a batch twice in {}: {row} and {other:?}", table.name);
            }
        }
    }
}

async fn query(lake: &Lake, sql: &str) -> Vec<serde_json::Value> {
    let answer = lake.session().query(sql).await.unwrap();
    let mut text = Vec::new();
    write(answer, Format::Json, &mut text).await.unwrap();
    serde_json::from_slice(&text).unwrap()
}
