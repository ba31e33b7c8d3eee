//! The client against a small ndt7 server on loopback sockets.

mod responder;

use std::net::SocketAddr;
use std::sync::Arc;

use trigpoint_ndt7::Direction;
use trigpoint_websocket::CloseCode;

use super::*;
use responder::{Behaviour, MESSAGES, PING, SEEN, UPLOAD_BYTES, UUID};
use responder::{measurement, respond, self_signed};

fn settings(scheme: &str, address: SocketAddr) -> Settings {
    let url = format!("{scheme}://{address}");
    Settings::new(Target::parse(&url, false).expect("a URL"))
}

/// The message of a run of one direction that must fail.
async fn failure(direction: Direction, behaviours: &'static [Behaviour]) -> String {
    let (address, _served) = respond(behaviours, None).await;
    let mut settings = settings("ws", address);
    settings.skip_upload = direction == Direction::Download;
    settings.skip_download = direction == Direction::Upload;
    let failure = run(&settings, |_| {}).await.expect_err("a failure");
    assert_eq!(failure.direction, direction);
    failure.to_string()
}

fn check(summary: &Summary) {
    let download = summary.download.as_ref().expect("a download");
    assert_eq!(download.bytes, MESSAGES.iter().sum::<usize>() as u64);
    let seconds = download.elapsed_us as f64 / 1e6;
    let rate = download.bytes as f64 * 8.0 / seconds;
    assert!((download.bits_per_second / rate - 1.0).abs() < 1e-9);
    assert_eq!(download.uuid.as_deref(), Some(UUID));
    assert_eq!(download.min_rtt_us, Some(52));
    assert_eq!(download.retransmission, Some(0.01));
    assert_eq!(download.server_measurements, [measurement(0), measurement(1)]);

    let upload = summary.upload.as_ref().expect("an upload");
    assert!(upload.bytes >= UPLOAD_BYTES);
    assert_eq!(upload.elapsed_us, 500_000);
    assert!((upload.bits_per_second - upload.bytes as f64 * 16.0).abs() < 1e-3);
    assert_eq!(upload.uuid.as_deref(), Some(UUID));
    assert_eq!(upload.server_measurements, [measurement(0), measurement(upload.bytes)]);

    let client = summary.client.expect("what the server sees");
    assert_eq!(client.seen, SEEN.parse().expect("an address"));
    assert!(client.own.ip().is_loopback() && client.is_rewritten());
}

#[tokio::test]
async fn both_directions_over_ws() {
    let (address, served) = respond(&[Behaviour::Download, Behaviour::Upload], None).await;
    let mut last = Vec::new();
    let summary = run(&settings("ws", address), |progress| {
        last.retain(|p: &Progress| p.direction != progress.direction);
        last.push(progress);
    })
    .await
    .expect("a whole test");
    check(&summary);
    assert_eq!(last[0].bytes, summary.download.as_ref().map_or(0, |d| d.bytes));
    assert_eq!(last[1].bytes, summary.upload.as_ref().map_or(0, |u| u.bytes));

    let seen = served.await.expect("the responder");
    for (seen, path) in seen.iter().zip(["/ndt/v7/download?", "/ndt/v7/upload?"]) {
        let request = seen.request.to_lowercase();
        assert!(request.starts_with(&format!("get {path}client_name=trigpoint&")), "{request}");
        assert!(request.contains("\r\nsec-websocket-protocol: net.measurementlab.ndt.v7\r\n"));
        assert_eq!(seen.pongs, [PING]);
        let close = seen.close.as_ref().expect("a Close from the client");
        assert_eq!(close.code, CloseCode::NORMAL);
    }
    assert_eq!(seen[0].message_sizes, [0; 0]);
    assert_eq!(seen[1].message_sizes[..16], [8192; 16]);
    assert_eq!(seen[1].message_sizes[16..24], [16384; 8]);
}

#[tokio::test]
async fn a_token_is_shown_and_is_not_part_of_the_url() {
    let (address, served) = respond(&[Behaviour::Download], None).await;
    let settings = Settings {
        token: Some("a.good.one".to_owned()),
        skip_upload: true,
        ..settings("ws", address)
    };
    run(&settings, |_| {}).await.expect("a whole test");
    let request = &served.await.expect("the responder")[0].request;
    assert!(request.to_lowercase().contains("\r\nauthorization: bearer a.good.one\r\n"));
    assert!(!request.lines().next().expect("a request line").contains("a.good.one"));
}

#[tokio::test]
async fn both_directions_over_wss() {
    let (tls, pem) = self_signed();
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), pem).expect("the certificate");
    for insecure in [true, false] {
        let (address, served) =
            respond(&[Behaviour::Download, Behaviour::Upload], Some(Arc::clone(&tls))).await;
        let mut settings = settings("wss", address);
        settings.insecure = insecure;
        settings.cacert = (!insecure).then(|| file.path().to_owned());
        check(&run(&settings, |_| {}).await.expect("a whole test"));
        let seen = served.await.expect("the responder");
        assert!(seen.iter().all(|seen| seen.close.is_some() && seen.pongs == [PING]));
    }
}

