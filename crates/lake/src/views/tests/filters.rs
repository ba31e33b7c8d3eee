//! Which tests are valid, and why not.

use trigpoint_record::tables::SPEED_TESTS;
use trigpoint_record::tables::speed_tests::{Direction, EndReason, LastReading, SpeedTest};

use trigpoint_tcpinfo::{TcpInfo, field};

use super::rows::{annotated, append, flow_id, lake, speed_test, station, tcp_info};
use crate::testing::csv;

const FIELDS: [&str; 12] = [
    "IsComplete",
    "IsProduction",
    "IsError",
    "IsOAM",
    "_IsRFC1918",
    "IsPlatformAnomaly",
    "IsSmall",
    "IsShort",
    "IsLong",
    "IsEarlyExit",
    "_IsCongested",
    "_IsBloated",
];

/// Fields that are TRUE of each test, which arm it was made on being beside it, and
/// whether it is in the unified view.  All are of one direction.
async fn filters(tests: &[(SpeedTest, &str)]) -> Vec<(String, bool)> {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    let mut rows = Vec::new();
    for (cookie, (test, arm)) in (1..).zip(tests) {
        let test = SpeedTest { flow_id: flow_id(cookie), ..test.clone() };
        rows.push(annotated(test, &station("lga03", arm), None));
    }
    append(&lake, &SPEED_TESTS, rows).await;
    let direction = tests[0].0.direction.name();
    let fields = FIELDS.map(|field| format!("filter.{field}")).join(", ");
    let view = format!("ndt_intermediate.extended_ndt7_{direction}s");
    let all = csv(&lake, &format!("SELECT id, {fields} FROM {view} ORDER BY id")).await;
    let valid = csv(&lake, &format!("SELECT id FROM ndt.unified_{direction}s")).await;
    assert_eq!(all.len(), tests.len());
    let of_row = |row: &String| {
        let (id, values) = row.split_once(',').unwrap();
        let values: Vec<_> = values.split(',').collect();
        assert!(values.iter().all(|value| ["true", "false"].contains(value)), "{row}");
        let set = FIELDS.into_iter().zip(values).filter(|(_, value)| *value == "true");
        let set: Vec<_> = set.map(|(field, _)| field).collect();
        (set.join(" "), valid.iter().any(|it| it == id))
    };
    all.iter().map(of_row).collect()
}

fn download() -> SpeedTest {
    speed_test(2, Direction::Download)
}

fn last(bytes_acked: u64) -> LastReading {
    LastReading { elapsed_us: 10_000_000, tcp_info: tcp_info(bytes_acked, 0) }
}

/// The last reading of a path whose queue held so much, and of what was lost there.
fn path(min_rtt_us: u64, rtt_us: u64, total_retrans: u64) -> LastReading {
    let usual = tcp_info(12_500_000, 0);
    let value = |index| match index {
        field::MIN_RTT_US => Some(min_rtt_us),
        field::RTT_US => Some(rtt_us),
        field::TOTAL_RETRANS_SEGMENTS => Some(total_retrans),
        _ => usual.raw(index),
    };
    let tcp_info = TcpInfo::from_columns(280, value, &[]).unwrap();
    LastReading { elapsed_us: 10_000_000, tcp_info }
}

