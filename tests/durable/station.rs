//! A station in a process of its own: a spool, its uplink, and rows on demand.
//!
//! It is told `append NUMBER TABLE ROWS`, and says `spool ID` at its start,
//! `appended NUMBER SEQ` when an append has returned, and `acknowledged SEQ`.

use std::io::BufRead as _;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use trigpoint_record::{Batch, Kind, Station, Table, Value, table};
use trigpoint_spool::Spool;
use trigpoint_uplink::{Endpoint, Settings, Uplink};
use trigpoint_wire::encode;

use super::child::say;

/// 2026-11-24T00:00:00Z, microseconds.
pub(crate) const MIDNIGHT: i64 = 1_795_478_400_000_000;
pub(crate) const DAY: i64 = 86_400_000_000;
/// Small, so that acknowledged batches are really gone from the spool.
const SEGMENT_BYTES: u64 = 8 << 10;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Options {
    pub(crate) name: String,
    pub(crate) spool: PathBuf,
    pub(crate) collector: String,
}

/// Serves until it is released.
pub(crate) fn run(options: &Options) {
    let settings = trigpoint_spool::Settings {
        segment_bytes: SEGMENT_BYTES,
        ..trigpoint_spool::Settings::default()
    };
    let spool = Spool::open(&options.spool, settings).unwrap();
    say(format_args!("spool {}", spool.id()));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    let endpoint =
        Endpoint::Remote { uri: options.collector.clone(), ca_file: None, token_file: None };
    let settings = Settings {
        min_backoff: Duration::from_millis(20),
        max_backoff: Duration::from_millis(200),
        ..Settings::new(endpoint, Station::default())
    };
    let uplink = Uplink::spawn(spool.clone(), settings).unwrap();
    let mut status = uplink.status();
    runtime.spawn(async move {
        let mut acknowledged = 0;
        while status.changed().await.is_ok() {
            let seq = status.borrow().acknowledged_seq;
            if seq > acknowledged {
                acknowledged = seq;
                say(format_args!("acknowledged {seq}"));
            }
        }
    });
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let (number, table, rows) = parse(&line);
        let seq = spool.append(table.name, &encode(&batch(&options.name, number, table, rows)));
        say(format_args!("appended {number} {}", seq.unwrap()));
    }
}

fn parse(line: &str) -> (u64, &'static Table, usize) {
    let words: Vec<_> = line.split(' ').collect();
    let ["append", number, name, rows] = words[..] else { panic!("told `{line}`") };
    (number.parse().unwrap(), table(name).unwrap(), rows.parse().unwrap())
}

/// The name of a row, which no other row has and which sorts like its numbers.
pub(crate) fn flow_id(station: &str, number: u64, row: usize) -> String {
    format!("{station}_{number:06}_{row:05}")
}

/// The number of the batch that a row came in.
pub(crate) fn number_of(flow_id: &str) -> Option<u64> {
    flow_id.split('_').nth(1)?.parse().ok()
}

/// Rows of tests of a day; now and then of one that began before midnight, so
/// that a commit has two files.
fn batch(station: &str, number: u64, table: &'static Table, rows: usize) -> Batch {
    let opened = MIDNIGHT - if number.is_multiple_of(8) { DAY } else { 0 };
    batch_of(station, number, table, rows, opened)
}

/// Rows with a name and a time, all else absent.
pub(crate) fn batch_of(
    station: &str,
    number: u64,
    table: &'static Table,
    rows: usize,
    opened: i64,
) -> Batch {
    let mut batch = Batch::new(table);
    for n in 0..rows {
        let row = table.columns.iter().map(|column| match (column.name, column.kind) {
            ("flow_id" | "test_id", _) => Value::Text(flow_id(station, number, n)),
            ("n", _) => Value::Int(n as i64),
            (_, Kind::Time) => Value::Time(opened + n as i64),
            _ => Value::Null,
        });
        batch.push(row.collect()).unwrap();
    }
    batch
}