#[tokio::test]
async fn an_unknown_certificate_is_refused_with_the_way_out() {
    let (tls, _) = self_signed();
    let (_, other) = self_signed();
    let (address, _served) = respond(&[Behaviour::Download], Some(tls)).await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), other).expect("the certificate");
    let mut settings = settings("wss", address);
    settings.cacert = Some(file.path().to_owned());
    let message = run(&settings, |_| {}).await.expect_err("an unknown issuer").to_string();
    assert!(message.contains("not trusted") && message.contains("--insecure"), "{message}");

    settings.cacert = Some("/nowhere/ca.pem".into());
    let message = run(&settings, |_| {}).await.expect_err("no such file").to_string();
    assert!(message.contains("/nowhere/ca.pem"), "{message}");
}

#[tokio::test]
async fn only_what_is_asked_for_is_run() {
    let (address, _served) = respond(&[Behaviour::Upload], None).await;
    let mut settings = settings("ws", address);
    settings.skip_download = true;
    let summary = run(&settings, |_| {}).await.expect("an upload");
    assert!(summary.download.is_none() && summary.upload.is_some());
}

#[tokio::test]
async fn a_failed_upload_keeps_the_download() {
    const BEHAVIOURS: &[Behaviour] = &[Behaviour::Download, Behaviour::Answer(BUSY)];
    let (address, _served) = respond(BEHAVIOURS, None).await;
    let failure = run(&settings("ws", address), |_| {}).await.expect_err("a busy server");
    assert_eq!(failure.direction, Direction::Upload);
    assert!(failure.completed.download.is_some());
    assert!(failure.to_string().contains("is busy, try again in 7 s"), "{failure}");
}

const BUSY: &str =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn answers_that_are_no_handshake_are_named() {
    let cases: [(&'static [Behaviour], &str); 3] = [
        (
            &[Behaviour::Answer("HTTP/1.1 404 Not Found\r\n\r\n")],
            "answered 404 Not Found to `/ndt/v7/download`",
        ),
        (
            &[Behaviour::Answer(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
            )],
            "Sec-WebSocket-Accept does not fit",
        ),
        (&[Behaviour::Answer("SSH-2.0-OpenSSH_9.2\r\n")], "open a WebSocket on `ws://127.0.0.1:"),
    ];
    for (behaviours, expected) in cases {
        let message = failure(Direction::Download, behaviours).await;
        assert!(message.contains(expected), "{message}");
    }
}

#[tokio::test]
async fn a_closed_port_is_named() {
    let (address, served) = respond(&[], None).await;
    served.await.expect("the responder is gone");
    let message = run(&settings("ws", address), |_| {}).await.expect_err("no server").to_string();
    assert!(message.contains(&format!("connect to `{address}`: ")));
    assert!(message.contains("refused"), "{message}");
}

const GIVES_UP: &[Behaviour] = &[Behaviour::CloseWith(CloseCode::INTERNAL_ERROR)];

#[tokio::test]
async fn a_download_needs_a_normal_close() {
    let message = failure(Direction::Download, &[Behaviour::CutOff]).await;
    assert!(message.contains("in the middle of the test, after 5000 bytes"), "{message}");
    let message = failure(Direction::Download, GIVES_UP).await;
    assert!(message.contains("code 1011"), "{message}");
}

#[tokio::test]
async fn an_upload_may_end_without_a_close_but_not_without_a_figure() {
    let (address, _served) =
        respond(&[Behaviour::UploadWithoutClose { measured: true }], None).await;
    let mut settings = settings("ws", address);
    settings.skip_download = true;
    let upload = run(&settings, |_| {}).await.expect("a measured upload").upload;
    assert!(upload.is_some_and(|upload| upload.bytes >= UPLOAD_BYTES));
    let message =
        failure(Direction::Upload, &[Behaviour::UploadWithoutClose { measured: false }]).await;
    assert!(message.contains("test failed: connection to") || message.contains("in the middle"));
}

#[tokio::test]
async fn a_server_that_breaks_the_protocol_is_told_so() {
    let (address, served) = respond(&[Behaviour::Raw(&[0x83, 0x00])], None).await;
    let failure = run(&settings("ws", address), |_| {}).await.expect_err("a reserved opcode");
    assert!(failure.to_string().contains("reserved opcode 0x3"), "{failure}");
    let seen = served.await.expect("the responder");
    let close = seen[0].close.as_ref().expect("a Close from the client");
    assert_eq!(close.code, CloseCode::PROTOCOL_ERROR);
}

/// Runs a download on a clock that jumps, from the first sign of progress on:
/// before, the clock must wait for the sockets.
async fn failure_on_paused_clock(behaviours: &'static [Behaviour]) -> (String, f64) {
    let (address, _served) = respond(behaviours, None).await;
    let mut elapsed = None;
    let failure = run(&settings("ws", address), |progress| {
        if elapsed.is_none() {
            tokio::time::pause();
        }
        elapsed = Some(progress.elapsed.as_secs_f64());
    })
    .await
    .expect_err("a time limit");
    (failure.to_string(), elapsed.unwrap_or_default())
}

#[tokio::test]
async fn a_silent_server_is_given_up_after_seven_seconds() {
    let (message, elapsed) = failure_on_paused_clock(&[Behaviour::Raw(b"")]).await;
    assert!(message.contains("stalled: no byte moved for 7 s"), "{message}");
    assert!((7.0..7.5).contains(&elapsed), "{elapsed}");
}

#[tokio::test]
async fn an_endless_test_is_given_up_after_fifteen_seconds() {
    let (message, elapsed) = failure_on_paused_clock(&[Behaviour::Endless]).await;
    assert!(message.contains("did not end the test within 15 s"), "{message}");
    assert!((15.0..15.5).contains(&elapsed), "{elapsed}");
}
