use std::fs::File;

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use trigpoint_record::Value;

use super::*;
use crate::testing::{EARLIER, EVENTS, Fault, Faulty, TABLES};

/// Flow and number of every row of a file, as they lie in it.
fn keys(directory: &tempfile::TempDir, path: &str) -> Vec<(String, i64)> {
    let file = File::open(directory.path().join("lake/readings").join(path)).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    reader
        .flat_map(|batch| {
            let batch = batch.unwrap();
            let flows = batch["flow_id"].as_string::<i32>().clone();
            let numbers = batch["n"].as_primitive::<Int64Type>().clone();
            (0..batch.num_rows()).map(move |row| (flows.value(row).to_owned(), numbers.value(row)))
        })
        .collect()
}

#[tokio::test]
async fn a_closed_day_becomes_one_sorted_file_with_the_same_rows() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    fill(&lake, 12).await;
    let before = every_row(&lake).await;

    let done = lake.compact(&READINGS, &Compaction::default(), next_day()).await.unwrap();
    assert_eq!((done.commits, done.files_removed, done.files_added), (1, 12, 1));
    assert!(done.bytes_added < done.bytes_removed);
    assert_eq!(every_row(&lake).await, before);
    let files = live_paths(&lake).await;
    let keys = keys(&directory, &files[0]);
    assert_eq!((files.len(), keys.len()), (1, 240));
    assert!(keys.is_sorted());

    let again = lake.compact(&READINGS, &Compaction::default(), next_day()).await.unwrap();
    assert_eq!(again, Compacted::default(), "a day is merged once");
}

/// Of one file that is too large to be read whole, and of some that are not.
#[tokio::test]
async fn the_files_of_a_day_share_no_flow_and_none_is_divided() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    fill(&lake, 12).await;
    let flows = (0..10).flat_map(|flow| {
        let name = format!("flow-{flow:02}");
        (100..1600).map(move |n| reading(&name, n, 0))
    });
    let rows = vec![rows(&READINGS, 13, flows.collect())];
    let large = Group { app_id: "a".to_owned(), last_seq: 13, rows };
    lake.append(&READINGS, vec![large]).await.unwrap();
    let before = every_row(&lake).await;
    let settings = Compaction { target_bytes: 1, ..Compaction::default() };
    lake.compact(&READINGS, &settings, next_day()).await.unwrap();
    assert_eq!(every_row(&lake).await, before);

    let files = live_paths(&lake).await;
    assert!(files.len() > 1, "the target is far below what there is");
    let keys: Vec<_> = files.iter().map(|path| keys(&directory, path)).collect();
    assert!(keys.windows(2).all(|pair| pair[0].last().unwrap().0 < pair[1][0].0));
    assert!(keys.concat().is_sorted());
    let settings = Compaction { target_bytes: 1, ..settings };
    let again = lake.compact(&READINGS, &settings, next_day()).await.unwrap();
    assert_eq!(again, Compacted::default());
}

#[tokio::test]
async fn what_the_log_says_of_a_merged_file_is_what_is_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    fill(&lake, 3).await;
    lake.compact(&READINGS, &Compaction::default(), next_day()).await.unwrap();
    let log = directory.path().join("lake/readings/_delta_log/00000000000000000004.json");
    let log = std::fs::read_to_string(log).unwrap();
    let actions: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let add = actions.iter().find_map(|action| action.get("add")).unwrap();
    assert_eq!(add["dataChange"], false);
    let statistics: serde_json::Value =
        serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
    assert_eq!(
        statistics,
        serde_json::json!({
            "numRecords": 60,
            "minValues": {
                "flow_id": "flow-00", "n": 2,
                "start_time": "2026-11-24T00:00:00.000002Z",
                "opened_time": "2026-11-24T00:00:00.000000Z",
            },
            "maxValues": {
                "flow_id": "flow-09", "n": 7,
                "start_time": "2026-11-24T00:00:00.000007Z",
                "opened_time": "2026-11-24T00:00:00.000000Z",
            },
            "nullCount": {"flow_id": 0, "n": 0, "start_time": 0, "opened_time": 0},
        })
    );
    let removes: Vec<_> = actions.iter().filter_map(|action| action.get("remove")).collect();
    assert_eq!(removes.len(), 3);
    assert!(removes.iter().all(|remove| remove["dataChange"] == false));
    assert!(log.contains(r#""operation":"OPTIMIZE""#));
}

#[tokio::test]
async fn a_day_that_is_being_written_keeps_few_small_files() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    fill(&lake, 5).await;
    let settings = Compaction { small_files: 5, ..Compaction::default() };
    let now = Utc::now();
    assert_eq!(lake.compact(&READINGS, &settings, now).await.unwrap(), Compacted::default());
    fill(&lake, 6).await;
    let done = lake.compact(&READINGS, &settings, now).await.unwrap();
    assert_eq!((done.files_removed, done.files_added), (6, 1));
    assert_eq!(csv(&lake, "SELECT count(*) FROM readings").await, ["120"]);
}

