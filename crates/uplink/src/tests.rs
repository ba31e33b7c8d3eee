use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tempfile::TempDir;
use tokio::time::Instant;
use tonic::transport::Server;
use trigpoint_record::{
    Batch, TABLES,
    tables::{
        STATIONS,
        stations::{Event, StationEvent},
    },
};
use trigpoint_spool::{MAX_PAYLOAD_BYTES, Settings as SpoolSettings};
use trigpoint_wire::ingest::RetryReason;

use self::collector::{Collector, Received, eventually};
use super::*;

mod collector;
mod logging;
mod remote;

/// A spool in a directory of its own, and an uplink that knows no patience.
struct Bench {
    directory: TempDir,
    spool: Spool,
    settings: Settings,
}

fn bench(endpoint: Endpoint) -> Bench {
    bench_with(endpoint, SpoolSettings::default())
}

fn bench_with(endpoint: Endpoint, settings: SpoolSettings) -> Bench {
    let directory = TempDir::new().unwrap();
    let spool = Spool::open(directory.path(), settings).unwrap();
    let settings = Settings {
        min_backoff: Duration::from_millis(5),
        max_backoff: Duration::from_millis(20),
        ..Settings::new(endpoint, station())
    };
    Bench { directory, spool, settings }
}

fn station() -> Station {
    Station { site: "lga03".into(), machine: "node-1".into(), ..Station::default() }
}

impl Bench {
    fn append(&self, count: u8) {
        for number in 0..count {
            self.spool.append("flows", &[number; 8]).unwrap();
        }
    }

    fn start(&self) -> Uplink {
        Uplink::spawn(self.spool.clone(), self.settings.clone()).unwrap()
    }
}

async fn status(uplink: &Uplink, condition: impl FnMut(&Status) -> bool) -> Status {
    *eventually(uplink.status().wait_for(condition)).await.unwrap()
}

#[tokio::test]
async fn batches_travel_in_order_and_an_acknowledgement_frees_them() {
    let (mut collector, endpoint) = Collector::in_process();
    let bench = bench(endpoint);
    bench.append(3);
    let uplink = bench.start();
    let mut stream = collector.accept().await;
    let hello = stream.hello().await;
    assert_eq!(hello.spool_id, bench.spool.id());
    assert_eq!(hello.station.unwrap().site, "lga03");
    assert_eq!(
        hello.tables,
        TABLES.iter().map(|table| trigpoint_wire::schema(table)).collect::<Vec<_>>()
    );
    stream.welcome(&[]).await;
    for seq in 1..=3 {
        assert_eq!(stream.next().await, Received::Batch(seq, vec![seq as u8 - 1; 8]));
    }
    // What is appended later follows at once.
    bench.append(1);
    assert_eq!(stream.next().await, Received::Batch(4, vec![0; 8]));
    assert!(uplink.flushed(Duration::ZERO).await.is_err());
    stream.ack(4).await;
    uplink.flushed(Duration::from_secs(10)).await.unwrap();
    assert_eq!(bench.spool.acknowledged(), 4);
    let status = status(&uplink, |status| status.acknowledged_seq == 4).await;
    assert!(status.connected);
    assert_eq!((status.unacknowledged_batches, status.unacknowledged_bytes), (0, 0));
}

#[tokio::test]
async fn no_more_goes_out_than_may_be_unanswered() {
    let (mut collector, endpoint) = Collector::in_process();
    let mut bench = bench(endpoint);
    bench.settings.max_unacknowledged_batches = 3;
    bench.append(12);
    let uplink = bench.start();
    let mut stream = collector.accept().await;
    stream.welcomed().await;
    for seq in 1..=12 {
        stream.batch(seq).await;
        if seq % 3 == 0 {
            let full = status(&uplink, |status| status.unacknowledged_batches == 3).await;
            assert_eq!(full.unacknowledged_bytes, 24);
            assert!(stream.is_silent(), "batch {} is beyond the bound", seq + 1);
            stream.ack(seq).await;
        }
    }
}

#[tokio::test]
async fn a_broken_stream_starts_again_behind_the_last_acknowledgement() {
    let (mut collector, endpoint) = Collector::in_process();
    let bench = bench(endpoint);
    bench.append(4);
    let uplink = bench.start();
    let mut stream = collector.accept().await;
    stream.welcomed().await;
    stream.batch(1).await;
    stream.batch(2).await;
    stream.ack(1).await;
    status(&uplink, |status| status.acknowledged_seq == 1).await;
    drop(stream);
    let mut stream = collector.accept().await;
    stream.welcomed().await;
    for seq in 2..=4 {
        stream.batch(seq).await;
    }
    stream.ack(4).await;
    let status = status(&uplink, |status| status.acknowledged_seq == 4).await;
    assert_eq!(status.failures, 1);
}

