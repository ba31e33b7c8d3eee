//! Clients that make it hard to end well.

use trigpoint_process::Phase;
use trigpoint_websocket::{Opcode, encode_frame};

use super::Running;
use super::client::Client;
use super::rows::texts;

/// Reading such messages takes longer than sending them, so there is always
/// something to read.
fn tiny_messages() -> Vec<u8> {
    encode_frame(Opcode::Binary, b"tiny", Some([0; 4])).repeat(10_000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_tiny_messages_holds_up_neither_measurements_nor_the_close() {
    let station = Running::start();
    let mut client = Client::test(station.ws, "/ndt/v7/upload").await;
    client.flood(&tiny_messages(), true).await;
    let (code, _, before) = client.close().await;
    assert_eq!(code, 1000);
    assert!(before.iter().any(|frame| frame.opcode == Opcode::Text));
    drop(client);
    let (spool, _directory) = station.stop().await;
    assert_eq!(texts(&spool, "speed_tests", "end_reason"), ["completed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_without_end_is_cut_off() {
    let station = Running::start();
    let mut client = Client::test(station.ws, "/ndt/v7/upload").await;
    client.flood(&tiny_messages(), false).await;
    drop(client);
    let (spool, _directory) = station.stop().await;
    assert_eq!(texts(&spool, "speed_tests", "end_reason"), ["timed_out"]);
}

#[tokio::test]
async fn a_client_that_never_closes_leaves_a_row_when_the_station_must_end() {
    let station = Running::start();
    let mut closed = Client::test(station.ws, "/ndt/v7/upload").await;
    assert_eq!(closed.close().await.0, 1000);
    let mut cut_off = Client::test(station.ws, "/ndt/v7/download").await;
    station.shutdown.advance(Phase::Flushing);
    assert_eq!(cut_off.close().await.0, 1001);
    let (spool, _directory) = station.stop().await;
    let reasons = texts(&spool, "speed_tests", "end_reason");
    assert_eq!(reasons, ["station_stopped", "station_stopped"]);
    drop((closed, cut_off));
}
