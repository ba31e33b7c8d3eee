//! Rows that are where they must not be.

use arrow::array::{RecordBatch, UInt64Array};
use arrow::compute::take_record_batch;
use serde_json::json;
use trigpoint_record::tables::{SNAPSHOTS, SPEED_TESTS, STATIONS};

use super::fixture::{Fixture, event, gap, snapshots, speed_test, unchanged};
use crate::check::FindingKind;
use crate::check::keys::{Hashes, Keys};

fn reversed(rows: &RecordBatch) -> RecordBatch {
    let order: UInt64Array = (0..rows.num_rows() as u64).rev().collect();
    take_record_batch(rows, &order).unwrap()
}

#[tokio::test]
async fn a_file_that_is_out_of_order_is_found() {
    let fixture = Fixture::clean().await;
    let name = fixture.rewrite("snapshots", reversed, unchanged);
    let (object, detail) = fixture.one(FindingKind::SortOrder).await;
    assert_eq!(object, name);
    assert!(detail.contains("row 1 ") && detail.contains("flow_id, n"), "{detail}");
}

#[tokio::test]
async fn rows_in_the_partition_of_another_date_are_found() {
    let fixture = Fixture::clean().await;
    let name = fixture.rewrite("snapshots", Clone::clone, |add, _| {
        add["partitionValues"]["date"] = "2026-11-23".into();
        add["path"] = "date=2026-11-23/part-moved.zstd.parquet".into();
    });
    let (object, detail) = fixture.one(FindingKind::Partition).await;
    assert_eq!((object, detail.as_str()), (name, "5 of 5 rows are not of 2026-11-23"));
}

#[tokio::test]
async fn a_batch_that_is_stored_twice_is_found_in_both_files() {
    let fixture = Fixture::clean().await;
    let mut add = fixture.adds("snapshots").swap_remove(0);
    let first = fixture.file("snapshots", 0);
    let second = first.replace("part-", "part-again-");
    std::fs::copy(fixture.path(&first), fixture.path(&second)).unwrap();
    add["path"] = second.strip_prefix("snapshots/").unwrap().into();
    fixture.commit("snapshots", &[json!({ "add": add })]);
    let (object, detail) = fixture.one(FindingKind::DuplicateKeys).await;
    assert_eq!(object, "snapshots/date=2026-11-24");
    assert!(
        detail.starts_with("5 keys (flow_id, n)") && detail.contains("(flow-a, 0)"),
        "{detail}"
    );
    assert!(detail.contains(&first) && detail.contains(&second), "{detail}");
}

#[tokio::test]
async fn a_key_that_stands_twice_in_one_file_is_found() {
    let fixture = Fixture::clean().await;
    let rows = [snapshots("flow-d", 0..3, 0), snapshots("flow-d", 2..4, 0)].concat();
    fixture.append(&SNAPSHOTS, "d", 1, rows).await;
    let (_, detail) = fixture.one(FindingKind::DuplicateKeys).await;
    assert!(detail.starts_with("1 keys") && detail.contains("(flow-d, 2) in 2 rows"), "{detail}");
}

#[tokio::test]
async fn a_test_has_one_row_for_each_direction_whatever_its_flow() {
    let fixture = Fixture::clean().await;
    fixture.append(&SPEED_TESTS, "d", 1, speed_test("flow-a", 0)).await;
    let (_, detail) = fixture.one(FindingKind::DuplicateKeys).await;
    assert!(detail.contains("(test_id, direction)"), "{detail}");
}

#[tokio::test]
async fn events_of_different_batches_are_never_the_same() {
    use trigpoint_record::tables::stations::Event;
    let fixture = Fixture::clean().await;
    fixture.append(&STATIONS, "d", 1, event(Event::Ready, 0)).await;
    fixture.append(&STATIONS, "d", 2, event(Event::Ready, 0)).await;
    assert!(fixture.check().await.is_clean());
    let rows = [gap(3, 3), gap(3, 3)].concat();
    fixture.append(&STATIONS, "d", 3, rows).await;
    fixture.one(FindingKind::DuplicateKeys).await;
}

/// A date with too many rows for the memory is looked at in parts.
#[tokio::test]
async fn every_part_of_the_keys_finds_its_own() {
    let keys: Vec<i64> = (0..3000).chain([5, 77, 2999]).collect();
    let values: arrow::array::ArrayRef = std::sync::Arc::new(arrow::array::Int64Array::from(keys));
    let batch = RecordBatch::try_from_iter([("n", values)]).unwrap();
    let mut repeated = Vec::new();
    for part in 0..4 {
        let mut hashes = Hashes::new(vec!["n"], part, 4);
        hashes.take(&batch).unwrap();
        repeated.push(hashes.repeated());
    }
    let suspects: std::collections::HashSet<u64> = repeated.iter().flatten().copied().collect();
    assert_eq!(suspects.len(), 3);
    let mut keys = Keys::new(vec!["n"], suspects);
    keys.take(&batch, "file").unwrap();
    assert!(keys.describe().unwrap().starts_with("3 keys (n)"));
}
