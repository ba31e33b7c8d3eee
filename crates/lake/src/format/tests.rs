use super::*;
use crate::testing::{READINGS, csv, group, ints, lake, reading, rows, sent};
use crate::{Description, Group, Lake, Rows, Sent, Shape};
use ::parquet::file::metadata::RowGroupMetaData;
use trigpoint_record::Value;

async fn filled() -> (tempfile::TempDir, Lake) {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    let batch = vec![reading("flow-a", 0, 0), reading("flow-b", 1, 0)];
    let group =
        Group { app_id: "a".to_owned(), last_seq: 1, rows: vec![rows(&READINGS, 1, batch)] };
    lake.append(&READINGS, vec![group]).await.unwrap();
    (directory, lake)
}

async fn text(lake: &Lake, format: Format, sql: &str) -> String {
    let mut output = Vec::new();
    let answer = lake.session().query(sql).await.unwrap();
    write(answer, format, &mut output).await.unwrap();
    String::from_utf8(output).unwrap()
}

const MIXED: &str =
    "SELECT flow_id, min_rtt_us, opened_time, raw, nodes FROM readings ORDER BY flow_id";

#[tokio::test]
async fn csv_has_a_header_and_nested_values_as_json() {
    let (_directory, lake) = filled().await;
    let nodes =
        r#""[{""address"":""192.0.2.1"",""rtt_us"":5},{""address"":""192.0.2.2"",""rtt_us"":7}]""#;
    let expected = format!(
        "flow_id,min_rtt_us,opened_time,raw,nodes\n\
         flow-a,,2026-11-24T00:00:00Z,ab00,{nodes}\n\
         flow-b,10001,2026-11-24T00:00:00Z,ab01,{nodes}\n"
    );
    assert_eq!(text(&lake, Format::Csv, MIXED).await, expected);
    let none = "SELECT n, nodes FROM readings WHERE false";
    assert_eq!(text(&lake, Format::Csv, none).await, "n,nodes\n");
}

#[tokio::test]
async fn json_is_one_array_and_jsonl_one_object_to_a_line() {
    let (_directory, lake) = filled().await;
    let lines = text(&lake, Format::JsonLines, MIXED).await;
    let objects: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let nodes = serde_json::json!([
        {"address": "192.0.2.1", "rtt_us": 5}, {"address": "192.0.2.2", "rtt_us": 7}
    ]);
    assert_eq!(objects.len(), 2);
    assert_eq!(
        objects[0],
        serde_json::json!({
            "flow_id": "flow-a", "min_rtt_us": null, "opened_time": "2026-11-24T00:00:00Z",
            "raw": "ab00", "nodes": nodes,
        })
    );
    let array: Vec<serde_json::Value> =
        serde_json::from_str(&text(&lake, Format::Json, MIXED).await).unwrap();
    assert_eq!(array, objects);
    let unmapped = "SELECT * FROM readings WHERE unmapped IS NULL";
    assert_eq!(text(&lake, Format::JsonLines, unmapped).await.lines().count(), 2);
    let none = text(&lake, Format::Json, "SELECT n FROM readings WHERE false").await;
    assert_eq!(none, "[]\n");
}

#[tokio::test]
async fn unmapped_columns_are_an_object_of_their_ids() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    let (count, mut columns) = sent(&READINGS, vec![reading("f", 1, 0), reading("f", 2, 0)]);
    columns.push(Sent {
        description: Description { id: 900, name: "later".to_owned(), shape: Shape::Int },
        array: ints(&[Some(5), None]),
    });
    let rows = vec![Rows::convert(&READINGS, "spool-1", 1, count, columns).unwrap()];
    let group = Group { app_id: "a".to_owned(), last_seq: 1, rows };
    lake.append(&READINGS, vec![group]).await.unwrap();
    let sql = "SELECT unmapped FROM readings ORDER BY n";
    let lines = text(&lake, Format::JsonLines, sql).await;
    assert_eq!(lines, "{\"unmapped\":{\"900\":5}}\n{\"unmapped\":null}\n");
    assert_eq!(text(&lake, Format::Csv, sql).await, "unmapped\n\"{\"\"900\"\":5}\"\n\"\"\n");
    let table = text(&lake, Format::Table { width: Some(80) }, sql).await;
    assert_eq!(table, "unmapped\n─────────\n{\"900\":5}\nNULL\n(2 rows)\n");
    assert_eq!(
        csv(&lake, "SELECT unmapped[CAST(900 AS INT)] FROM readings ORDER BY n").await,
        ["5", "\"\""]
    );
}