#[tokio::test]
async fn batches_that_cannot_be_removed_do_not_end_the_stream() {
    let (mut collector, endpoint) = Collector::in_process();
    let bench =
        bench_with(endpoint, SpoolSettings { segment_bytes: 1, ..SpoolSettings::default() });
    bench.append(3);
    let uplink = bench.start();
    let mut stream = collector.accept().await;
    stream.welcomed().await;
    for seq in 1..=3 {
        stream.batch(seq).await;
    }
    // Not even root removes a directory as if it were a file.
    let oldest = bench.directory.path().join(format!("{:020}.segment", 1));
    std::fs::remove_file(&oldest).and_then(|()| std::fs::create_dir(&oldest)).unwrap();
    for seq in 1..=2 {
        stream.ack(seq).await;
        status(&uplink, |status| status.acknowledged_seq == seq).await;
    }
    std::fs::remove_dir(&oldest).unwrap();
    stream.ack(3).await;
    let status = status(&uplink, |status| status.acknowledged_seq == 3).await;
    assert_eq!(status.failures, 0);
    let segments = std::fs::read_dir(bench.directory.path()).unwrap().filter(|entry| {
        entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".segment")
    });
    assert_eq!(segments.count(), 1, "the newest, which remembers the number");
}

#[tokio::test]
async fn an_acknowledgement_of_what_was_never_sent_frees_nothing() {
    let (mut collector, endpoint) = Collector::in_process();
    let mut bench = bench(endpoint);
    bench.settings.max_unacknowledged_batches = 1;
    bench.append(3);
    let uplink = bench.start();
    let mut stream = collector.accept().await;
    stream.welcomed().await;
    stream.batch(1).await;
    stream.ack(u64::MAX).await;
    stream.batch(2).await;
    assert_eq!(status(&uplink, |status| status.acknowledged_seq > 0).await.acknowledged_seq, 1);
}

#[tokio::test]
async fn retry_is_honoured_not_sooner_than_asked() {
    let (mut collector, endpoint) = Collector::in_process();
    let bench = bench(endpoint);
    bench.append(2);
    let uplink = bench.start();
    let mut stream = collector.accept().await;
    stream.welcomed().await;
    stream.batch(1).await;
    let asked = Instant::now();
    stream.retry(Duration::from_millis(300), RetryReason::Storage).await;
    let mut stream = collector.accept().await;
    assert!(asked.elapsed() >= Duration::from_millis(300));
    stream.welcomed().await;
    stream.batch(1).await;
    stream.batch(2).await;
    stream.ack(2).await;
    assert_eq!(status(&uplink, |status| status.acknowledged_seq == 2).await.retries, 1);
}

#[tokio::test]
async fn a_refused_batch_is_counted_and_blocks_nothing() {
    let (mut collector, endpoint) = Collector::in_process();
    let bench = bench(endpoint);
    bench.append(2);
    let uplink = bench.start();
    let mut stream = collector.accept().await;
    stream.welcomed().await;
    stream.batch(1).await;
    stream.reject(1).await;
    stream.batch(2).await;
    stream.ack(2).await;
    assert_eq!(status(&uplink, |status| status.acknowledged_seq == 2).await.rejected_batches, 1);
}

#[tokio::test]
async fn what_the_size_cap_took_is_told() {
    let (mut collector, endpoint) = Collector::in_process();
    let bench = bench_with(endpoint, SpoolSettings { segment_bytes: 400, max_bytes: 1600 });
    bench.append(100);
    let lost = bench.spool.dropped();
    assert!(lost > 0);
    let uplink = bench.start();
    let mut stream = collector.accept().await;
    stream.welcomed().await;
    assert_eq!(stream.next().await, Received::Gap(1, lost, "size_cap".into()));
    stream.batch(lost + 1).await;
    stream.ack(lost + 1).await;
    let status = status(&uplink, |status| status.acknowledged_seq == lost + 1).await;
    assert_eq!(status.lost_batches, lost);
}

