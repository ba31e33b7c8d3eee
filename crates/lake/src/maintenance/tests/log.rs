use std::fs;

use deltalake::checkpoints::create_checkpoint;
use object_store::ObjectMeta;
use object_store::path::Path;

use super::*;
use crate::check::Settings;
use crate::maintenance::log::expired;
use crate::table::Open;
use crate::testing::{Fault, Faulty};

fn log_entries(directory: &tempfile::TempDir) -> Vec<String> {
    let log = directory.path().join("lake/readings/_delta_log");
    let mut names: Vec<_> = fs::read_dir(log)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_log_is_cleaned_up_to_a_checkpoint_and_everybody_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    lake.append(&READINGS, vec![group("a", 1, "f")]).await.unwrap();
    // They have seen the first version only.
    let (stale_writer, reader) = (super::lake(&directory), super::lake(&directory));
    stale_writer.append(&READINGS, vec![group("b", 1, "g")]).await.unwrap();
    assert_eq!(csv(&reader, "SELECT count(*) FROM readings").await, ["2"]);
    for seq in 2..=55 {
        lake.append(&READINGS, vec![group("a", seq, "f")]).await.unwrap();
    }

    let settings = LogCleaning::default();
    assert_eq!(lake.clean_log(&READINGS, &settings, hours(23)).await.unwrap(), 0);
    let deleted = lake.clean_log(&READINGS, &settings, hours(25)).await.unwrap();
    let left = log_entries(&directory);
    assert_eq!(deleted, 49);
    assert_eq!(left.first().unwrap(), "00000000000000000049.checkpoint.parquet", "{left:?}");

    assert_eq!(csv(&reader, "SELECT count(*) FROM readings").await, ["56"]);
    assert_eq!(reader.committed("a").await.unwrap()["readings"], 55);
    let again = vec![group("b", 1, "g"), group("a", 55, "f"), group("b", 2, "g")];
    let outcome = stale_writer.append(&READINGS, again).await.unwrap();
    assert_eq!((outcome.rows, outcome.duplicates), (1, 2));
    let fresh = super::lake(&directory);
    assert_eq!(csv(&fresh, "SELECT count(*) FROM readings").await, ["57"]);
}

#[tokio::test]
async fn a_log_without_its_checkpoints_gets_one_before_it_is_cleaned() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    for seq in 1..=61 {
        // Markers alone make commits.
        let rows = if seq == 1 { group("a", 1, "f").rows } else { Vec::new() };
        let group = Group { app_id: "a".to_owned(), last_seq: seq, rows };
        lake.append(&READINGS, vec![group]).await.unwrap();
    }
    let log = directory.path().join("lake/readings/_delta_log");
    for name in log_entries(&directory).iter().filter(|name| name.contains("checkpoint")) {
        fs::remove_file(log.join(name)).unwrap();
    }
    let deleted = lake.clean_log(&READINGS, &LogCleaning::default(), hours(25)).await.unwrap();
    assert_eq!(deleted, 61);
    let fresh = super::lake(&directory);
    assert_eq!(csv(&fresh, "SELECT count(*) FROM readings").await, ["1"]);
    assert_eq!(fresh.committed("a").await.unwrap()["readings"], 61);
}

#[tokio::test]
async fn a_table_that_rests_gets_a_checkpoint_of_its_newest_version() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    let checkpoints = || {
        let entries = log_entries(&directory).into_iter();
        entries.filter(|name| name.ends_with(".checkpoint.parquet")).collect::<Vec<_>>()
    };
    let settings = LogCleaning::default();
    for seq in 1..=9 {
        lake.append(&READINGS, vec![group("a", seq, "f")]).await.unwrap();
    }
    lake.clean_log(&READINGS, &settings, hours(0)).await.unwrap();
    assert!(checkpoints().is_empty(), "nine entries are few to read");
    lake.append(&READINGS, vec![group("a", 10, "f")]).await.unwrap();
    for _ in 0..2 {
        lake.clean_log(&READINGS, &settings, hours(0)).await.unwrap();
        assert_eq!(checkpoints(), ["00000000000000000010.checkpoint.parquet"]);
    }
    let fresh = super::lake(&directory);
    assert_eq!(csv(&fresh, "SELECT count(*) FROM readings").await, ["10"]);
}

/// One that is deleted out of order would leave a log that cannot be read from
/// its beginning.
#[tokio::test]
async fn a_clean_up_that_fails_leaves_no_hole() {
    let directory = tempfile::tempdir().unwrap();
    let (store, lake) = Faulty::lake(&directory);
    for seq in 1..=12 {
        lake.append(&READINGS, vec![group("local/spool-1", seq, "f")]).await.unwrap();
    }
    let open = Open::existing(&READINGS, lake.log_store(&READINGS)).await.unwrap().unwrap();
    create_checkpoint(&open.delta, None).await.unwrap();
    store.inject(&[Fault::Undeletable("00004.json")]);
    let now = hours(25);
    let failed = lake.clean_log(&READINGS, &LogCleaning::default(), now).await;
    let words = failed.unwrap_err().to_string();
    assert!(words.contains("clean the log of") && words.contains("readings"), "{words}");
    let left = log_entries(&directory);
    assert_eq!(left.first().unwrap(), "00000000000000000004.json", "{left:?}");
    let report = lake.check(&Settings::default()).await.unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);

    let deleted = lake.clean_log(&READINGS, &LogCleaning::default(), now).await.unwrap();
    assert_eq!(deleted, 8);
    assert_eq!(csv(&lake, "SELECT count(*) FROM readings").await, ["12"]);
}

