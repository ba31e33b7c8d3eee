//! Batches that are nowhere, and good reasons for that.

use std::fs;

use arrow::array::{AsArray as _, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Int64Type;
use bytes::Bytes;
use serde_json::json;
use trigpoint_record::tables::{FLOWS, SNAPSHOTS, STATIONS};

use super::fixture::{DAY, Fixture, flow, gap, snapshots, unchanged};
use crate::check::FindingKind;
use crate::testing::{MIDNIGHT, sent};
use crate::{Group, Rows};

#[tokio::test]
async fn a_batch_that_no_table_has_is_missing() {
    let fixture = Fixture::clean().await;
    fixture.append(&SNAPSHOTS, "d", 1, snapshots("flow-d", 0..2, 0)).await;
    fixture.append(&SNAPSHOTS, "d", 4, snapshots("flow-d", 2..4, 0)).await;
    fixture.append(&FLOWS, "d", 5, flow("flow-d", 0)).await;
    let (object, detail) = fixture.one(FindingKind::MissingBatches).await;
    assert_eq!(object, "spool d");
    assert!(detail.starts_with("2 batches are ") && detail.ends_with(": 2 to 3"), "{detail}");
}

#[tokio::test]
async fn the_first_and_the_last_batches_can_be_missing_too() {
    let fixture = Fixture::clean().await;
    fixture.append(&SNAPSHOTS, "d", 2, snapshots("flow-d", 0..2, 0)).await;
    fixture.mark(&FLOWS, "d", 3).await;
    let (_, detail) = fixture.one(FindingKind::MissingBatches).await;
    assert!(detail.ends_with(": 1, 3"), "{detail}");
}

/// Two batches in one file, and one of them is cut out of it by hand.
#[tokio::test]
async fn a_batch_that_is_cut_out_of_a_file_is_missing() {
    let fixture = Fixture::empty();
    let batch = |seq, n| {
        let (count, columns) = sent(&SNAPSHOTS, snapshots("flow-d", n, 0));
        Rows::convert(&SNAPSHOTS, "d", seq, count, columns).unwrap()
    };
    let rows = vec![batch(1, 0..3), batch(2, 3..5), batch(3, 5..6)];
    let group = Group { app_id: "local/d".to_owned(), last_seq: 3, rows };
    fixture.lake().append(&SNAPSHOTS, vec![group]).await.unwrap();
    assert!(fixture.check().await.is_clean());
    let without = |rows: &RecordBatch| {
        let seqs = rows["batch_seq"].as_primitive::<Int64Type>();
        let keep: BooleanArray = seqs.iter().map(|seq| Some(seq != Some(2))).collect();
        filter_record_batch(rows, &keep).unwrap()
    };
    fixture.rewrite("snapshots", without, |_, stats| {
        stats.as_object_mut().unwrap().remove("nullCount");
    });
    let (_, detail) = fixture.one(FindingKind::MissingBatches).await;
    assert!(detail.ends_with(": 2"), "{detail}");
}

#[tokio::test]
async fn a_gap_row_or_a_batch_in_quarantine_is_not_missing() {
    let fixture = Fixture::clean().await;
    fixture.append(&SNAPSHOTS, "d", 9, snapshots("flow-d", 0..2, 0)).await;
    fixture.append(&STATIONS, "d", 3, gap(1, 3)).await;
    fixture.append(&STATIONS, "d", 6, gap(2, 6)).await;
    for seq in [7, 8] {
        let payload = Bytes::from_static(b"nonsense");
        fixture.lake().quarantine("account/d", seq, "flows", payload).await.unwrap();
    }
    let report = fixture.check().await;
    assert!(report.is_clean(), "{:#?}", report.findings);
    assert_eq!(report.batches.recorded_lost, 3 + 6);

    fs::remove_dir_all(fixture.path("quarantine/flows")).unwrap();
    let (_, detail) = fixture.one(FindingKind::MissingBatches).await;
    assert!(detail.ends_with(": 7 to 8"), "{detail}");
}

/// A gap row is written by hand here; one with absurd numbers costs nothing.
#[tokio::test]
async fn a_gap_may_be_as_long_as_its_numbers_allow() {
    let fixture = Fixture::empty();
    fixture.append(&STATIONS, "d", 5, gap(1, i64::MAX as u64)).await;
    let report = fixture.check().await;
    assert!(report.is_clean(), "{:#?}", report.findings);
    assert_eq!(report.batches.recorded_lost, i64::MAX as u64);
}

#[tokio::test]
async fn rows_above_their_marker_are_found() {
    let fixture = Fixture::clean().await;
    let raised = |rows: &RecordBatch| {
        let mut columns = rows.columns().to_vec();
        let (at, _) = rows.schema().column_with_name("batch_seq").unwrap();
        let seq = arrow::array::Int64Array::from(vec![Some(11); rows.num_rows()]);
        columns[at] = std::sync::Arc::new(seq);
        RecordBatch::try_new(rows.schema(), columns).unwrap()
    };
    // Its own batch is in a gap row now.
    fixture.append(&STATIONS, "a", 10, gap(1, 1)).await;
    fixture.rewrite("snapshots", raised, unchanged);
    let (object, detail) = fixture.one(FindingKind::AboveMarker).await;
    assert_eq!(object, "snapshots spool a");
    assert_eq!(detail, "rows up to batch 11, the marker is 5");
}

#[tokio::test]
async fn young_rows_without_any_marker_are_found_and_old_ones_are_not() {
    let today = (chrono::Utc::now().timestamp_micros() - MIDNIGHT) / DAY;
    for (day, is_found) in [(today, true), (today - 400, false)] {
        let fixture = Fixture::empty();
        fixture.append(&SNAPSHOTS, "d", 1, snapshots("flow-d", 0..2, day)).await;
        // The marker is forgotten by hand.
        let commit = fixture.commits("snapshots").pop().unwrap();
        let text = fs::read_to_string(&commit).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains("\"txn\"")).collect();
        fs::write(commit, lines.join("\n")).unwrap();
        if is_found {
            let (_, detail) = fixture.one(FindingKind::AboveMarker).await;
            assert_eq!(detail, "rows up to batch 1, and no marker");
        } else {
            assert!(fixture.check().await.is_clean());
        }
    }
}