#[tokio::test]
async fn parquet_reads_back_the_same() {
    let (_directory, lake) = filled().await;
    let mut output = Vec::new();
    let answer = lake.session().query("SELECT * FROM readings ORDER BY n").await.unwrap();
    assert_eq!(write(answer, Format::Parquet, &mut output).await.unwrap(), 2);
    let reader = ::parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(
        bytes::Bytes::from(output),
        1024,
    )
    .unwrap();
    let batches: Vec<_> = reader.map(Result::unwrap).collect();
    assert_eq!(batches.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>(), 2);
    let kind =
        |name: &str| batches[0].schema().field_with_name(name).unwrap().data_type().to_string();
    assert_eq!(kind("flow_id"), "Utf8");
    assert_eq!(kind("opened_time"), "Timestamp(µs, \"UTC\")");
    assert_eq!(batches[0]["nodes"].len(), 2);
}

#[tokio::test]
async fn parquet_says_where_it_comes_from() {
    let (_directory, lake) = filled().await;
    lake.append(&READINGS, vec![group("b", 1, "g")]).await.unwrap();
    let sql = "SELECT count(*) AS readings FROM readings, events";
    let answer = lake.session().query(sql).await.unwrap();
    let asked = answer.origin().time;
    let mut output = Vec::new();
    write(answer, Format::Parquet, &mut output).await.unwrap();
    let reader = ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(
        bytes::Bytes::from(output),
    )
    .unwrap();
    let metadata = reader.metadata().file_metadata().key_value_metadata().unwrap();
    let value = |key: &str| {
        metadata.iter().find(|entry| entry.key == key).and_then(|entry| entry.value.as_deref())
    };
    assert_eq!(value("trigpoint.query"), Some(sql));
    // Version 0 made the table; of `events` there is none yet.
    assert_eq!(value("trigpoint.versions"), Some(r#"{"events":null,"readings":2}"#));
    let time = value("trigpoint.queriedTime").unwrap().parse::<chrono::DateTime<chrono::Utc>>();
    assert_eq!(time.unwrap().timestamp_micros(), asked.timestamp_micros());
}

#[tokio::test]
async fn a_long_result_becomes_row_groups_that_a_reader_can_hold() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    let sql = "SELECT value FROM generate_series(1, 300000)";
    let answer = lake.session().query(sql).await.unwrap();
    let mut output = Vec::new();
    assert_eq!(write(answer, Format::Parquet, &mut output).await.unwrap(), 300_000);
    let reader = ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(
        bytes::Bytes::from(output),
    )
    .unwrap();
    let groups = reader.metadata().row_groups();
    let rows: Vec<_> = groups.iter().map(RowGroupMetaData::num_rows).collect();
    assert_eq!(rows, [131_072, 131_072, 37_856]);
}

#[tokio::test]
async fn a_narrow_result_is_aligned_with_numbers_to_the_right() {
    let (_directory, lake) = filled().await;
    let sql = "SELECT flow_id, min_rtt_us, clean FROM readings ORDER BY n";
    let expected = "\
flow_id  min_rtt_us  clean
───────  ──────────  ─────
flow-a         NULL  true
flow-b        10001  false
(2 rows)
";
    assert_eq!(text(&lake, Format::Table { width: Some(80) }, sql).await, expected);
    assert_eq!(text(&lake, Format::Table { width: None }, sql).await, expected);
}

#[tokio::test]
async fn a_wide_row_is_written_one_value_to_a_line() {
    let (_directory, lake) = filled().await;
    let sql = "SELECT flow_id, min_rtt_us, opened_time, nodes FROM readings WHERE n = 1";
    let expected = "\
── row 1 ───────────────────────────────
flow_id      flow-b
min_rtt_us   10001
opened_time  2026-11-24T00:00:00Z
nodes        [{\"address… (71 characters)
(1 row)
";
    let written = text(&lake, Format::Table { width: Some(40) }, sql).await;
    assert_eq!(written, expected);
    let aligned = text(&lake, Format::Table { width: None }, sql).await;
    assert!(aligned.lines().all(|line| !line.contains('…')), "cut without a terminal: {aligned}");
}

#[tokio::test]
async fn one_long_value_is_cut_to_keep_its_row_on_one_line() {
    let (_directory, lake) = filled().await;
    let sql = "SELECT flow_id, nodes, n FROM readings ORDER BY n";
    let expected = "\
flow_id  nodes                              n
───────  ─────────────────────────────────  ─
flow-a   [{\"address\":\"192… (71 characters)  0
flow-b   [{\"address\":\"192… (71 characters)  1
(2 rows)
";
    assert_eq!(text(&lake, Format::Table { width: Some(45) }, sql).await, expected);
}

#[tokio::test]
async fn a_query_plan_keeps_its_lines() {
    let (_directory, lake) = filled().await;
    let sql = "EXPLAIN SELECT flow_id FROM readings WHERE n > 1";
    let plan = text(&lake, Format::Table { width: Some(60) }, sql).await;
    assert!(plan.contains("\nplan\n  ") && !plan.contains('…'), "{plan}");
}

#[tokio::test]
async fn text_from_outside_cannot_drive_the_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    let mut row = reading("f", 1, 0);
    row[0] = Value::Text("a\u{1b}[2Jb".to_owned());
    let group =
        Group { app_id: "a".to_owned(), last_seq: 1, rows: vec![rows(&READINGS, 1, vec![row])] };
    lake.append(&READINGS, vec![group]).await.unwrap();
    let table =
        text(&lake, Format::Table { width: Some(80) }, "SELECT flow_id FROM readings").await;
    assert!(table.contains(r"a\u{1b}[2Jb"), "{table}");
}

#[tokio::test]
async fn a_result_longer_than_the_measured_rows_is_whole() {
    let (_directory, lake) = filled().await;
    let sql = "SELECT a.value * 100 + b.value AS n \
               FROM generate_series(0, 39) a, generate_series(0, 99) b";
    let table = text(&lake, Format::Table { width: Some(80) }, sql).await;
    assert_eq!(table.lines().count(), 4003);
    assert!(table.ends_with("(4000 rows)\n"));
}

#[test]
fn formats_have_the_names_of_the_command_line() {
    for name in ["table", "csv", "json", "jsonl", "parquet"] {
        assert_eq!(name.parse::<Format>().unwrap().to_string(), name);
    }
    assert_eq!(
        "xml".parse::<Format>().unwrap_err().to_string(),
        "`xml` is no format; there are table, csv, json, jsonl, parquet"
    );
}

#[tokio::test]
async fn an_output_that_fails_is_reported() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("no space"))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (_directory, lake) = filled().await;
    lake.append(&READINGS, vec![group("b", 1, "g")]).await.unwrap();
    for name in ["table", "csv", "json", "jsonl", "parquet"] {
        let answer = lake.session().query(MIXED).await.unwrap();
        let error = write(answer, name.parse().unwrap(), &mut Full).await.unwrap_err();
        assert!(error.to_string().contains("no space"), "{name}: {error}");
    }
}