#[tokio::test]
async fn late_rows_reopen_a_day() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    fill(&lake, 3).await;
    lake.compact(&READINGS, &Compaction::default(), next_day()).await.unwrap();
    lake.append(&READINGS, vec![group("late", 500, "flow-05")]).await.unwrap();
    let before = every_row(&lake).await;
    let now = Utc::now();
    let done = lake.compact(&READINGS, &Compaction::default(), now).await.unwrap();
    assert_eq!(done, Compacted::default(), "more may come");
    lake.compact(&READINGS, &Compaction::default(), next_day()).await.unwrap();
    assert_eq!(live_paths(&lake).await.len(), 1);
    assert_eq!(every_row(&lake).await, before);
}

#[tokio::test]
async fn each_date_is_merged_for_itself() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    for seq in 1..=4 {
        let batch = vec![reading("f", seq, 0), reading("g", seq, DAY_US)];
        let rows = vec![rows(&READINGS, seq as u64, batch)];
        let group = Group { app_id: "a".to_owned(), last_seq: seq as u64, rows };
        lake.append(&READINGS, vec![group]).await.unwrap();
    }
    lake.compact(&READINGS, &Compaction::default(), next_day() + TimeDelta::days(1)).await.unwrap();
    let files = live_paths(&lake).await;
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(files[0].starts_with("date=2026-11-24/") && files[1].starts_with("date=2026-11-25/"));
}

#[tokio::test]
async fn a_table_without_flows_is_merged_by_time() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    for seq in [3, 1, 2] {
        let time = Value::Time(crate::testing::MIDNIGHT + seq);
        let row = vec![time, Value::Text(format!("event {seq}"))];
        let rows = vec![rows(&EVENTS, seq as u64, vec![row])];
        let group = Group { app_id: format!("a{seq}"), last_seq: seq as u64, rows };
        lake.append(&EVENTS, vec![group]).await.unwrap();
    }
    let done = lake.compact(&EVENTS, &Compaction::default(), next_day()).await.unwrap();
    assert_eq!((done.files_removed, done.files_added), (3, 1));
    let events = csv(&lake, "SELECT event FROM events").await;
    assert_eq!(events, ["event 1", "event 2", "event 3"]);
}

#[tokio::test]
async fn columns_that_one_version_lacks_stay_whoever_merges() {
    for older_merges in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let location = directory.path().join("lake").to_string_lossy().into_owned();
        let earlier = Lake::open_tables(&location, &[&EARLIER]).unwrap();
        let node = Value::Struct(vec![Value::Text("192.0.2.9".to_owned())]);
        let mut old_row = reading("old", 1, 0)[..4].to_vec();
        old_row.push(Value::List(vec![node]));
        let old = Group {
            app_id: "a".to_owned(),
            last_seq: 1,
            rows: vec![rows(&EARLIER, 1, vec![old_row])],
        };
        earlier.append(&EARLIER, vec![old]).await.unwrap();
        let lake = Lake::open_tables(&location, TABLES).unwrap();
        lake.append(&READINGS, vec![group("b", 2, "new")]).await.unwrap();

        let settings = Compaction::default();
        let done = if older_merges {
            earlier.compact(&EARLIER, &settings, next_day()).await.unwrap()
        } else {
            lake.compact(&READINGS, &settings, next_day()).await.unwrap()
        };
        assert_eq!((done.files_removed, done.files_added), (2, 1));
        let sql = "SELECT flow_id, min_rtt_us, station['site'], nodes[1]['address'], \
                   nodes[1]['rtt_us'] FROM readings ORDER BY n";
        assert_eq!(csv(&lake, sql).await, ["old,,,192.0.2.9,", "new,10002,abc01,192.0.2.1,5"]);
    }
}

#[tokio::test]
async fn a_merge_that_fails_leaves_the_table_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let (store, lake) = Faulty::lake(&directory);
    fill(&lake, 3).await;
    let (before, files) = (every_row(&lake).await, live_paths(&lake).await);
    store.inject(&[Fault::Refused(".parquet")]);
    let error = lake.compact(&READINGS, &Compaction::default(), next_day()).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot rewrite files of table readings"), "{error}");
    assert_eq!((every_row(&lake).await, live_paths(&lake).await), (before, files));
}

#[tokio::test]
async fn a_file_with_other_rows_than_the_log_says_is_not_merged() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    fill(&lake, 2).await;
    lake.append(&READINGS, vec![group("b", 1, "flow-05")]).await.unwrap();
    let files = live_paths(&lake).await;
    // The file of one row in the place of one of twenty.
    let table = directory.path().join("lake/readings");
    let mut paths: Vec<_> = files.iter().map(|path| table.join(path)).collect();
    paths.sort_by_key(|path| std::fs::metadata(path).unwrap().len());
    std::fs::copy(&paths[0], &paths[1]).unwrap();
    let error = lake.compact(&READINGS, &Compaction::default(), next_day()).await.unwrap_err();
    assert!(error.to_string().contains("22 rows were read where the log has 41"), "{error}");
    assert_eq!(live_paths(&lake).await, files);
}

#[tokio::test]
async fn a_table_that_nobody_has_made_needs_no_care() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    let done = lake.compact(&READINGS, &Compaction::default(), next_day()).await.unwrap();
    assert_eq!(done, Compacted::default());
    let done = lake.vacuum(&READINGS, &Vacuum::default(), next_day()).await.unwrap();
    assert_eq!(done, Vacuumed::default());
    assert_eq!(lake.clean_log(&READINGS, &LogCleaning::default(), next_day()).await.unwrap(), 0);
    assert!(!directory.path().join("lake/readings").exists());
}
