//! How streams end, and what else may happen to them.

use tonic::Code;
use trigpoint_process::tokens::Tokens;
use trigpoint_record::tables::{SNAPSHOTS, SPEED_TESTS};
use trigpoint_wire::ingest::RetryReason;

use crate::{
    Authenticator, Settings,
    testing::{Fixture, Station, hello, never, quick},
};

#[tokio::test]
async fn the_older_of_two_streams_of_one_spool_is_closed() {
    let fixture = Fixture::new(quick()).await;
    let mut older = fixture.station("spool").await;
    older.rows(1, &SNAPSHOTS, 10).await;
    older.acknowledged(1).await;
    let mut newer = fixture.station("spool").await;
    older.told_to_retry(RetryReason::Replaced).await;
    newer.rows(1, &SNAPSHOTS, 10).await;
    newer.rows(2, &SNAPSHOTS, 10).await;
    newer.acknowledged(2).await;
    assert_eq!(fixture.rows("snapshots").await, (20, 20));
    assert_eq!(fixture.metric("trigpoint_collector_streams"), 1);
}

#[tokio::test]
async fn another_spool_is_not_disturbed() {
    let fixture = Fixture::new(quick()).await;
    let mut one = fixture.station("one").await;
    let mut other = fixture.station("other").await;
    for station in [&mut one, &mut other] {
        station.rows(1, &SPEED_TESTS, 1).await;
        station.acknowledged(1).await;
    }
    assert_eq!(fixture.number("SELECT count(*) FROM speed_tests").await, 2);
}

#[tokio::test]
async fn only_a_known_token_opens_a_stream_and_it_gives_the_account() {
    let tokens = Tokens::parse("lga03 0123456789abcdef\nfra01 fedcba9876543210").unwrap();
    let fixture = Fixture::with(quick(), Authenticator::Tokens(tokens)).await;
    for token in [None, Some("0123456789abcdee"), Some("")] {
        let refused = Station::connect(fixture.channel().await, token).await.err().unwrap();
        assert_eq!(refused.code(), Code::Unauthenticated);
    }
    for (account, token) in [("lga03", "0123456789abcdef"), ("fra01", "fedcba9876543210")] {
        let mut station = Station::connect(fixture.channel().await, Some(token)).await.unwrap();
        station.hello(hello(&format!("spool-of-{account}"))).await;
        assert_eq!(station.welcome().await, 0);
        station.rows(1, &SPEED_TESTS, 1).await;
        station.acknowledged(1).await;
        let app_id = format!("{account}/spool-of-{account}");
        assert_eq!(fixture.lake.committed(&app_id).await.unwrap()["speed_tests"], 1);
    }
    assert_eq!(fixture.number("SELECT count(*) FROM speed_tests").await, 2);
}

/// Rows are told apart by spool and batch: another account's would fill the
/// holes of this spool, or double its batches.
#[tokio::test]
async fn a_spool_of_another_account_is_refused_and_its_own_stream_goes_on() {
    let tokens = Tokens::parse("lga03 0123456789abcdef\nfra01 fedcba9876543210").unwrap();
    let fixture = Fixture::with(quick(), Authenticator::Tokens(tokens)).await;
    let connect = async |token| {
        let station = Station::connect(fixture.channel().await, Some(token)).await.unwrap();
        station.hello(hello("spool")).await;
        station
    };
    let mut owner = connect("0123456789abcdef").await;
    assert_eq!(owner.welcome().await, 0);
    owner.rows(1, &SPEED_TESTS, 1).await;
    owner.acknowledged(1).await;

    let mut other = connect("fedcba9876543210").await;
    assert_eq!(other.refused().await.code(), Code::PermissionDenied);
    owner.rows(2, &SPEED_TESTS, 1).await;
    owner.acknowledged(2).await;
    assert!(fixture.lake.committed("fra01/spool").await.unwrap().is_empty());
    assert_eq!(fixture.rows("speed_tests").await, (2, 2));
}

