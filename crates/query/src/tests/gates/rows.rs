//! Tests as rows of the tables.

use chrono::{DateTime, TimeDelta, Utc};
use trigpoint_record::tables::{FLOWS, SPEED_TESTS};
use trigpoint_record::{Table, Value};

use crate::testing::Fixture;

/// A test, and what its connection's row says; what it does not say is as of one that
/// went well.
#[derive(Debug, Clone, Copy)]
pub(super) struct Test {
    pub(super) revision: &'static str,
    pub(super) arm: &'static str,
    pub(super) site: &'static str,
    pub(super) machine: &'static str,
    pub(super) client_name: &'static str,
    pub(super) direction: &'static str,
    pub(super) end_reason: &'static str,
    /// How long ago it ended.
    pub(super) ago: TimeDelta,
    pub(super) bits_per_s: Option<f64>,
    pub(super) min_rtt_us: i64,
    /// What TCP_INFO counted in the end, less what the socket did.
    pub(super) uncounted_bytes: i64,
    pub(super) polls_missed: i64,
    pub(super) longest_gap_us: i64,
}

/// Of a test of ten seconds.
const POLLS: i64 = 1000;

pub(super) const STABLE: Test = Test {
    revision: "edge-1",
    arm: "stable",
    site: "abc01",
    machine: "node-1",
    client_name: "ndt7-js",
    direction: "download",
    end_reason: "completed",
    ago: TimeDelta::minutes(10),
    bits_per_s: Some(50e6),
    min_rtt_us: 20_000,
    uncounted_bytes: 1,
    polls_missed: 0,
    longest_gap_us: 10_000,
};

pub(super) const CANARY: Test =
    Test { revision: "edge-2", arm: "canary", machine: "node-2", ..STABLE };

/// Commits the tests; `seq` is above those of earlier commits.
pub(super) async fn commit(fixture: &Fixture, seq: u64, tests: &[Test]) {
    let now = Utc::now();
    let rows = |row: fn(&Test, String, DateTime<Utc>) -> Vec<Value>| {
        let numbered = tests.iter().zip(0..);
        let id = |number: i32| format!("node_1_{:016X}", seq * 1_000_000 + number as u64);
        numbered.map(|(test, number)| row(test, id(number), now)).collect::<Vec<_>>()
    };
    fixture.append(&FLOWS, seq, rows(flow)).await;
    fixture.append(&SPEED_TESTS, seq, rows(speed_test)).await;
}

fn speed_test(test: &Test, id: String, now: DateTime<Utc>) -> Vec<Value> {
    let ended = (now - test.ago).timestamp_micros();
    filled(
        &SPEED_TESTS,
        vec![
            ("flow_id", Value::Text(id)),
            ("opened_time", Value::Time(ended - 10_100_000)),
            ("start_time", Value::Time(ended - 10_000_000)),
            ("end_time", Value::Time(ended)),
            ("direction", test.direction.into()),
            ("end_reason", test.end_reason.into()),
            ("client_name", test.client_name.into()),
            ("application_bytes", Value::Int(1_000_000)),
            ("socket_written_bytes", Value::Int(1_000_500)),
            ("socket_read_bytes", Value::Int(1_000_300)),
            ("throughput_bits_per_s", test.bits_per_s.into()),
            ("min_rtt_us", Value::Int(test.min_rtt_us)),
            ("site", test.site.into()),
            ("machine", test.machine.into()),
            ("revision", test.revision.into()),
            ("arm", test.arm.into()),
        ],
    )
}

fn flow(test: &Test, id: String, now: DateTime<Utc>) -> Vec<Value> {
    let ended = (now - test.ago).timestamp_micros();
    filled(
        &FLOWS,
        vec![
            ("flow_id", Value::Text(id)),
            ("opened_time", Value::Time(ended - 10_100_000)),
            ("closed_time", Value::Time(ended)),
            ("final_from", "destroy".into()),
            ("bytes_acked", Value::Int(1_000_500 + test.uncounted_bytes)),
            ("bytes_received", Value::Int(1_000_300 + test.uncounted_bytes)),
            ("watched_us", Value::Int(10_000_000)),
            ("watched_polls_done", Value::Int(POLLS - test.polls_missed)),
            ("watched_polls_missed", Value::Int(test.polls_missed)),
            ("longest_gap_us", Value::Int(test.longest_gap_us)),
            ("revision", test.revision.into()),
            ("arm", test.arm.into()),
        ],
    )
}

/// Values in the order of their columns; NULL where there is none.
fn filled(table: &Table, values: Vec<(&str, Value)>) -> Vec<Value> {
    let mut row = vec![Value::Null; table.columns.len()];
    for (name, value) in values {
        let place = table.columns.iter().position(|column| column.name == name);
        row[place.unwrap_or_else(|| panic!("{} has no column `{name}`", table.name))] = value;
    }
    row
}
