use std::fs;

use super::*;

/// A lake with three files replaced by one, seven hours before `hours(7)`.
async fn compacted(directory: &tempfile::TempDir) -> Lake {
    let lake = lake(directory);
    fill(&lake, 3).await;
    let settings = Compaction { small_files: 1, ..Compaction::default() };
    lake.compact(&READINGS, &settings, Utc::now()).await.unwrap();
    lake
}

#[tokio::test]
async fn replaced_files_go_after_six_hours_and_live_ones_never() {
    let directory = tempfile::tempdir().unwrap();
    let lake = compacted(&directory).await;
    let before = every_row(&lake).await;
    assert_eq!(stored_paths(&directory).len(), 4);

    let done = lake.vacuum(&READINGS, &Vacuum::default(), hours(5)).await.unwrap();
    assert_eq!((done, stored_paths(&directory).len()), (Vacuumed::default(), 4));
    let done = lake.vacuum(&READINGS, &Vacuum::default(), hours(7)).await.unwrap();
    assert_eq!((done.removed_files, done.orphans), (3, 0));
    assert!(done.bytes > 0);
    assert_eq!(stored_paths(&directory), live_paths(&lake).await);
    assert_eq!(every_row(&lake).await, before);
    let again = lake.vacuum(&READINGS, &Vacuum::default(), hours(1000)).await.unwrap();
    assert_eq!(again, Vacuumed::default());
}

#[tokio::test]
async fn another_age_of_replaced_files_can_be_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let lake = compacted(&directory).await;
    let settings =
        Vacuum { deleted_file_age: Some(std::time::Duration::from_mins(1)), ..Vacuum::default() };
    assert_eq!(lake.vacuum(&READINGS, &settings, Utc::now()).await.unwrap().removed_files, 0);
    assert_eq!(lake.vacuum(&READINGS, &settings, hours(1)).await.unwrap().removed_files, 3);
}

/// What a killed writer leaves: a file that was never committed, and a staging
/// file, each in the table; besides them a quarantined batch.
fn leave_rubbish(directory: &tempfile::TempDir) {
    let date = directory.path().join("lake/readings/date=2026-11-24");
    let file = fs::read_dir(&date).unwrap().next().unwrap().unwrap().path();
    fs::copy(&file, date.join("part-0123.zstd.parquet")).unwrap();
    fs::copy(&file, date.join("part-4567.zstd.parquet#1")).unwrap();
    fs::write(directory.path().join("lake/readings/_delta_log/00000000000000000009.json#2"), "x")
        .unwrap();
}

#[tokio::test]
async fn orphans_and_staging_files_go_when_they_are_old() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    fill(&lake, 2).await;
    leave_rubbish(&directory);
    let poison = lake.quarantine("a", 7, "readings", "poison".into()).await.unwrap();
    let before = every_row(&lake).await;

    let done = lake.vacuum(&READINGS, &Vacuum::default(), Utc::now()).await.unwrap();
    assert_eq!((done, stored_paths(&directory).len()), (Vacuumed::default(), 4));
    let done = lake.vacuum(&READINGS, &Vacuum::default(), hours(2)).await.unwrap();
    assert_eq!((done.orphans, done.staging_files, done.removed_files), (1, 2, 0));
    let mut live = live_paths(&lake).await;
    live.sort();
    assert_eq!(stored_paths(&directory), live);
    assert_eq!(every_row(&lake).await, before);
    let poison = fs::read_to_string(directory.path().join("lake").join(poison)).unwrap();
    assert_eq!(poison, "poison", "quarantine is no orphan");
}

#[tokio::test]
async fn files_of_a_write_in_flight_stay_however_old_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    fill(&lake, 2).await;
    let in_flight = lake.writes().begin();
    leave_rubbish(&directory);
    let done = lake.vacuum(&READINGS, &Vacuum::default(), hours(9)).await.unwrap();
    assert_eq!(done, Vacuumed::default());
    drop(in_flight);
    let done = lake.vacuum(&READINGS, &Vacuum::default(), hours(9)).await.unwrap();
    assert_eq!((done.orphans, done.staging_files), (1, 2));
}

#[tokio::test]
async fn dates_that_are_too_old_are_removed_and_the_table_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    for (seq, day) in [(1, -2), (2, -1), (3, 0)] {
        let rows = vec![rows(&READINGS, seq, vec![reading("f", 1, day * DAY_US)])];
        let group = Group { app_id: "a".to_owned(), last_seq: seq, rows };
        lake.append(&READINGS, vec![group]).await.unwrap();
    }
    let before = "2026-11-24".parse().unwrap();
    let done = lake.retain(&READINGS, before, Utc::now()).await.unwrap();
    assert_eq!(done.files, 2);
    assert_eq!(csv(&lake, "SELECT date FROM readings").await, ["2026-11-24"]);
    let property = || async {
        let delta = lake.snapshot(&READINGS).await.unwrap().unwrap();
        let metadata = delta.snapshot().unwrap().metadata();
        metadata.configuration().get(RETAINED_BEFORE).cloned()
    };
    assert_eq!(property().await.as_deref(), Some("2026-11-24"));
    assert_eq!(lake.retain(&READINGS, before, Utc::now()).await.unwrap(), Retained::default());
    assert_eq!(lake.committed("a").await.unwrap()["readings"], 3, "markers stay");

    // A late row goes with the next call, and a longer period brings nothing back.
    let rows = vec![rows(&READINGS, 4, vec![reading("f", 1, -3 * DAY_US)])];
    let late = Group { app_id: "a".to_owned(), last_seq: 4, rows };
    lake.append(&READINGS, vec![late]).await.unwrap();
    let longer = "2026-11-22".parse().unwrap();
    assert_eq!(lake.retain(&READINGS, longer, Utc::now()).await.unwrap().files, 1);
    assert_eq!(property().await.as_deref(), Some("2026-11-24"));

    assert_eq!(stored_paths(&directory).len(), 4);
    lake.vacuum(&READINGS, &Vacuum::default(), hours(7)).await.unwrap();
    assert_eq!(stored_paths(&directory), live_paths(&lake).await);
}
