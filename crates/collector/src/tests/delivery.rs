//! What is sent arrives, once.

use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::{io::DuplexStream, sync::mpsc};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tonic::transport::{Endpoint, Uri};
use trigpoint_record::tables::{FLOWS, SNAPSHOTS, SPEED_TESTS};
use trigpoint_wire::ingest::RetryReason;

use crate::{
    Authenticator, Collector, Settings,
    testing::{Fixture, MIDNIGHT, Station, hello, never, quick},
    transport,
};

#[tokio::test]
async fn rows_arrive_once_when_every_batch_is_sent_twice() {
    let fixture = Fixture::new(quick()).await;
    let mut station = fixture.station("spool").await;
    for _ in 0..2 {
        station.rows(1, &SNAPSHOTS, 100).await;
        station.rows(1, &SNAPSHOTS, 100).await;
        station.rows(2, &FLOWS, 3).await;
        station.rows(2, &FLOWS, 3).await;
        station.rows(3, &SNAPSHOTS, 50).await;
        station.rows(4, &SPEED_TESTS, 1).await;
        station.rows(4, &SPEED_TESTS, 1).await;
        station.acknowledged(4).await;
        // A new stream that knows of no acknowledgement.
        let (next, committed) = fixture.welcomed("spool").await;
        assert_eq!(committed, 4);
        station = next;
    }
    assert_eq!(fixture.rows("snapshots").await, (150, 150));
    assert_eq!(fixture.rows("flows").await, (3, 3));
    assert_eq!(fixture.rows("speed_tests").await, (1, 1));
    let spool = fixture.text("SELECT max(spool_id) FROM snapshots").await;
    assert_eq!(spool, "spool");
    assert_eq!(fixture.number("SELECT sum(batch_seq) FROM snapshots").await, 100 + 50 * 3);
}

#[tokio::test]
async fn how_fresh_the_tables_are_can_be_watched() {
    let fixture = Fixture::new(quick()).await;
    let mut station = fixture.station("spool").await;
    station.rows(1, &SNAPSHOTS, 5).await;
    station.acknowledged(1).await;
    let newest_test = "trigpoint_collector_newest_test_timestamp_seconds";
    assert_eq!(fixture.metric(newest_test), 0, "no test yet");
    station.rows(2, &SPEED_TESTS, 1).await;
    station.acknowledged(2).await;
    assert_eq!(fixture.metric(newest_test), MIDNIGHT as u64 / 1_000_000);
    let mut again = fixture.station("spool").await;
    again.rows(2, &SPEED_TESTS, 1).await;
    again.acknowledged(2).await;
    let families = fixture.registry.gather();
    let of = |name| families.iter().find(|family| family.name() == name).unwrap();
    let freshness = of("trigpoint_collector_freshness_seconds").get_metric()[0].get_histogram();
    assert_eq!(freshness.get_sample_count(), 1, "what was there already is not new");
}

#[tokio::test]
async fn batches_that_come_again_make_no_commit() {
    let fixture = Fixture::new(quick()).await;
    let mut station = fixture.station("spool").await;
    station.rows(1, &SNAPSHOTS, 1).await;
    station.acknowledged(1).await;
    let commits = fixture.metric("trigpoint_collector_commits_total");
    let mut again = fixture.station("spool").await;
    again.rows(1, &SNAPSHOTS, 1).await;
    again.acknowledged(1).await;
    assert_eq!(fixture.metric("trigpoint_collector_commits_total"), commits);
    assert_eq!(fixture.metric("trigpoint_collector_duplicate_batches_total"), 1);
}

/// Three streams bring the same batches before the first commit.  What a stream
/// has under way when the next one replaces it may be dropped, as nothing of it is
/// acknowledged: only the last one brings everything for certain.
#[tokio::test]
async fn a_station_that_reconnects_before_the_commit_is_stored_once() {
    let fixture = Fixture::new(never()).await;
    let mut received = 0;
    for last_seq in [3, 4, 5] {
        let (station, committed) = fixture.welcomed("spool").await;
        assert_eq!(committed, 0, "nothing is committed before its time");
        for seq in 1..=last_seq {
            station.rows(seq, &SNAPSHOTS, 10).await;
        }
        received += last_seq;
        fixture.received(received).await;
    }
    fixture.collector.stop().await;
    assert_eq!(fixture.rows("snapshots").await, (50, 50));
    assert_eq!(fixture.lake.committed("local/spool").await.unwrap()["snapshots"], 5);
}

