//! Simulated canaries: a day for each, on which stable stations and two canaries were
//! tested, one of which is a fifth slower.

use chrono::{DateTime, Days, Utc};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use trigpoint_lake::{Group, Lake, Rows, Sent};
use trigpoint_record::tables::SPEED_TESTS;
use trigpoint_record::{Batch, Value};
use trigpoint_statistics::normal_quantile;

pub(crate) const STABLE: &str = "edge-0000000001";
/// Drawn from the distribution of the stable one.
pub(crate) const SAME: &str = "edge-0000000002";
/// A fifth slower.
pub(crate) const SLOWER: &str = "edge-0000000003";

/// Tests of a canary and of the stable stations on a day: with the spread below, a
/// fifth is told from a margin of a tenth in 99 of 100 cases.
const CANARY_TESTS: usize = 800;
const STABLE_TESTS: usize = 2400;
/// Throughput is log-normal around 50 Mbit/s, two thirds of it between 25 and 100.
const SPREAD: f64 = 0.7;

/// 2026-11-24T00:00:00Z.
const LAST_DAY_US: i64 = 1_795_478_400_000_000;

/// The end of a canary's day.
pub(crate) fn end(canary: usize) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(LAST_DAY_US).unwrap() - Days::new(canary as u64)
}

/// Writes the rows of so many.
pub(crate) async fn write(lake: &Lake, canaries: usize) {
    for canary in 0..canaries {
        let mut random = StdRng::seed_from_u64(7_919 * canary as u64);
        let mut batch = Batch::new(&SPEED_TESTS);
        let sides = [
            (STABLE, "stable", STABLE_TESTS, 1.0),
            (SAME, "canary", CANARY_TESTS, 1.0),
            (SLOWER, "canary", CANARY_TESTS, 0.8),
        ];
        for (revision, arm, tests, factor) in sides {
            for _ in 0..tests {
                batch.push(row(&mut random, canary, revision, arm, factor)).unwrap();
            }
        }
        let (seq, count) = (canary as u64 + 1, batch.rows());
        let columns = SPEED_TESTS.columns.iter().zip(batch.columns);
        let columns = columns.map(|(column, array)| Sent { description: column.into(), array });
        let rows = Rows::convert(&SPEED_TESTS, "canaries", seq, count, columns.collect()).unwrap();
        let group = Group { app_id: "canaries".to_owned(), last_seq: seq, rows: vec![rows] };
        lake.append(&SPEED_TESTS, vec![group]).await.unwrap();
    }
}

fn row(random: &mut StdRng, canary: usize, revision: &str, arm: &str, factor: f64) -> Vec<Value> {
    const SECOND: i64 = 1_000_000;
    let normal = normal_quantile(random.random_range(1e-9..1.0));
    let bits_per_s = 50e6 * factor * (SPREAD * normal).exp();
    // Not at either end of the day, so that each test is in its own partition.
    let ended = end(canary).timestamp_micros() - random.random_range(60..86_000) * SECOND;
    let named: [(&str, Value); 9] = [
        ("flow_id", Value::Text(format!("node_1_{:016X}", random.random::<u64>()))),
        ("opened_time", Value::Time(ended - 11 * SECOND)),
        ("start_time", Value::Time(ended - 10 * SECOND)),
        ("end_time", Value::Time(ended)),
        ("direction", "download".into()),
        ("end_reason", "completed".into()),
        ("throughput_bits_per_s", Value::Float(bits_per_s)),
        ("revision", revision.into()),
        ("arm", arm.into()),
    ];
    let mut row = vec![Value::Null; SPEED_TESTS.columns.len()];
    for (name, value) in named {
        let place = SPEED_TESTS.columns.iter().position(|column| column.name == name);
        row[place.unwrap_or_else(|| panic!("there is no column `{name}`"))] = value;
    }
    row
}
