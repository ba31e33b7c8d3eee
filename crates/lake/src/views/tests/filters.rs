//! Which tests are valid, and why not.

use trigpoint_record::tables::SPEED_TESTS;
use trigpoint_record::tables::speed_tests::{Direction, EndReason, LastReading, SpeedTest};

use super::rows::{annotated, append, lake, speed_test, station, tcp_info};
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

/// Fields that are TRUE of a test, and whether it is in the unified view.
async fn filters(test: SpeedTest, arm: &str) -> (Vec<&'static str>, bool) {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    let direction = test.direction.name();
    let row = annotated(test, &station("lga03", arm), None);
    append(&lake, &SPEED_TESTS, vec![row]).await;
    let fields = FIELDS.map(|field| format!("filter.{field}")).join(", ");
    let sql = format!("SELECT {fields} FROM ndt_intermediate.extended_ndt7_{direction}s");
    let rows = csv(&lake, &sql).await;
    let values: Vec<_> = rows[0].split(',').collect();
    assert!(values.iter().all(|value| ["true", "false"].contains(value)), "{rows:?}");
    let set = FIELDS.into_iter().zip(values).filter(|(_, value)| *value == "true");
    let valid = csv(&lake, &format!("SELECT id FROM ndt.unified_{direction}s")).await;
    (set.map(|(field, _)| field).collect(), !valid.is_empty())
}

fn download() -> SpeedTest {
    speed_test(2, Direction::Download)
}

fn last(bytes_acked: u64) -> LastReading {
    LastReading { elapsed_us: 10_000_000, tcp_info: tcp_info(bytes_acked, 0) }
}

#[tokio::test]
async fn each_filter_is_true_of_what_it_names() {
    let client = |text: &str| SpeedTest { client: text.parse().unwrap(), ..download() };
    let early = || vec![("early_exit".to_owned(), "250".to_owned())];
    let short = || SpeedTest { elapsed_us: 8_999_999, ..download() };
    for (test, arm, expected, is_valid) in vec![
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
    ] {
        let case = format!("{arm} {test:?}");
        let (set, valid) = filters(test, arm).await;
        assert_eq!((set.join(" ").as_str(), valid), (expected, is_valid), "{case}");
    }
}

#[tokio::test]
async fn an_upload_is_not_excused_by_an_early_exit() {
    let client_metadata = vec![("early_exit".to_owned(), "250".to_owned())];
    let upload = speed_test(2, Direction::Upload);
    assert!(filters(upload.clone(), "").await.1);
    let short = SpeedTest { elapsed_us: 5_000_000, client_metadata, ..upload };
    let (set, is_valid) = filters(short, "").await;
    assert_eq!((set.join(" ").as_str(), is_valid), ("IsComplete IsProduction IsShort", false));
}
