//! Tables that somebody has harmed: nothing is acknowledged until they are mended.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use trigpoint_record::tables::SNAPSHOTS;
use trigpoint_wire::ingest::RetryReason;

use crate::testing::{Fixture, quick};

/// Entries of the log of `snapshots`, the oldest first.
fn entries(fixture: &Fixture) -> Vec<PathBuf> {
    let log = fs::read_dir(fixture.path("snapshots/_delta_log")).unwrap();
    let mut entries: Vec<_> = log
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    entries.sort();
    entries
}

/// As a program leaves it that is killed while it writes without a rename.
fn half_write(from: &Path, to: &Path) {
    let text = fs::read(from).unwrap();
    fs::write(to, &text[..text.len() / 2]).unwrap();
}

#[tokio::test]
async fn a_rivals_half_written_commit_is_waited_for_and_harms_nothing() {
    let fixture = Fixture::new(quick()).await;
    let mut station = fixture.station("spool").await;
    station.rows(1, &SNAPSHOTS, 3).await;
    station.acknowledged(1).await;
    let newest = entries(&fixture).pop().unwrap();
    let next = newest.with_file_name("00000000000000000002.json");
    assert!(!next.exists());
    half_write(&newest, &next);

    station.rows(2, &SNAPSHOTS, 5).await;
    let said = station.told_to_retry(RetryReason::Storage).await;
    assert!(said.contains("table snapshots"), "{said}");
    fs::remove_file(&next).unwrap();

    let (mut station, committed) = fixture.welcomed("spool").await;
    assert_eq!(committed, 1);
    station.rows(2, &SNAPSHOTS, 5).await;
    station.acknowledged(2).await;
    assert_eq!(fixture.rows("snapshots").await, (8, 8));
}

#[tokio::test]
async fn a_station_waits_until_its_marker_can_be_read() {
    let fixture = Fixture::new(quick()).await;
    let mut station = fixture.station("spool").await;
    station.rows(1, &SNAPSHOTS, 3).await;
    station.acknowledged(1).await;
    let newest = entries(&fixture).pop().unwrap();
    let whole = fs::read(&newest).unwrap();
    half_write(&newest, &newest.clone());

    // Whoever starts now cannot know what is stored.
    let after = Fixture::over(&fixture, quick()).await;
    let said = after.turned_away("spool").await;
    assert!(said.contains("table snapshots"), "{said}");
    fs::write(&newest, whole).unwrap();

    let (mut station, committed) = after.welcomed("spool").await;
    assert_eq!(committed, 1);
    station.rows(1, &SNAPSHOTS, 3).await;
    station.rows(2, &SNAPSHOTS, 4).await;
    station.acknowledged(2).await;
    assert_eq!(after.rows("snapshots").await, (7, 7));
}

/// Rewrites the actions of the table's first version.
fn rewrite(fixture: &Fixture, mut change: impl FnMut(&mut Value)) {
    let first = entries(fixture).remove(0);
    let text = fs::read_to_string(&first).unwrap();
    let actions = text.lines().map(|line| {
        let mut action: Value = serde_json::from_str(line).unwrap();
        change(&mut action);
        format!("{action}\n")
    });
    fs::write(&first, actions.collect::<String>()).unwrap();
}

#[tokio::test]
async fn a_newer_collectors_column_stays_null_in_the_rows_of_an_older_one() {
    let fixture = Fixture::new(quick()).await;
    let mut station = fixture.station("spool").await;
    station.rows(1, &SNAPSHOTS, 3).await;
    station.acknowledged(1).await;
    rewrite(&fixture, |action| {
        let Some(text) = action.pointer_mut("/metaData/schemaString") else { return };
        let mut schema: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
        schema["fields"].as_array_mut().unwrap().push(json!({
            "name": "newer_us", "type": "long", "nullable": true, "metadata": {},
        }));
        *text = schema.to_string().into();
    });

    let after = Fixture::over(&fixture, quick()).await;
    let mut station = after.station("spool").await;
    station.rows(2, &SNAPSHOTS, 4).await;
    station.acknowledged(2).await;
    assert_eq!(after.rows("snapshots").await, (7, 7));
    assert_eq!(after.number("SELECT count(newer_us) FROM snapshots").await, 0);
}

#[tokio::test]
async fn a_table_of_a_protocol_that_is_unknown_here_takes_no_rows() {
    let fixture = Fixture::new(quick()).await;
    let mut station = fixture.station("spool").await;
    station.rows(1, &SNAPSHOTS, 3).await;
    station.acknowledged(1).await;
    rewrite(&fixture, |action| {
        if let Some(protocol) = action.get_mut("protocol") {
            *protocol = json!({
                "minReaderVersion": 3, "minWriterVersion": 7,
                "readerFeatures": ["newerFeature"], "writerFeatures": ["newerFeature"],
            });
        }
    });

    let after = Fixture::over(&fixture, quick()).await;
    let said = after.turned_away("spool").await;
    assert!(said.contains("table snapshots") && said.contains("newerFeature"), "{said}");
    assert_eq!(entries(&after).len(), 2, "nothing was committed");
}