/// At noon of the day that its number says.
fn file(name: &str, day: i64) -> ObjectMeta {
    ObjectMeta {
        location: Path::from(format!("_delta_log/{name}")),
        last_modified: noon(day),
        size: 1,
        e_tag: None,
        version: None,
    }
}

fn noon(day: i64) -> DateTime<Utc> {
    "2026-11-01T12:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::days(day)
}

/// A commit a day from 0 to `version`, then what else there is, of day 0.
fn log(version: i64, others: &[&str]) -> Vec<ObjectMeta> {
    let commits = (0..=version).map(|version| file(&format!("{version:020}.json"), version));
    commits.chain(others.iter().map(|name| file(name, 0))).collect()
}

fn checkpoint(version: u64) -> String {
    format!("{version:020}.checkpoint.parquet")
}

fn names(paths: &[Path]) -> Vec<&str> {
    paths.iter().map(|path| path.filename().unwrap().trim_start_matches('0')).collect()
}

#[test]
fn all_that_is_before_the_last_old_checkpoint_goes_the_oldest_first() {
    let others = [
        "00000000000000000001.crc",
        "00000000000000000001.00000000000000000003.compacted.json",
        "00000000000000000002.checkpoint.parquet",
        "00000000000000000003.checkpoint.0000000001.0000000002.parquet",
        "00000000000000000003.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json",
        "00000000000000000004.checkpoint.parquet",
        // Of nobody, or of the kept versions.
        "00000000000000000001.json.tmp",
        "00000000000000000001.notes",
        "1.json",
        "_last_checkpoint",
        "_sidecars/016ae953-37a9-438e-8683-9a9a4a79a395.parquet",
        "00000000000000000004.crc",
        "00000000000000000004.00000000000000000005.compacted.json",
    ];
    let mut log = log(6, &others);
    log.reverse();
    assert_eq!(
        names(&expired(&log, 6, Some(4), noon(5))),
        [
            ".json",
            "1.00000000000000000003.compacted.json",
            "1.crc",
            "1.json",
            "2.checkpoint.parquet",
            "2.json",
            "3.checkpoint.0000000001.0000000002.parquet",
            "3.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json",
            "3.json"
        ]
    );
}

#[test]
fn what_was_the_newest_version_at_the_cutoff_can_still_be_read() {
    let log = log(6, &[&checkpoint(2), &checkpoint(4)]);
    let at = |cutoff| expired(&log, 6, None, cutoff);
    let before_four = [".json", "1.json", "2.checkpoint.parquet", "2.json", "3.json"];
    assert_eq!(names(&at(noon(4))), before_four);
    assert_eq!(names(&at(noon(4) - TimeDelta::seconds(1))), before_four[..2]);
    assert_eq!(at(noon(1)), []);
}

#[test]
fn a_checkpoint_that_may_not_be_readable_stands_for_nothing() {
    let parts = "00000000000000000004.checkpoint.0000000001.0000000002.parquet";
    let mut log = log(6, &[&checkpoint(2), parts, &checkpoint(5)]);
    log.last_mut().unwrap().size = 0;
    assert_eq!(names(&expired(&log, 6, None, noon(9))), [".json", "1.json"]);
}

#[test]
fn the_checkpoint_that_readers_are_led_to_stays() {
    let log = log(6, &[&checkpoint(2), &checkpoint(4)]);
    assert_eq!(names(&expired(&log, 6, Some(2), noon(9))), [".json", "1.json"]);
}

/// Every log of six commits: wherever the deletion ends, each version from the
/// cutoff's on can be read if it could before, and there is no hole.
#[test]
fn nothing_that_is_needed_goes_whatever_the_log_is() {
    const NEWEST: i64 = 5;
    let mut deleted = 0;
    for (checkpoints, cutoff) in (0..1_u32 << 6).flat_map(|set| (0..=NEWEST).map(move |c| (set, c)))
    {
        let checkpoints: Vec<_> = (0..6).filter(|n| checkpoints & 1 << n != 0).collect();
        let others: Vec<_> = checkpoints.iter().map(|version| checkpoint(*version)).collect();
        let others: Vec<_> = others.iter().map(String::as_str).collect();
        let log = log(NEWEST, &others);
        for named in checkpoints.iter().copied().map(Some).chain([None]) {
            let mut left: Vec<_> = log.iter().map(|file| file.location.clone()).collect();
            for path in expired(&log, NEWEST as u64, named, noon(cutoff)) {
                left.retain(|other| *other != path);
                deleted += 1;
                let is_left = |name: &str| left.iter().any(|path| path.filename().unwrap() == name);
                let is_commit = |version: i64| is_left(&format!("{version:020}.json"));
                for version in cutoff..=NEWEST {
                    let is_readable = (0..=version).any(|from| {
                        is_left(&checkpoint(from as u64)) && (from + 1..=version).all(is_commit)
                    });
                    assert!(is_readable, "{version} of {left:?} at {cutoff}");
                }
                let oldest = (0..=NEWEST).find(|version| is_commit(*version)).unwrap();
                assert!((oldest..=NEWEST).all(is_commit), "{left:?}");
                assert!(named.is_none_or(|named| is_left(&checkpoint(named))), "{left:?}");
            }
        }
    }
    assert!(deleted > 1_000);
}