#[tokio::test]
async fn stations_share_a_commit() {
    let fixture = Fixture::new(Settings { commit_rows: 6, ..never() }).await;
    let mut stations = Vec::new();
    for spool in ["one", "two", "three"] {
        let station = fixture.station(spool).await;
        station.rows(1, &SNAPSHOTS, 1).await;
        station.rows(2, &SNAPSHOTS, 1).await;
        stations.push(station);
    }
    for station in &mut stations {
        station.acknowledged(2).await;
    }
    assert_eq!(fixture.rows("snapshots").await.0, 6);
    assert_eq!(fixture.metric("trigpoint_collector_commits_total"), 1);
}

/// 20 batches of far more memory than the collector may use at a time.
#[tokio::test]
async fn little_memory_slows_a_station_down_and_loses_nothing() {
    for (memory_bytes, stream_memory_bytes) in [(1, 1 << 30), (1 << 30, 1)] {
        let fixture = Fixture::new(Settings { memory_bytes, stream_memory_bytes, ..never() }).await;
        let mut station = fixture.station("spool").await;
        for seq in 1..=20 {
            station.rows(seq, &SNAPSHOTS, 20).await;
        }
        // The last batch waits for the hour that `never` asks for.
        station.acknowledged(19).await;
        assert_eq!(fixture.rows("snapshots").await, (380, 380));
    }
}

#[tokio::test]
async fn many_tiny_batches_do_not_wait_for_rows() {
    let fixture = Fixture::new(Settings { commit_batches: 4, ..never() }).await;
    let mut station = fixture.station("spool").await;
    for seq in 1..=4 {
        station.rows(seq, &SNAPSHOTS, 1).await;
    }
    station.acknowledged(4).await;
}

#[tokio::test]
async fn a_pipe_needs_no_port() {
    let directory = tempfile::tempdir().unwrap();
    let lake = trigpoint_lake::Lake::open(directory.path().to_str().unwrap()).unwrap();
    let registry = prometheus::Registry::new();
    let collector = Collector::start(lake.clone(), quick(), &registry).unwrap();
    let router = transport().add_service(collector.service(Authenticator::Local));
    let (connections, accepted) = mpsc::channel::<DuplexStream>(1);
    let incoming = ReceiverStream::new(accepted).map(Ok::<_, std::io::Error>);
    let server = tokio::spawn(router.serve_with_incoming(incoming));

    let connect = tower::service_fn(move |_: Uri| {
        let connections = connections.clone();
        async move {
            let (near, far) = tokio::io::duplex(1 << 16);
            connections.send(far).await.map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>(TokioIo::new(near))
        }
    });
    let endpoint = Endpoint::from_static("http://collector");
    let channel = endpoint.connect_with_connector(connect).await.unwrap();
    let mut station = Station::connect(channel, None).await.unwrap();
    station.hello(hello("spool")).await;
    assert_eq!(station.welcome().await, 0);
    station.rows(1, &SPEED_TESTS, 1).await;
    station.acknowledged(1).await;
    assert_eq!(lake.committed("local/spool").await.unwrap()["speed_tests"], 1);
    server.abort();
}

#[tokio::test]
async fn a_table_that_cannot_be_written_keeps_later_tables_and_comes_again() {
    let fixture = Fixture::new(quick()).await;
    let mut station = fixture.station("spool").await;
    // A file where the table's directory should be.
    std::fs::write(fixture.path("flows"), "in the way").unwrap();
    station.rows(1, &SNAPSHOTS, 5).await;
    station.rows(2, &FLOWS, 1).await;
    station.rows(3, &SPEED_TESTS, 1).await;
    station.told_to_retry(RetryReason::Storage).await;
    assert_eq!(fixture.number("SELECT count(*) FROM speed_tests").await, 0);

    std::fs::remove_file(fixture.path("flows")).unwrap();
    let mut station = fixture.station("spool").await;
    station.rows(1, &SNAPSHOTS, 5).await;
    station.rows(2, &FLOWS, 1).await;
    station.rows(3, &SPEED_TESTS, 1).await;
    station.acknowledged(3).await;
    assert_eq!(fixture.rows("snapshots").await, (5, 5));
    assert_eq!(fixture.rows("flows").await, (1, 1));
    assert_eq!(fixture.rows("speed_tests").await, (1, 1));
}

#[tokio::test]
async fn a_finished_test_does_not_wait_like_any_row() {
    let fixture = Fixture::new(Settings::default()).await;
    let mut station = fixture.station("spool").await;
    station.rows(1, &SNAPSHOTS, 5).await;
    station.rows(2, &SPEED_TESTS, 1).await;
    let waited = tokio::time::timeout(Duration::from_secs(25), station.acknowledged(2)).await;
    assert!(waited.is_ok(), "a finished test waited like any row");
}