#[tokio::test]
async fn each_filter_is_true_of_what_it_names() {
    let client = |text: &str| SpeedTest { client: text.parse().unwrap(), ..download() };
    let early = || vec![("early_exit".to_owned(), "250".to_owned())];
    let short = || SpeedTest { elapsed_us: 8_999_999, ..download() };
    let cases = vec![
        (download(), "", "IsComplete IsProduction", true),
        (download(), "stable", "IsComplete IsProduction", true),
        (download(), "canary", "IsComplete", false),
        (SpeedTest { last: None, ..download() }, "", "IsProduction", false),
        (
            SpeedTest { end_reason: EndReason::ClientClosed, ..download() },
            "",
            "IsComplete IsProduction",
            true,
        ),
        (
            SpeedTest { end_reason: EndReason::InternalError, ..download() },
            "",
            "IsComplete IsProduction IsError",
            false,
        ),
        (
            SpeedTest { end_reason: EndReason::StationStopped, ..download() },
            "",
            "IsComplete IsProduction IsError",
            false,
        ),
        (client("10.1.2.3:1"), "", "IsComplete IsProduction _IsRFC1918", false),
        (client("172.31.255.1:1"), "", "IsComplete IsProduction _IsRFC1918", false),
        (client("192.168.0.1:1"), "", "IsComplete IsProduction _IsRFC1918", false),
        (client("172.32.0.1:1"), "", "IsComplete IsProduction", true),
        (client("[fd00::1]:1"), "", "IsComplete IsProduction", true),
        (
            SpeedTest { last: Some(last(8191)), ..download() },
            "",
            "IsComplete IsProduction IsSmall",
            false,
        ),
        (SpeedTest { last: Some(last(8192)), ..download() }, "", "IsComplete IsProduction", true),
        (short(), "", "IsComplete IsProduction IsShort", false),
        (SpeedTest { elapsed_us: 9_000_000, ..download() }, "", "IsComplete IsProduction", true),
        (SpeedTest { elapsed_us: 60_000_999, ..download() }, "", "IsComplete IsProduction", true),
        (
            SpeedTest { elapsed_us: 60_001_000, ..download() },
            "",
            "IsComplete IsProduction IsLong",
            false,
        ),
        (
            SpeedTest { client_metadata: early(), ..short() },
            "",
            "IsComplete IsProduction IsShort IsEarlyExit",
            true,
        ),
    ];
    let tests: Vec<_> = cases.iter().map(|(test, arm, ..)| (test.clone(), *arm)).collect();
    for ((set, valid), (test, arm, expected, is_valid)) in filters(&tests).await.iter().zip(cases) {
        assert_eq!((set.as_str(), *valid), (expected, is_valid), "{arm} {test:?}");
    }
}

#[tokio::test]
async fn an_upload_is_not_excused_by_an_early_exit() {
    let client_metadata = vec![("early_exit".to_owned(), "250".to_owned())];
    let upload = speed_test(2, Direction::Upload);
    let short = SpeedTest { elapsed_us: 5_000_000, client_metadata, ..upload.clone() };
    let found = filters(&[(upload, ""), (short, "")]).await;
    assert!(found[0].1);
    assert_eq!(found[1], ("IsComplete IsProduction IsShort".to_owned(), false));
}

/// What was once asked of a download: that it met a queue or lost something.
#[tokio::test]
async fn congestion_and_bufferbloat_are_those_of_the_last_reading() {
    let cases = [
        (path(20_000, 40_000, 0), "IsComplete IsProduction"),
        (path(20_000, 40_001, 0), "IsComplete IsProduction _IsBloated"),
        (path(400, 1000, 0), "IsComplete IsProduction"),
        (path(400, 1001, 0), "IsComplete IsProduction _IsBloated"),
        (path(20_000, 30_000, 1), "IsComplete IsProduction _IsCongested"),
        (path(20_000, 90_000, 7), "IsComplete IsProduction _IsCongested _IsBloated"),
        // 4294967295, M-Lab's value of what the kernel did not measure, is NULL here.
        (path(u64::from(u32::MAX), 90_000, 0), "IsComplete IsProduction"),
    ];
    let tests = |direction| {
        let test =
            |last: &LastReading| SpeedTest { last: Some(last.clone()), ..speed_test(2, direction) };
        cases.iter().map(|(last, _)| (test(last), "")).collect::<Vec<_>>()
    };
    for (found, (last, expected)) in filters(&tests(Direction::Download)).await.iter().zip(&cases) {
        assert_eq!((found.0.as_str(), found.1), (*expected, true), "{last:?}");
    }
    // Of an upload nobody asks.
    for (set, _) in filters(&tests(Direction::Upload)).await {
        assert!(!set.contains("_IsCongested") && !set.contains("_IsBloated"), "{set}");
    }
}