#[tokio::test]
async fn numbers_that_the_collector_has_already_are_not_used_again() {
    let (mut collector, endpoint) = Collector::in_process();
    let bench = bench(endpoint);
    let _uplink = bench.start();
    let mut stream = collector.accept().await;
    stream.hello().await;
    stream.welcome(&[("flows", 7), ("snapshots", 5)]).await;
    // The numbers that this disk knows nothing about are told as lost.
    assert_eq!(stream.next().await, Received::Gap(1, 7, "damaged".into()));
    assert_eq!(bench.spool.append("flows", b"batch").unwrap(), 8);
    stream.batch(8).await;
}

#[tokio::test]
async fn shutdown_sends_what_is_left_and_then_ends() {
    let (mut collector, endpoint) = Collector::in_process();
    let mut bench = bench(endpoint);
    bench.settings.flush_deadline = Duration::from_mins(1);
    bench.append(2);
    let uplink = bench.start();
    let mut stream = collector.accept().await;
    stream.welcomed().await;
    stream.batch(1).await;
    stream.batch(2).await;
    stream.ack(1).await;
    status(&uplink, |status| status.acknowledged_seq == 1).await;
    assert!(stream.is_silent(), "more may come until the shutdown");
    let finished = tokio::spawn(uplink.finish());
    // So that the collector does not wait for company to commit the last batch.
    stream.finished().await;
    stream.ack(2).await;
    eventually(finished).await.unwrap();
    assert_eq!(bench.spool.acknowledged(), 2);
}

#[tokio::test]
async fn what_is_appended_behind_the_end_of_the_stream_goes_into_another_one() {
    let (mut collector, endpoint) = Collector::in_process();
    let mut bench = bench(endpoint);
    bench.settings.flush_deadline = Duration::from_mins(1);
    bench.append(1);
    let finished = tokio::spawn(bench.start().finish());
    let mut stream = collector.accept().await;
    stream.welcomed().await;
    stream.batch(1).await;
    stream.finished().await;
    bench.append(1);
    stream.ack(1).await;
    // As a collector does when everything that it got is acknowledged.
    drop(stream);
    let mut stream = collector.accept().await;
    stream.welcomed().await;
    stream.batch(2).await;
    stream.finished().await;
    stream.ack(2).await;
    eventually(finished).await.unwrap();
    assert_eq!(bench.spool.acknowledged(), 2);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let (mut collector, endpoint) = Collector::in_process();
    let mut bench = bench(endpoint);
    bench.settings.flush_deadline = Duration::from_millis(50);
    bench.append(1);
    let finished = tokio::spawn(bench.start().finish());
    let mut stream = collector.accept().await;
    stream.hello().await;
    eventually(finished).await.unwrap();
    assert_eq!(bench.spool.read_after(0).unwrap().unwrap().last_seq(), 1);
}

#[tokio::test]
async fn a_batch_that_waits_too_long_makes_the_station_fall_behind() {
    let (mut collector, endpoint) = Collector::in_process();
    let mut bench = bench(endpoint);
    bench.settings.behind_after = Duration::from_millis(80);
    bench.append(1);
    let uplink = bench.start();
    let mut stream = collector.accept().await;
    stream.welcomed().await;
    stream.batch(1).await;
    status(&uplink, |status| status.behind).await;
    stream.ack(1).await;
    status(&uplink, |status| !status.behind).await;
}

#[tokio::test]
async fn rows_are_counted_that_reach_the_collector_after_the_end_began_and_those_that_do_not() {
    let (mut collector, endpoint) = Collector::in_process();
    let bench = bench(endpoint);
    let append = |rows: usize| {
        let mut batch = Batch::new(&STATIONS);
        for _ in 0..rows {
            let event = StationEvent { time: 0, event: Event::Ready, facts: Vec::new() };
            batch.push(event.into_row(&Station::default())).unwrap();
        }
        bench.spool.append(STATIONS.name, &trigpoint_wire::encode(&batch)).unwrap();
    };
    append(1);
    let uplink = bench.start();
    let mut stream = collector.accept().await;
    stream.welcomed().await;
    stream.batch(1).await;
    stream.ack(1).await;
    status(&uplink, |status| status.acknowledged_rows == 1).await;

    let remainder = Remainder::new(bench.spool.clone(), Some(uplink.status()));
    append(20);
    append(300);
    stream.batch(2).await;
    stream.ack(2).await;
    status(&uplink, |status| status.acknowledged_rows == 21).await;
    assert_eq!(remainder.flushed_rows(), 20);
    assert_eq!(remainder.unflushed_rows(), Some(300));
}
