//! Rows that look like those of a test: counters that rise, gauges that
//! tremble, constants, and what is absent.

use anyhow::Result;
use trigpoint_lake::{Group, Rows, Sent};
use trigpoint_record::{Batch, Column, Kind, Table, Value};

/// 2026-11-24T00:00:00Z, microseconds.
const MIDNIGHT: i64 = 1_795_478_400_000_000;
/// Between two snapshots of a flow.
const INTERVAL_US: i64 = 10_000;

/// `rows` rows of flow number `flow`, which no other flow resembles.
pub(crate) fn batch(table: &'static Table, flow: u64, rows: usize) -> Result<Batch> {
    let mut batch = Batch::new(table);
    for n in 0..rows {
        batch.push(table.columns.iter().map(|column| value(column, flow, n as i64)).collect())?;
    }
    Ok(batch)
}

/// The same as batch `seq` of a stream, ready for an append.
pub(crate) fn group(table: &'static Table, stream: usize, seq: u64, batch: Batch) -> Result<Group> {
    let spool = format!("bench-{stream}");
    let count = batch.rows();
    let columns = table.columns.iter().zip(batch.columns);
    let columns = columns.map(|(column, array)| Sent { description: column.into(), array });
    let rows = Rows::convert(table, &spool, seq, count, columns.collect())?;
    Ok(Group { app_id: format!("local/{spool}"), last_seq: seq, rows: vec![rows] })
}

/// What a row of its table has in the column.
pub(crate) fn value(column: &Column, flow: u64, n: i64) -> Value {
    let opened = MIDNIGHT + (flow % 80_000) as i64 * 1_000_000;
    let of_flow = scrambled(flow ^ (u64::from(column.id) << 40));
    let noise = (scrambled(of_flow ^ n as u64) % 64) as i64;
    match (column.name, column.kind) {
        ("flow_id", _) => Value::Text(format!("bench-node-1_1795478400_{:016X}", scrambled(flow))),
        ("n", _) => Value::Int(n),
        ("opened_time", _) => Value::Time(opened),
        (_, Kind::Time) => Value::Time(opened + n * INTERVAL_US + noise),
        (_, Kind::Int) => match column.id % 4 {
            0 => Value::Int((of_flow % 1000) as i64 * 1448 * n + noise),
            1 => Value::Int((of_flow % 100_000) as i64 + noise),
            2 => Value::Int((of_flow % 1500) as i64),
            _ => Value::Null,
        },
        (_, Kind::Float) => Value::Float(noise as f64 / 64.0),
        (_, Kind::Text) => Value::Text(format!("text-{}", of_flow % 8)),
        (_, Kind::Bool) => Value::Bool(noise % 2 == 0),
        (_, Kind::Bytes | Kind::List(_) | Kind::Struct(_)) => Value::Null,
    }
}

/// A number without pattern for each number (the finaliser of SplitMix64,
/// Steele, Lea and Flood 2014).
pub(crate) fn scrambled(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
