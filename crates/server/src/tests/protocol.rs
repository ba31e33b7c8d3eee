//! What a client sees on the wire.

use std::iter;
use std::time::Duration;

use trigpoint_ndt7::Measurement;
use trigpoint_websocket::Opcode;

use super::Running;
use super::client::{Client, Frame};

const DOWNLOAD: &str = "/ndt/v7/download";
const UPLOAD: &str = "/ndt/v7/upload";
/// 1000, as a client answers the server's Close.
const CLOSE: [u8; 2] = [0x03, 0xe8];

fn of(opcode: Opcode, frames: &[Frame]) -> impl Iterator<Item = &Frame> {
    frames.iter().filter(move |frame| frame.opcode == opcode)
}

/// Payload bytes of the bulk's messages.
fn sizes(frames: &[Frame]) -> Vec<usize> {
    of(Opcode::Binary, frames).map(|frame| frame.payload.len()).collect()
}

#[tokio::test]
async fn a_download_grows_its_messages_measures_and_closes() {
    // Long enough that a busy machine, too, has something to measure.
    let station = Running::start_with(|settings| settings.test_duration = Duration::from_secs(2));
    let mut client = Client::test(station.ws, DOWNLOAD).await;
    let (code, reason, frames) = client.close().await;
    assert_eq!((code, reason.as_str()), (1000, "Done sending"));
    client.send_frame(true, Opcode::Close, &CLOSE).await;
    assert!(client.ended().await, "the server ends its side after the Close");

    let sizes = sizes(&frames);
    // Then it may have found that this machine has no time to be a fast line.
    let unmeasured = frames.iter().take_while(|frame| frame.opcode == Opcode::Binary).count();
    let grown = (0..6).flat_map(|doubled| iter::repeat_n((8 << 10) << doubled, 8));
    let grown = iter::repeat_n(8 << 10, 8).chain(grown);
    for (size, expected) in sizes[..unmeasured].iter().zip(grown) {
        assert_eq!(*size, expected, "{sizes:?}");
    }
    assert!(*sizes.iter().max().unwrap() <= 1 << 20, "never more than a mebibyte");

    // Each measurement is followed by a Ping with the time in nanoseconds.
    let texts: Vec<usize> =
        (0..frames.len()).filter(|i| frames[*i].opcode == Opcode::Text).collect();
    assert!(!texts.is_empty());
    for at in &texts {
        let ping = &frames[at + 1];
        assert_eq!(ping.opcode, Opcode::Ping);
        let time: i64 = std::str::from_utf8(&ping.payload).unwrap().parse().unwrap();
        assert!(time > 1_700_000_000_000_000_000, "{time}");
    }
    // The last one stands at the end of the test, and tells what arrived.
    let last = &frames[*texts.last().unwrap()];
    let last = Measurement::parse(std::str::from_utf8(&last.payload).unwrap()).unwrap();
    let tcp = last.tcp_info.unwrap();
    // A busy machine may be late, but not after the cap.
    assert!((2_000_000..7_000_000).contains(&tcp.elapsed_time), "{}", tcp.elapsed_time);
    let app = last.app_info.unwrap();
    let total: usize = sizes.iter().sum();
    assert!(app.num_bytes > 0 && app.num_bytes <= total as i64, "{app:?} of {total}");
    assert!(tcp.bytes_acked >= app.num_bytes, "what is not acknowledged does not count");
    let connection = last.connection_info.unwrap();
    assert!(connection.uuid.starts_with("host_1700000000_"), "{}", connection.uuid);
    drop(client);
    station.stop().await;
}

