//! What reaches the spool.

use std::collections::BTreeMap;
use std::time::Duration;

use trigpoint_record::Values;
use trigpoint_spool::{Entry, Spool};
use trigpoint_websocket::Opcode;

use super::Running;
use super::client::Client;

/// Rows by table, and the texts of one column.
fn rows(spool: &Spool) -> BTreeMap<String, usize> {
    let mut rows = BTreeMap::new();
    for_each(spool, |table, payload| {
        let known = trigpoint_record::table(table).unwrap();
        let schema = trigpoint_wire::schema(known);
        let columns =
            trigpoint_wire::decode(payload, &schema.columns, &trigpoint_wire::Limits::default())
                .unwrap();
        *rows.entry(table.to_owned()).or_default() += columns.rows;
    });
    rows
}

pub(super) fn texts(spool: &Spool, wanted: &str, column: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for_each(spool, |table, payload| {
        if table != wanted {
            return;
        }
        let schema = trigpoint_wire::schema(trigpoint_record::table(table).unwrap());
        let columns =
            trigpoint_wire::decode(payload, &schema.columns, &trigpoint_wire::Limits::default())
                .unwrap();
        for (description, array) in columns.columns {
            if description.name == column
                && let Values::Text(values) = array.values
            {
                texts.extend(values);
            }
        }
    });
    texts
}

fn for_each(spool: &Spool, mut see: impl FnMut(&str, &[u8])) {
    let mut seq = 0;
    while let Some(entry) = spool.read_after(seq).unwrap() {
        seq = entry.last_seq();
        if let Entry::Batch { table, payload, .. } = &entry {
            see(table, payload);
        }
    }
}

#[tokio::test]
async fn a_test_leaves_its_row_its_flow_and_its_snapshots() {
    // A measurement goes out 0.6 s after the start at the latest, and changes the
    // socket's counters for all polls behind it. In a shorter test it may be the
    // last one, and the socket gone before the next poll.
    let station = Running::start_with(|settings| settings.test_duration = Duration::from_secs(2));
    let mut client = Client::test(station.ws, "/ndt/v7/upload?client_name=rows").await;
    client.send_frame(true, Opcode::Text, br#"{"AppInfo":{"ElapsedTime":5,"NumBytes":7}}"#).await;
    client.close().await;
    client.send_frame(true, Opcode::Close, &[0x03, 0xe8]).await;
    assert!(client.ended().await);
    drop(client);
    let (spool, _directory) = station.stop().await;

    let rows = rows(&spool);
    assert_eq!(rows["speed_tests"], 1);
    assert_eq!(rows["flows"], 1);
    assert!(rows["snapshots"] > 1, "{rows:?}");
    assert!(rows["stations"] >= 5, "{rows:?}");
    assert_eq!(texts(&spool, "speed_tests", "end_reason"), ["completed"]);
    assert_eq!(texts(&spool, "speed_tests", "client_name"), ["rows"]);
    assert_eq!(texts(&spool, "flows", "belonged_to"), ["test"]);
    assert_eq!(texts(&spool, "flows", "final_from"), ["destroy"]);
    assert_eq!(texts(&spool, "speed_tests", "flow_id"), texts(&spool, "flows", "flow_id"));
}

#[tokio::test]
async fn why_a_test_ended_is_in_its_row() {
    let station = Running::start_patient();
    let mut closing = Client::test(station.ws, "/ndt/v7/upload").await;
    closing.send_frame(true, Opcode::Close, &[0x03, 0xe8]).await;
    assert_eq!(closing.close().await.0, 1000, "a Close is answered");
    let mut breaking = Client::test(station.ws, "/ndt/v7/upload").await;
    breaking.send(&[0xff; 20]).await;
    breaking.close().await;
    drop((closing, breaking));
    let (spool, _directory) = station.stop().await;
    let mut reasons = texts(&spool, "speed_tests", "end_reason");
    reasons.sort();
    assert_eq!(reasons, ["client_closed", "protocol_error"]);
}

#[tokio::test]
async fn a_test_that_has_ended_by_itself_is_not_cut_off_by_the_drain() {
    let station = Running::start();
    let mut whole = Client::test(station.ws, "/ndt/v7/upload").await;
    whole.close().await;
    drop(whole);
    let (spool, _directory) = station.stop().await;
    assert_eq!(texts(&spool, "speed_tests", "end_reason"), ["completed"]);
}