#[tokio::test]
async fn stopping_commits_and_acknowledges_what_is_here() {
    let fixture = Fixture::new(never()).await;
    let mut station = fixture.station("spool").await;
    station.rows(1, &SNAPSHOTS, 10).await;
    station.rows(2, &SPEED_TESTS, 1).await;
    fixture.received(2).await;
    fixture.collector.stop().await;
    station.acknowledged(2).await;
    station.told_to_retry(RetryReason::Busy).await;
    assert_eq!(fixture.rows("snapshots").await, (10, 10));
    assert_eq!(fixture.rows("speed_tests").await, (1, 1));
    let refused = Station::connect(fixture.channel().await, None).await.err().unwrap();
    assert_eq!(refused.code(), Code::Unavailable);
    fixture.collector.stop().await;
}

#[tokio::test]
async fn a_station_that_ends_is_acknowledged_at_once_and_others_wait_on() {
    let fixture = Fixture::new(never()).await;
    let mut ending = fixture.station("ending").await;
    ending.rows(1, &SNAPSHOTS, 10).await;
    ending.gap(2, 4).await;
    ending.rows(5, &SNAPSHOTS, 1).await;
    ending.finish();
    ending.acknowledged(5).await;
    assert_eq!(ending.answer().await.unwrap(), None, "the stream ends with the last answer");
    assert_eq!(fixture.rows("snapshots").await, (11, 11));

    // Its end makes no commit of what comes later: that waits for its hour.
    let commits = fixture.metric("trigpoint_collector_commits_total");
    let mut waiting = fixture.station("waiting").await;
    waiting.rows(1, &SNAPSHOTS, 10).await;
    fixture.received(3).await;
    let mut known = fixture.station("ending").await;
    known.rows(5, &SNAPSHOTS, 1).await;
    known.finish();
    known.acknowledged(5).await;
    assert_eq!(known.answer().await.unwrap(), None);
    assert_eq!(fixture.metric("trigpoint_collector_commits_total"), commits);
    waiting.finish();
    waiting.acknowledged(1).await;
}

#[tokio::test]
async fn more_stations_than_allowed_are_told_to_come_again() {
    let fixture = Fixture::new(Settings { streams: 1, ..quick() }).await;
    let mut first = fixture.station("one").await;
    let mut second = Station::connect(fixture.channel().await, None).await.unwrap();
    second.hello(hello("two")).await;
    second.told_to_retry(RetryReason::Busy).await;
    // The first one may replace its own stream.
    fixture.station("one").await;
    first.told_to_retry(RetryReason::Replaced).await;
}

#[tokio::test]
async fn a_jump_is_sent_back_and_a_gap_is_recorded() {
    let fixture = Fixture::new(quick()).await;
    let mut station = fixture.station("spool").await;
    station.rows(1, &SNAPSHOTS, 1).await;
    station.rows(5, &SNAPSHOTS, 1).await;
    station.told_to_retry(RetryReason::Sequence).await;

    let mut station = fixture.station("spool").await;
    station.rows(1, &SNAPSHOTS, 1).await;
    station.gap(2, 4).await;
    station.rows(5, &SNAPSHOTS, 1).await;
    station.acknowledged(5).await;
    assert_eq!(fixture.rows("snapshots").await, (2, 2));

    // The same gap again is the same row.
    let mut station = fixture.station("spool").await;
    station.gap(2, 4).await;
    station.acknowledged(4).await;
    assert_eq!(fixture.number("SELECT count(*) FROM stations").await, 1);
    let gap = "SELECT concat_ws(',', event, site, gap['first_seq'], gap['last_seq'], \
               gap['reason']) FROM stations";
    assert_eq!(fixture.text(gap).await, "gap,lga03,2,4,size_cap");
}

/// The lake was replaced, or restored from an old copy: the station has long
/// freed what it was told to be safe.
#[tokio::test]
async fn what_neither_side_has_is_recorded_as_a_gap() {
    let fixture = Fixture::new(quick()).await;
    let mut station = fixture.station("spool").await;
    station.rows(480, &SNAPSHOTS, 1).await;
    station.acknowledged(480).await;
    let gap = "SELECT concat_ws(',', gap['first_seq'], gap['last_seq'], gap['reason']) \
               FROM stations";
    assert_eq!(fixture.text(gap).await, "1,479,neither_sent_nor_stored");
    assert_eq!(fixture.metric("trigpoint_collector_lost_batches_total"), 479);
}
