//! Tables that have been written for hours.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use chrono::Utc;
use trigpoint_lake::{Compaction, Group, Lake, Rows, Sent};
use trigpoint_record::{Batch, Kind, Table, Value};
use trigpoint_testkit::run;

use super::DEADLINE;

/// Stations whose batches each commit brings, each with its own marker.
const STREAMS: u64 = 4;
/// A collector merges more than 64 new files.
const COMMITS_BETWEEN_COMPACTIONS: u64 = 65;

/// Makes so many commits in each table, as a collector would, in little time:
/// few rows in each, and none waits for company.
pub(crate) fn make(directory: &Path, commits: u64) {
    let started = Instant::now();
    let lake = Lake::open(directory.to_str().unwrap()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let tables: Vec<_> = lake
            .tables()
            .iter()
            .map(|table| tokio::spawn(fill(lake.clone(), table, commits)))
            .collect();
        for table in tables {
            table.await.unwrap();
        }
    });
    println!("a history of {commits} commits in each table: {:?}", started.elapsed());
}

async fn fill(lake: Lake, table: &'static Table, commits: u64) {
    for commit in 1..=commits {
        let groups = (0..STREAMS).map(|stream| group(table, stream, commit)).collect();
        lake.append(table, groups).await.unwrap();
        if commit % COMMITS_BETWEEN_COMPACTIONS == 0 {
            lake.compact(table, &Compaction::default(), Utc::now()).await.unwrap();
        }
    }
}

/// One row, with a name and a time and all else absent.
fn group(table: &'static Table, stream: u64, seq: u64) -> Group {
    let spool = format!("history-{stream}");
    let now = Utc::now().timestamp_micros();
    let row = table.columns.iter().map(|column| match (column.name, column.kind) {
        ("flow_id", _) => Value::Text(format!("history{stream}_{seq:08}")),
        ("n", _) => Value::Int(0),
        (_, Kind::Time) => Value::Time(now),
        _ => Value::Null,
    });
    let mut batch = Batch::new(table);
    batch.push(row.collect()).unwrap();
    let columns = table.columns.iter().zip(batch.columns);
    let columns = columns.map(|(column, array)| Sent { description: column.into(), array });
    let rows = Rows::convert(table, &spool, seq, 1, columns.collect()).unwrap();
    Group { app_id: format!("local/{spool}"), last_seq: seq, rows: vec![rows] }
}

/// Copies a lake to where there is none yet.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    run(Command::new("cp").arg("-r").arg(from).arg(to), DEADLINE).expect_code(0);
}
