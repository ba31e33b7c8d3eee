//! Checks while a collector writes.

use std::sync::atomic::{AtomicBool, Ordering};

use trigpoint_record::Value;
use trigpoint_record::tables::{FLOWS, SNAPSHOTS, SPEED_TESTS};

use super::fixture::{Fixture, flow, snapshots, speed_test, unchanged};
use crate::check::snapshot::Snapshot;
use crate::check::{Check, Settings};

/// Batches of three tables, committed one table after the other, as fast as
/// they go.
async fn write(fixture: &Fixture, stop: &AtomicBool) {
    for test in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let name = format!("flow-{test:04}");
        let seq = test * 3 + 1;
        fixture.append(&SNAPSHOTS, "w", seq, snapshots(&name, 0..50, 0)).await;
        // The later batch goes first: for a moment the one before it is missing.
        fixture.append(&SPEED_TESTS, "w", seq + 2, speed_test(&name, 0)).await;
        fixture.append(&FLOWS, "w", seq + 1, flow(&name, 0)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_meanwhile_is_no_finding() {
    let fixture = Fixture::clean().await;
    let stop = AtomicBool::new(false);
    let checks = async {
        let mut rows = Vec::new();
        for _ in 0..5 {
            let report = fixture.lake().check(&Settings::default()).await.unwrap();
            assert!(report.is_clean(), "{:#?}", report.findings);
            rows.push(report.tables[0].rows);
        }
        stop.store(true, Ordering::Relaxed);
        rows
    };
    let ((), rows) = tokio::join!(write(&fixture, &stop), checks);
    assert!(rows.is_sorted() && rows[0] < rows[4], "{rows:?}");
}

/// A batch that has not come when the check begins, and comes while it waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_on_its_way_is_waited_for() {
    let fixture = Fixture::clean().await;
    let rows: Vec<Vec<Value>> = snapshots("flow-d", 0..2, 0);
    fixture.append(&SNAPSHOTS, "d", 1, rows).await;
    fixture.append(&SPEED_TESTS, "d", 3, speed_test("flow-d", 0)).await;
    let lake = fixture.lake();
    let settings = Settings::default();
    let mut check = Box::pin(lake.check(&settings));
    let early = tokio::time::timeout(std::time::Duration::from_millis(1500), &mut check).await;
    assert!(early.is_err(), "it waits: {early:?}");
    fixture.append(&FLOWS, "d", 2, flow("flow-d", 0)).await;
    let report = check.await.unwrap();
    assert!(report.is_clean(), "{:#?}", report.findings);
}

/// Compaction and vacuum between the look at the log and that at the files.
#[tokio::test]
async fn a_file_that_is_replaced_and_deleted_meanwhile_is_no_finding() {
    let fixture = Fixture::clean().await;
    let lake = fixture.lake();
    let mut check = Check::new(&lake);
    let snapshot = Snapshot::take(&mut check, &SNAPSHOTS).await.unwrap().unwrap();
    let replaced = fixture.file("snapshots", 0);
    fixture.rewrite("snapshots", Clone::clone, unchanged);
    std::fs::remove_file(fixture.path(&replaced)).unwrap();
    assert!(check.check_table(snapshot).await.unwrap(), "all batches are known");
    assert!(check.report.is_clean(), "{:#?}", check.report.findings);
    assert_eq!(check.report.tables[0].rows, 15);
}