#[tokio::test]
async fn an_upload_is_measured_by_what_arrived() {
    let station = Running::start();
    let mut client = Client::test(station.ws, UPLOAD).await;
    let message = vec![0; 1 << 20];
    client.send_frame(true, Opcode::Binary, &message).await;
    // A fragmented message, with a Ping between its parts.
    client.send_frame(false, Opcode::Binary, &message[..1000]).await;
    client.send_frame(true, Opcode::Ping, b"are you there").await;
    client.send_frame(true, Opcode::Continuation, &message[..500]).await;
    let (code, _, frames) = client.close().await;
    assert_eq!(code, 1000);
    client.send_frame(true, Opcode::Close, &CLOSE).await;
    assert!(client.ended().await);
    assert_eq!(of(Opcode::Binary, &frames).count(), 0);
    assert_eq!(of(Opcode::Pong, &frames).next().unwrap().payload, b"are you there");
    let last = of(Opcode::Text, &frames).last().unwrap();
    let last = Measurement::parse(std::str::from_utf8(&last.payload).unwrap()).unwrap();
    assert_eq!(last.app_info.unwrap().num_bytes, (1 << 20) + 1500);
    assert!(last.tcp_info.unwrap().bytes_received > (1 << 20) + 1500);
    drop(client);
    station.stop().await;
}

#[tokio::test]
async fn an_early_exit_ends_the_download_at_its_size() {
    let station = Running::start_patient();
    let mut client = Client::test(station.ws, "/ndt/v7/download?early_exit=250").await;
    let (code, _, frames) = client.close().await;
    assert_eq!(code, 1000);
    let sizes = sizes(&frames);
    let total: usize = sizes.iter().sum();
    assert!((250_000_000..252_000_000).contains(&total), "{total}");
    assert!(sizes.len() > 60, "{sizes:?}");
    assert_eq!(*sizes.iter().max().unwrap(), 1 << 20, "never more than a mebibyte");
    drop(client);
    station.stop().await;
}

#[tokio::test]
async fn broken_frames_close_with_the_code_of_the_fault() {
    let station = Running::start_patient();
    let faults: &[(&[u8], u16)] = &[
        (&[0x82, 0x01, 0x00], 1002),                               // not masked
        (&[0xc2, 0x80, 0, 0, 0, 0], 1002),                         // reserved bit
        (&[0x83, 0x80, 0, 0, 0, 0], 1002),                         // reserved opcode
        (&[0x80, 0x80, 0, 0, 0, 0], 1002),                         // nothing to continue
        (&[0x89, 0xfe, 0, 126, 0, 0, 0, 0], 1002),                 // long Ping
        (&[0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0], 1009), // 16 MiB and a byte
        (&[0x81, 0x81, 0, 0, 0, 0, 0xff], 1007),                   // text that is not UTF-8
    ];
    for (bytes, expected) in faults {
        let mut client = Client::test(station.ws, UPLOAD).await;
        client.send(bytes).await;
        let (code, ..) = client.close().await;
        assert_eq!(code, *expected, "{bytes:?}");
    }
    station.stop().await;
}

#[tokio::test]
async fn a_message_of_fragments_may_be_no_larger_than_one_of_a_piece() {
    let station = Running::start_patient();
    let mut client = Client::test(station.ws, UPLOAD).await;
    let half = vec![0; 8 << 20];
    client.send_frame(false, Opcode::Binary, &half).await;
    client.send_frame(false, Opcode::Continuation, &half).await;
    // The byte too many: its header is enough.
    client.send(&[0x80, 0x81, 0, 0, 0, 0]).await;
    let (code, ..) = client.close().await;
    assert_eq!(code, 1009);
    drop(client);
    station.stop().await;
}

#[tokio::test]
async fn a_truncated_frame_and_a_vanished_client_end_their_own_test_only() {
    let station = Running::start();
    let mut half = Client::test(station.ws, UPLOAD).await;
    half.send(&[0x82, 0xff, 0, 0, 0]).await;
    drop(half);
    let mut whole = Client::test(station.ws, UPLOAD).await;
    let (code, ..) = whole.close().await;
    assert_eq!(code, 1000);
    drop(whole);
    station.stop().await;
}
