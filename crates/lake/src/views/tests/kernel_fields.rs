//! Every field of `tcp_info` in every view that has it, in M-Lab's spelling.

use serde_json::{Map, Value};
use trigpoint_record::tables::flows::LastPoll;
use trigpoint_record::tables::speed_tests::{Direction, LastReading, SpeedTest};
use trigpoint_record::tables::{FLOWS, SPEED_TESTS};
use trigpoint_tcpinfo::{TcpInfo, field};

use super::rows::{annotated, append, append_snapshots, flow, lake, speed_test, station};
use crate::{Format, Lake};

/// Where the name of a column has the unit that M-Lab's has not.
const UNITS: [&str; 5] = ["_us", "_ms", "_bytes_per_s", "_bytes", "_segments"];

/// What M-Lab has in one byte: two windows' scales, and two flags.
const BITS: [(usize, u64); 4] = [
    (field::SND_WSCALE, 7),
    (field::RCV_WSCALE, 9),
    (field::DELIVERY_RATE_APP_LIMITED, 1),
    (field::FASTOPEN_CLIENT_FAIL, 2),
];

/// A value like no other field's, which fits into a byte.
fn value(index: usize) -> u64 {
    100 + index as u64
}

fn tcp_info() -> TcpInfo {
    let value = |index: usize| match BITS.iter().find(|(field, _)| *field == index) {
        Some((_, value)) => Some(*value),
        None if field::FIELDS[index].bit_width < 8 => Some(0),
        None => Some(value(index)),
    };
    TcpInfo::from_columns(280, value, &[]).unwrap()
}

async fn row(lake: &Lake, sql: &str) -> Map<String, Value> {
    let answer = lake.session().query(sql).await.unwrap();
    let mut json = Vec::new();
    crate::write(answer, Format::Json, &mut json).await.unwrap();
    let rows: Vec<Map<String, Value>> = serde_json::from_slice(&json).unwrap();
    rows.into_iter().next().unwrap()
}

/// What a view calls a field of the kernel.
fn is_name_of(name: &str, column: &str) -> bool {
    let is_equal = |column: &str| name.eq_ignore_ascii_case(&column.replace('_', ""));
    is_equal(column) || UNITS.iter().any(|unit| column.strip_suffix(unit).is_some_and(is_equal))
}

#[track_caller]
fn assert_each_field_is_there(sql: &str, fields: &Map<String, Value>) {
    let merged = |index: usize| BITS.iter().any(|(field, _)| *field == index);
    for (index, field) in field::FIELDS.iter().enumerate().take(field::TOTAL_RTO_TIME_MS + 1) {
        if field.padding || merged(index) {
            continue;
        }
        let mut named = fields.iter().filter(|(name, _)| is_name_of(name, field.name));
        let (name, found) =
            named.next().unwrap_or_else(|| panic!("{} is missing: {sql}", field.name));
        assert_eq!(found, value(index), "{name}: {sql}");
        assert!(named.next().is_none(), "{} is there twice: {sql}", field.name);
    }
    assert_eq!((&fields["WScale"], &fields["AppLimited"]), (&0x97.into(), &5.into()));
}

#[tokio::test]
async fn every_field_of_the_kernel_has_its_own_value_in_every_view() {
    let directory = tempfile::tempdir().unwrap();
    let (lake, station) = (lake(&directory), station("lga03", ""));
    let mut test = SpeedTest {
        last: Some(LastReading { elapsed_us: 10_000_000, tcp_info: tcp_info() }),
        ..speed_test(1, Direction::Download)
    };
    test.server_measurements[0].tcp_info = Some(tcp_info());
    append(&lake, &SPEED_TESTS, vec![annotated(test, &station, None)]).await;
    let mut flow = flow(1, None);
    let last = flow.last_poll.take().unwrap();
    flow.last_poll = Some(LastPoll { tcp_info: tcp_info(), ..last });
    append(&lake, &FLOWS, vec![flow.into_row(&station)]).await;
    append_snapshots(&lake, &station, |_| tcp_info()).await;

    for sql in [
        "SELECT raw.Download.ServerMeasurements[1].TCPInfo AS it FROM ndt.ndt7",
        "SELECT FinalSnapshot.TCPInfo AS it FROM ndt_intermediate.extended_ndt7_downloads",
        "SELECT a.FinalSnapshot.TCPInfo AS it FROM ndt.tcpinfo",
        "SELECT raw.Snapshots[1].TCPInfo AS it FROM ndt_raw.tcpinfo",
    ] {
        let row = row(&lake, sql).await;
        assert_each_field_is_there(sql, row["it"].as_object().unwrap());
    }
    let flat = "SELECT * FROM ndt.snapshots_flat";
    assert_each_field_is_there(flat, &row(&lake, flat).await);
}
