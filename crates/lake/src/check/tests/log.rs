//! Logs that are broken, or from a newer version.

use std::fs;

use deltalake::DeltaTable;
use serde_json::{Value as Json, json};
use trigpoint_record::tables::SNAPSHOTS;

use super::fixture::{Fixture, snapshots};
use crate::check::FindingKind;

/// Commits of one table, with a checkpoint at version `at`.
async fn with_checkpoint(at: u64) -> Fixture {
    let fixture = Fixture::clean().await;
    checkpoint(&fixture, at).await;
    fixture
}

async fn checkpoint(fixture: &Fixture, at: u64) {
    let mut delta: DeltaTable = fixture.lake().snapshot(&SNAPSHOTS).await.unwrap().unwrap();
    delta.load_version(at).await.unwrap();
    deltalake::checkpoints::create_checkpoint(&delta, None).await.unwrap();
}

fn checkpoint_name(version: u64) -> String {
    format!("snapshots/_delta_log/{version:020}.checkpoint.parquet")
}

fn commit_name(version: u64) -> String {
    format!("snapshots/_delta_log/{version:020}.json")
}

#[tokio::test]
async fn a_half_written_commit_is_found_and_the_rest_is_checked() {
    for keep in [0, 100, 700] {
        let fixture = Fixture::clean().await;
        let last = fixture.commits("snapshots").len() as u64 - 1;
        let path = fixture.path(&commit_name(last));
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..keep]).unwrap();
        let name = commit_name(last);
        assert_eq!(fixture.one(FindingKind::Log).await.0, name, "{keep} bytes");
        let report = fixture.check().await;
        let rows: Vec<_> = report.tables.iter().map(|table| table.rows).collect();
        assert_eq!(rows, [12, 1, 2, 3], "all but the rows of the broken commit");
        assert_eq!(report.not_judged.len(), 1);
    }
}

#[tokio::test]
async fn a_commit_that_is_missing_is_found() {
    let fixture = Fixture::clean().await;
    fs::remove_file(fixture.path(&commit_name(2))).unwrap();
    let (object, detail) = fixture.one(FindingKind::Log).await;
    assert_eq!(object, commit_name(2));
    assert!(detail.contains("does not exist"), "{detail}");
}

#[tokio::test]
async fn a_broken_commit_before_a_checkpoint_is_found_and_nothing_is_lost() {
    let fixture = with_checkpoint(4).await;
    fs::write(fixture.path(&commit_name(2)), "{\"add\": ").unwrap();
    assert_eq!(fixture.one(FindingKind::Log).await.0, commit_name(2));
    let report = fixture.check().await;
    assert_eq!(report.tables[0].rows, 15);
    assert!(report.not_judged.is_empty());
}

#[tokio::test]
async fn a_checkpoint_that_says_the_same_is_clean_also_when_the_log_is_cleaned_up() {
    let fixture = with_checkpoint(4).await;
    let report = fixture.check().await;
    assert!(report.is_clean(), "{:#?}", report.findings);
    for version in 0..4 {
        fs::remove_file(fixture.path(&commit_name(version))).unwrap();
    }
    let report = fixture.check().await;
    assert!(report.is_clean(), "{:#?}", report.findings);
    assert_eq!((report.tables[0].rows, report.not_judged.len()), (15, 0));
}

#[tokio::test]
async fn a_broken_checkpoint_is_found() {
    let fixture = with_checkpoint(4).await;
    fs::write(fixture.path(&checkpoint_name(4)), b"PAR1 and nothing else PAR1").unwrap();
    assert_eq!(fixture.one(FindingKind::Checkpoint).await.0, checkpoint_name(4));
    assert_eq!(fixture.check().await.tables[0].rows, 15, "the commits are whole");
}

#[tokio::test]
async fn a_checkpoint_that_says_something_else_is_found() {
    let fixture = with_checkpoint(2).await;
    let older = fs::read(fixture.path(&checkpoint_name(2))).unwrap();
    checkpoint(&fixture, 4).await;
    fs::write(fixture.path(&checkpoint_name(4)), older).unwrap();
    let (object, detail) = fixture.one(FindingKind::Checkpoint).await;
    assert_eq!(object, checkpoint_name(4));
    assert!(detail.contains("file `date="), "{detail}");
}

#[tokio::test]
async fn a_broken_pointer_to_the_checkpoint_is_found() {
    let fixture = with_checkpoint(4).await;
    let pointer = "snapshots/_delta_log/_last_checkpoint";
    fs::write(fixture.path(pointer), "{\"vers").unwrap();
    assert_eq!(fixture.one(FindingKind::Log).await.0, pointer);
}

#[tokio::test]
async fn a_table_without_its_log_is_found() {
    let fixture = Fixture::clean().await;
    fs::remove_dir_all(fixture.path("flows/_delta_log")).unwrap();
    assert_eq!(
        fixture.one(FindingKind::Log).await,
        ("flows".into(), "1 data files, but no log".into())
    );
}

#[tokio::test]
async fn columns_of_a_newer_version_are_found_and_the_rows_are_checked() {
    let fixture = Fixture::clean().await;
    let first = fs::read_to_string(&fixture.commits("snapshots")[0]).unwrap();
    let metadata = first.lines().find(|line| line.contains("metaData")).unwrap();
    let mut metadata: Json = serde_json::from_str(metadata).unwrap();
    let schema = metadata["metaData"]["schemaString"].as_str().unwrap();
    let mut schema: Json = serde_json::from_str(schema).unwrap();
    let field = json!({"name": "flow_label", "type": "long", "nullable": true, "metadata": {}});
    schema["fields"].as_array_mut().unwrap().push(field);
    metadata["metaData"]["schemaString"] = schema.to_string().into();
    let name = fixture.commit("snapshots", &[metadata]);
    let (object, detail) = fixture.one(FindingKind::Newer).await;
    assert_eq!(object, name);
    assert!(detail.ends_with(": flow_label"), "{detail}");
    assert_eq!(fixture.check().await.tables[0].rows, 15);
}

#[tokio::test]
async fn a_newer_protocol_is_found_and_its_rows_are_not_judged() {
    let fixture = Fixture::clean().await;
    let features = json!({
        "minReaderVersion": 3, "minWriterVersion": 7,
        "readerFeatures": ["warpDrive"], "writerFeatures": ["warpDrive"],
    });
    let name = fixture.commit("snapshots", &[json!({ "protocol": features })]);
    assert_eq!(fixture.one(FindingKind::Newer).await.0, name);
    let report = fixture.check().await;
    assert_eq!((report.tables[0].rows, report.tables[1].rows), (0, 1));
    assert_eq!(report.not_judged.len(), 1);
}

#[tokio::test]
async fn a_writer_version_alone_leaves_the_rows_readable() {
    let fixture = Fixture::clean().await;
    let protocol = json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 4}});
    fixture.commit("snapshots", &[protocol]);
    fixture.one(FindingKind::Newer).await;
    assert_eq!(fixture.check().await.tables[0].rows, 15);
}

#[tokio::test]
async fn a_table_that_this_version_does_not_know_is_found() {
    let fixture = Fixture::clean().await;
    let log = fixture.path("latency/_delta_log");
    fs::create_dir_all(&log).unwrap();
    fs::write(log.join("00000000000000000000.json"), "{}").unwrap();
    assert_eq!(fixture.one(FindingKind::Newer).await.0, "latency");
    fixture.append(&SNAPSHOTS, "d", 2, snapshots("flow-d", 0..2, 0)).await;
    // Its rows may be what is missing.
    fixture.one(FindingKind::Newer).await;
}
