//! What no honest station sends ends one stream, and nothing else.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::Code;
use trigpoint_record::tables::{SNAPSHOTS, SPEED_TESTS};
use trigpoint_wire::encode;

use crate::{
    Settings,
    testing::{Fixture, Station, distinct, hello, quick},
};

/// The test of every test here: the collector lives.
async fn lives(fixture: &Fixture) {
    let mut station = fixture.station("healthy").await;
    station.rows(1, &SPEED_TESTS, 1).await;
    station.acknowledged(1).await;
    assert_eq!(fixture.number("SELECT count(*) FROM speed_tests").await, 1);
}

#[tokio::test]
async fn a_poison_batch_does_not_block_its_spool() {
    let fixture = Fixture::new(quick()).await;
    let mut station = fixture.station("spool").await;
    let mut timeless = distinct(&SNAPSHOTS, 4, 1);
    for (column, array) in SNAPSHOTS.columns.iter().zip(&mut timeless.columns) {
        if column.name.ends_with("_time") {
            *array = trigpoint_record::Array::new(column.kind);
            array.push_null();
        }
    }
    let garbage = b"garbage".to_vec();
    station.rows(1, &SNAPSHOTS, 1).await;
    station.batch(2, "snapshots", garbage.clone()).await;
    station.batch(3, "flows", garbage.clone()).await;
    station.batch(4, "snapshots", encode(&timeless)).await;
    station.rows(5, &SNAPSHOTS, 0).await;
    station.rows(6, &SNAPSHOTS, 1).await;
    let rejects = station.acknowledged(6).await;
    let rejected: Vec<_> = rejects.iter().map(|reject| (reject.seq, &*reject.code)).collect();
    assert_eq!(rejected, [(2, "undecodable"), (3, "undecodable"), (4, "unfit"), (5, "empty")]);
    assert_eq!(fixture.rows("snapshots").await, (2, 2));
    assert_eq!(fixture.metric("trigpoint_collector_rejected_batches_total"), 4);

    let kept = files(fixture.path("quarantine"));
    assert_eq!(kept.len(), 4);
    assert_eq!(kept.iter().filter(|path| std::fs::read(path).unwrap() == garbage).count(), 2);

    let report = fixture.lake.check(&trigpoint_lake::check::Settings::default()).await.unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!((report.batches.stored, report.batches.quarantined), (2, 4));

    // The markers stand behind it: nothing of it comes back.
    let (mut again, committed) = fixture.welcomed("spool").await;
    assert_eq!(committed, 6);
    again.batch(2, "snapshots", garbage).await;
    assert!(again.acknowledged(2).await.is_empty());
}

fn files(directory: std::path::PathBuf) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(path) } else { vec![path] }).collect()
}

/// An HTTP/2 preface with settings, and what may come behind it.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

#[tokio::test]
async fn garbage_on_the_port_leaves_the_collector_alive() {
    let fixture = Fixture::new(quick()).await;
    let random: Vec<u8> =
        (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let huge_frame = [PREFACE, &[0xff; 4096]].concat();
    let garbage: [&[u8]; 6] = [
        b"\0",
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        &random,
        PREFACE,
        &huge_frame,
    ];
    for bytes in garbage {
        let mut connection = TcpStream::connect(fixture.address).await.unwrap();
        // The server may close while it is being written to.
        let _ = connection.write_all(bytes).await;
        let _ = connection.shutdown().await;
        let mut answer = Vec::new();
        let ended = connection.read_to_end(&mut answer);
        let ended = tokio::time::timeout(Duration::from_secs(30), ended).await;
        assert!(ended.is_ok(), "{:?}… keeps its connection", &bytes[..bytes.len().min(20)]);
    }
    lives(&fixture).await;
}

#[tokio::test]
async fn hostile_messages_end_their_stream_with_a_status() {
    let fixture = Fixture::new(quick()).await;
    let too_large = vec![0; 5 << 20];
    let mut station = fixture.station("large").await;
    station.batch(1, "snapshots", too_large).await;
    assert_eq!(station.refused().await.code(), Code::OutOfRange);

    for seq in [0, u64::MAX] {
        let mut station = fixture.station("numbers").await;
        station.rows(seq, &SNAPSHOTS, 1).await;
        assert_eq!(station.refused().await.code(), Code::InvalidArgument);
    }
    let mut station = fixture.station("gap").await;
    station.gap(1, u64::MAX).await;
    assert_eq!(station.refused().await.code(), Code::InvalidArgument);

    let mut station = fixture.station("twice").await;
    station.hello(hello("twice")).await;
    assert_eq!(station.refused().await.code(), Code::InvalidArgument);

    for spool_id in ["", "../../etc", &"x".repeat(65)] {
        let mut station = Station::connect(fixture.channel().await, None).await.unwrap();
        station.hello(hello(spool_id)).await;
        assert_eq!(station.refused().await.code(), Code::InvalidArgument);
    }
    let mut station = Station::connect(fixture.channel().await, None).await.unwrap();
    station.rows(1, &SNAPSHOTS, 1).await;
    assert_eq!(station.refused().await.code(), Code::InvalidArgument);
    lives(&fixture).await;
}

/// A gRPC message that says to be 4 GiB long, by hand: no client would.
#[tokio::test]
async fn a_hostile_length_ends_its_stream_with_a_status() {
    let fixture = Fixture::new(quick()).await;
    let mut connection = TcpStream::connect(fixture.address).await.unwrap();
    // Literal header fields without indexing (RFC 7541, section 6.2.2).
    let mut headers = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/trigpoint.ingest.v1.Ingest/Stream"),
        (":authority", "collector"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ] {
        headers.push(0);
        for text in [name, value] {
            headers.push(text.len() as u8);
            headers.extend_from_slice(text.as_bytes());
        }
    }
    let frame = |kind: u8, flags: u8, payload: &[u8]| {
        let length = (payload.len() as u32).to_be_bytes();
        [&length[1..], &[kind, flags], &1_u32.to_be_bytes(), payload].concat()
    };
    // Not compressed, 0xffff_ffff bytes, and the first of them.
    let message = [0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3];
    let request = [PREFACE, &frame(1, 4, &headers), &frame(0, 0, &message)].concat();
    connection.write_all(&request).await.unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    // grpc-status stands in the trailers as it is, or Huffman coded; the frame
    // that ends the stream is HEADERS with END_STREAM and END_HEADERS.
    let trailers = |answer: &[u8]| answer.windows(6).any(|part| part == [1, 5, 0, 0, 0, 1]);
    while !trailers(&answer) {
        let read = tokio::time::timeout(Duration::from_secs(30), connection.read(&mut buffer));
        let read = read.await.expect("the stream ends within 30 s").unwrap();
        assert_ne!(read, 0, "the stream ended without a status");
        answer.extend_from_slice(&buffer[..read]);
    }
    lives(&fixture).await;
}

#[tokio::test]
async fn a_silent_stream_is_ended() {
    let hello_within = Duration::from_millis(50);
    let fixture = Fixture::new(Settings { hello_within, ..quick() }).await;
    let mut station = Station::connect(fixture.channel().await, None).await.unwrap();
    assert_eq!(station.refused().await.code(), Code::DeadlineExceeded);
    lives(&fixture).await;
}