/// Retention takes whole dates away and says so in the table's properties.
#[tokio::test]
async fn batches_of_dates_that_were_retained_away_are_not_missing() {
    let fixture = Fixture::empty();
    for seq in 1..=6 {
        let flow = format!("flow-{seq}");
        fixture.append(&SNAPSHOTS, "d", seq, snapshots(&flow, 0..2, seq as i64)).await;
    }
    let take_away = |numbers: &[usize]| {
        let now = chrono::Utc::now().timestamp_millis();
        let actions: Vec<_> = numbers
            .iter()
            .map(|number| fixture.adds("snapshots").swap_remove(*number)["path"].clone())
            .map(|path| json!({"remove": {"path": path, "dataChange": true, "deletionTimestamp": now}}))
            .collect();
        fixture.commit("snapshots", &actions);
    };
    take_away(&[0, 1]);
    let (_, detail) = fixture.one(FindingKind::MissingBatches).await;
    assert!(detail.ends_with(": 1 to 2"), "{detail}");

    // Batch 3 is of 2026-11-27: the first date that is whole.
    let first = fs::read_to_string(&fixture.commits("snapshots")[0]).unwrap();
    let metadata = first.lines().find(|line| line.contains("metaData")).unwrap();
    let mut metadata: serde_json::Value = serde_json::from_str(metadata).unwrap();
    metadata["metaData"]["configuration"]["trigpoint.retainedBefore"] = "2026-11-27".into();
    fixture.commit("snapshots", &[metadata]);
    let report = fixture.check().await;
    assert!(report.is_clean(), "{:#?}", report.findings);
    assert_eq!(report.tables[0].retained_before.as_deref(), Some("2026-11-27"));

    // What came after the first batch of a later date has no such excuse.
    take_away(&[4]);
    let (_, detail) = fixture.one(FindingKind::MissingBatches).await;
    assert!(detail.ends_with(": 5"), "{detail}");
}
