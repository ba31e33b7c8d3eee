//! Stations, each a spool and its uplink, which deliver round after round.
//!
//! A round is three batches in this order: snapshots, a flow, a speed test.  So
//! the sequence numbers of each table follow from those of the others.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::block_in_place;
use trigpoint_record::tables::{FLOWS, SNAPSHOTS, SPEED_TESTS};
use trigpoint_record::{Batch, Kind, Table, Value};
use trigpoint_spool::Spool;
use trigpoint_testkit::Directory;
use trigpoint_uplink::{Endpoint, Settings, Uplink};
use trigpoint_wire::encode;

use super::{DEADLINE, Load};

/// The tables of a round, in the order of their batches, and rows in each.
pub(crate) const ROUND: [(&Table, u64); 3] = [(&SNAPSHOTS, 10), (&FLOWS, 1), (&SPEED_TESTS, 1)];
/// Rounds that a commit may find waiting.
const ROUNDS_AT_ONCE: u64 = 4;
/// Rounds go to so many dates in turn: each commit makes as many files.
const DATES: u64 = 4;
/// 2026-11-24T00:00:00Z, microseconds.
const MIDNIGHT: i64 = 1_795_478_400_000_000;
const DAY: i64 = 86_400_000_000;

/// What a station has sent: the truth that readers are held to.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(crate) spool_id: String,
    /// Rounds whose appends have begun: a reader may see them.
    begun: AtomicU64,
    /// Rounds that were acknowledged: a reader must see them.
    acknowledged: AtomicU64,
}

impl Delivered {
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// Rows of all tables.
    pub(crate) fn rows(&self) -> u64 {
        self.begun() * ROUND.iter().map(|(_, rows)| rows).sum::<u64>()
    }
}

pub(crate) struct Station {
    number: usize,
    spool: Spool,
    settings: Settings,
    delivered: Arc<Delivered>,
}

impl Station {
    pub(crate) fn open(
        number: usize,
        directory: &Directory,
        uri: &str,
        certificate: &Path,
    ) -> (Self, Arc<Delivered>) {
        let path = directory.join(format!("spool-{number}"));
        let spool = Spool::open(&path, trigpoint_spool::Settings::default()).unwrap();
        let endpoint = Endpoint::Remote {
            uri: uri.to_owned(),
            ca_file: Some(certificate.to_owned()),
            token_file: Some(directory.join("token")),
        };
        let delivered = Arc::new(Delivered {
            spool_id: spool.id().to_owned(),
            begun: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
        });
        let settings = Settings::new(endpoint, trigpoint_record::Station::default());
        (Self { number, spool, settings, delivered: Arc::clone(&delivered) }, delivered)
    }

    /// Delivers without pause while the load goes on, and until all of it is
    /// acknowledged.
    pub(crate) async fn run(self, load: Load) {
        let _ending = load.ending();
        let Self { number, spool, settings, delivered } = self;
        let uplink = Uplink::spawn(spool.clone(), settings).unwrap();
        while load.goes_on() {
            for _ in 0..ROUNDS_AT_ONCE {
                let round = delivered.begun.fetch_add(1, Ordering::SeqCst);
                block_in_place(|| append(&spool, number, round));
            }
            uplink.flushed(DEADLINE).await.unwrap();
            delivered.acknowledged.store(delivered.begun(), Ordering::SeqCst);
        }
        uplink.finish().await;
    }
}

fn append(spool: &Spool, station: usize, round: u64) {
    for (place, (table, rows)) in ROUND.into_iter().enumerate() {
        let batch = batch(table, station, round, rows);
        let seq = spool.append(table.name, &encode(&batch)).unwrap();
        assert_eq!(seq, first_seq(place) + round * ROUND.len() as u64);
    }
}

/// The sequence number of the first batch of the table at this place of a round.
pub(crate) fn first_seq(place: usize) -> u64 {
    place as u64 + 1
}

/// Rows with a name, a number and times, all else absent.
fn batch(table: &'static Table, station: usize, round: u64, rows: u64) -> Batch {
    let mut batch = Batch::new(table);
    let opened = MIDNIGHT - (round % DATES) as i64 * DAY;
    for n in 0..rows {
        let row = table.columns.iter().map(|column| match (column.name, column.kind) {
            ("flow_id", _) => Value::Text(format!("station{station}_{round:08}")),
            ("n", _) => Value::Int(n as i64),
            (_, Kind::Time) => Value::Time(opened + n as i64),
            _ => Value::Null,
        });
        batch.push(row.collect()).unwrap();
    }
    batch
}

/// A pause that is part of the load: what a reader does between two queries.
pub(crate) async fn rest(length: Duration) {
    tokio::time::sleep(length).await;
}
