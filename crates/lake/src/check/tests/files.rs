//! Data files that are not what the log says.

use std::fs;

use serde_json::Value as Json;
use trigpoint_record::tables::FLOWS;

use super::fixture::{Fixture, flow, unchanged};
use crate::check::FindingKind;

#[tokio::test]
async fn a_lake_with_gaps_and_quarantine_is_clean() {
    let fixture = Fixture::clean().await;
    let report = fixture.check().await;
    assert!(report.is_clean(), "{:#?}", report.findings);
    assert_eq!(report.not_judged, Vec::<String>::new());
    let tables: Vec<_> =
        report.tables.iter().map(|table| (table.name, table.files, table.rows)).collect();
    let expected =
        [("snapshots", 4, 15), ("flows", 1, 1), ("speed_tests", 2, 2), ("stations", 3, 3)];
    assert_eq!(tables, expected);
    assert!(report.tables.iter().all(|table| table.bytes > 0 && table.orphans.is_empty()));
    let batches = report.batches;
    assert_eq!((batches.spools, batches.stored), (3, 10));
    assert_eq!((batches.recorded_lost, batches.quarantined), (3, 1));
    assert_eq!(report.tables[0].quarantined, 1);
}

#[tokio::test]
async fn an_empty_lake_is_clean() {
    let report = Fixture::empty().check().await;
    assert!(report.is_clean() && report.tables.is_empty());
}

#[tokio::test]
async fn a_deleted_file_is_missing() {
    let fixture = Fixture::clean().await;
    let name = fixture.file("snapshots", 1);
    fs::remove_file(fixture.path(&name)).unwrap();
    assert_eq!(fixture.one(FindingKind::MissingFile).await.0, name);
    let not_judged = fixture.check().await.not_judged;
    assert!(not_judged[0].contains("batches are missing"), "{not_judged:?}");
}

#[tokio::test]
async fn a_truncated_file_is_unreadable() {
    for keep in [0, 3, 300, 2000] {
        let fixture = Fixture::clean().await;
        let name = fixture.file("snapshots", 0);
        let bytes = fs::read(fixture.path(&name)).unwrap();
        fs::write(fixture.path(&name), &bytes[..keep]).unwrap();
        let (object, detail) = fixture.one(FindingKind::UnreadableFile).await;
        assert_eq!(object, name);
        assert!(
            detail.contains(&format!("{keep} bytes, the log says {}", bytes.len())),
            "{detail}"
        );
    }
}

#[tokio::test]
async fn a_file_with_flipped_bytes_is_unreadable() {
    let fixture = Fixture::clean().await;
    let name = fixture.file("flows", 0);
    let mut bytes = fs::read(fixture.path(&name)).unwrap();
    let middle = bytes.len() / 4..bytes.len() / 2;
    bytes[middle].iter_mut().for_each(|byte| *byte = !*byte);
    fs::write(fixture.path(&name), bytes).unwrap();
    assert_eq!(fixture.one(FindingKind::UnreadableFile).await.0, name);
}

/// Not every flipped bit can be told from another value, but none may end the
/// check, or spoil what it says of other files.
#[tokio::test]
async fn a_flipped_byte_anywhere_is_about_that_file_alone() {
    let fixture = Fixture::empty();
    fixture.append(&FLOWS, "a", 1, flow("flow-a", 0)).await;
    fixture.append(&FLOWS, "a", 2, flow("flow-b", 0)).await;
    let name = fixture.file("flows", 0);
    let whole = fs::read(fixture.path(&name)).unwrap();
    let mut found = 0;
    let positions: Vec<usize> = (0..whole.len()).step_by(whole.len() / 60).collect();
    for position in &positions {
        let mut bytes = whole.clone();
        bytes[*position] ^= 0xff;
        fs::write(fixture.path(&name), bytes).unwrap();
        let report = fixture.check().await;
        found += usize::from(!report.is_clean());
        let others = report.findings.iter().filter(|finding| match finding.kind {
            // A spool or sequence number that was hit is another one.
            FindingKind::AboveMarker | FindingKind::MissingBatches => false,
            _ => finding.object != name,
        });
        assert_eq!(others.count(), 0, "{:#?} at {position}", report.findings);
    }
    assert!(found > positions.len() / 2, "{found} of {}", positions.len());
}

#[tokio::test]
async fn a_size_that_the_log_has_wrong_is_found() {
    let fixture = Fixture::clean().await;
    let name = fixture.rewrite("snapshots", Clone::clone, |add, _| {
        add["size"] = (add["size"].as_u64().unwrap() + 1).into();
    });
    assert_eq!(fixture.one(FindingKind::FileSize).await.0, name);
}

#[tokio::test]
async fn a_row_count_that_the_log_has_wrong_is_found() {
    let fixture = Fixture::clean().await;
    let name =
        fixture.rewrite("snapshots", Clone::clone, |_, stats| stats["numRecords"] = 4.into());
    let (object, detail) = fixture.one(FindingKind::RowCount).await;
    assert_eq!((object, detail.as_str()), (name, "5 rows, the log says 4"));
}

#[tokio::test]
async fn a_file_that_was_written_again_as_it_was_is_clean() {
    let fixture = Fixture::clean().await;
    fixture.rewrite("snapshots", Clone::clone, unchanged);
    let report = fixture.check().await;
    assert!(report.is_clean(), "{:#?}", report.findings);
    assert!(report.tables[0].orphans.is_empty(), "its tombstone is young");
}

#[tokio::test]
async fn statistics_that_are_not_true_are_found() {
    type Lie = fn(&mut Json);
    let lies: [(Lie, &str); 5] = [
        (|stats| stats["minValues"]["n"] = 1.into(), "the log's minimum is 1"),
        (|stats| stats["maxValues"]["n"] = 3.into(), "the log's maximum is 3"),
        (|stats| stats["maxValues"]["flow_id"] = "flow".into(), "the log's maximum is \"flow\""),
        (
            |stats| stats["minValues"]["opened_time"] = "2026-11-24T00:00:00.000001Z".into(),
            "the log's minimum is \"2026",
        ),
        (|stats| stats["nullCount"]["site"] = 0.into(), "5 NULLs, the log says 0"),
    ];
    for (lie, words) in lies {
        let fixture = Fixture::clean().await;
        let name = fixture.rewrite("snapshots", Clone::clone, |_, stats| lie(stats));
        let (object, detail) = fixture.one(FindingKind::Statistics).await;
        assert_eq!(object, name);
        assert!(detail.contains(words), "{detail}");
    }
}

#[tokio::test]
async fn statistics_that_are_wider_than_the_values_are_true() {
    let fixture = Fixture::clean().await;
    fixture.rewrite("snapshots", Clone::clone, |_, stats| {
        stats["minValues"]["flow_id"] = "f".into();
        stats["maxValues"]["n"] = 99.into();
        stats["maxValues"].as_object_mut().unwrap().remove("opened_time");
    });
    assert!(fixture.check().await.is_clean());
}

#[tokio::test]
async fn a_file_that_nobody_names_is_an_orphan_and_no_finding() {
    let fixture = Fixture::clean().await;
    let orphan = "snapshots/date=2026-11-24/part-orphan.zstd.parquet";
    fs::write(fixture.path(orphan), b"left by a crash").unwrap();
    let report = fixture.check().await;
    assert!(report.is_clean(), "{:#?}", report.findings);
    let orphans = &report.tables[0].orphans;
    assert_eq!(orphans.len(), 1);
    assert_eq!((orphans[0].path.as_str(), orphans[0].bytes), (orphan, 15));
}
