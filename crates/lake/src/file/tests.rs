use std::fs::File;
use std::path::PathBuf;

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use serde_json::{Value, json};

use super::*;
use crate::testing::{READINGS, csv, lake, reading, rows};
use crate::{Group, Lake};

const DAY: i64 = 86_400_000_000;

/// 400 flows of 10 rows, interleaved as they come in, over two dates.
async fn filled(directory: &tempfile::TempDir) -> Lake {
    let lake = lake(directory);
    let batches = (0..10)
        .map(|n| {
            let batch = (0..400)
                .map(|flow| reading(&format!("flow-{:03}", (flow * 7) % 400), n, flow % 2 * DAY))
                .collect();
            rows(&READINGS, n as u64 + 1, batch)
        })
        .collect();
    let group = Group { app_id: "a".to_owned(), last_seq: 10, rows: batches };
    let outcome = lake.append(&READINGS, vec![group]).await.unwrap();
    assert_eq!((outcome.rows, outcome.files), (4000, 2));
    lake
}

fn files(directory: &tempfile::TempDir) -> Vec<PathBuf> {
    let table = directory.path().join("lake/readings");
    let mut files: Vec<_> = ["date=2026-11-24", "date=2026-11-25"]
        .iter()
        .flat_map(|date| std::fs::read_dir(table.join(date)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn each_date_has_one_file_and_each_file_is_sorted() {
    let directory = tempfile::tempdir().unwrap();
    let lake = filled(&directory).await;
    let files = files(&directory);
    assert_eq!(files.len(), 2);
    for path in files {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
        let keys: Vec<(String, i64)> = batches
            .iter()
            .flat_map(|batch| {
                let flows = batch["flow_id"].as_string::<i32>().clone();
                let numbers = batch["n"].as_primitive::<Int64Type>().clone();
                let row = move |row| (flows.value(row).to_owned(), numbers.value(row));
                (0..batch.num_rows()).map(row).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(keys.len(), 2000);
        assert!(keys.is_sorted());
        assert!(batches[0].column_by_name("date").is_none(), "the date is the log's");
    }
    let dates = csv(&lake, "SELECT date, count(*) FROM readings GROUP BY 1 ORDER BY 1").await;
    assert_eq!(dates, ["2026-11-24,2000", "2026-11-25,2000"]);
}

#[tokio::test]
async fn files_say_how_they_are_sorted_and_which_flows_they_hold() {
    let directory = tempfile::tempdir().unwrap();
    filled(&directory).await;
    let path = files(&directory).remove(0);
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let group = reader.metadata().row_group(0);
    let name = |column: usize| group.schema_descr().column(column).name().to_owned();
    let sorting = group.sorting_columns().unwrap();
    let sorted: Vec<_> = sorting.iter().map(|column| name(column.column_idx as usize)).collect();
    assert_eq!(sorted, ["flow_id", "n"]);
    for column in group.columns() {
        let path = column.column_path().string();
        assert_eq!(column.bloom_filter_offset().is_some(), path == "flow_id", "{path}");
        assert!(matches!(column.compression(), Compression::ZSTD(_)), "{path}");
    }
    // 1,800 different values are more than a dictionary of 4 KiB holds.
    let times = group.columns().iter().find(|column| column.column_path().string() == "min_rtt_us");
    let encodings: Vec<_> = times.unwrap().encodings().collect();
    assert!(!encodings.contains(&Encoding::BYTE_STREAM_SPLIT), "Spark cannot read it");
    let flow_id = group.columns().iter().find(|column| column.column_path().string() == "flow_id");
    let statistics = flow_id.unwrap().statistics().unwrap();
    assert_eq!(statistics.max_bytes_opt().unwrap(), b"flow-398");
}

#[tokio::test]
async fn the_log_bounds_the_columns_that_files_are_chosen_by_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    filled(&directory).await;
    let log = directory.path().join("lake/readings/_delta_log/00000000000000000001.json");
    let log = std::fs::read_to_string(log).unwrap();
    let statistics: Vec<Value> = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).unwrap().get("add").cloned())
        .map(|add| serde_json::from_str(add["stats"].as_str().unwrap()).unwrap())
        .collect();
    assert_eq!(statistics.len(), 2);
    let first = statistics
        .iter()
        .find(|statistics| statistics["minValues"]["flow_id"] == "flow-000")
        .unwrap();
    assert_eq!(
        *first,
        json!({
            "numRecords": 2000,
            "minValues": {
                "flow_id": "flow-000", "n": 0,
                "start_time": "2026-11-24T00:00:00.000000Z",
                "opened_time": "2026-11-24T00:00:00.000000Z",
            },
            "maxValues": {
                "flow_id": "flow-398", "n": 9,
                "start_time": "2026-11-24T00:00:00.000009Z",
                "opened_time": "2026-11-24T00:00:00.000000Z",
            },
            "nullCount": {"flow_id": 0, "n": 0, "start_time": 0, "opened_time": 0},
        })
    );
}

#[tokio::test]
async fn a_long_flow_id_is_bounded_whole() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    let prefix = "p".repeat(100);
    let batch = vec![reading(&format!("{prefix}a"), 0, 0), reading(&format!("{prefix}b"), 0, 0)];
    let group =
        Group { app_id: "a".to_owned(), last_seq: 1, rows: vec![rows(&READINGS, 1, batch)] };
    lake.append(&READINGS, vec![group]).await.unwrap();
    let log = directory.path().join("lake/readings/_delta_log/00000000000000000001.json");
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains(&format!("{prefix}a")) && log.contains(&format!("{prefix}b")));
}
