use super::*;
use crate::Group;
use crate::testing::{EARLIER, EVENTS, MIDNIGHT, READINGS, csv, group, lake, rows};
use arrow::array::RecordBatch;
use trigpoint_record::Value;

async fn refusal(lake: &Lake, sql: &str) -> String {
    match lake.session().query(sql).await {
        Ok(answer) => match answer.collect().await {
            Ok(rows) => panic!("{sql} was answered: {rows:?}"),
            Err(error) => error.to_string(),
        },
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_lake_that_nobody_has_written_to_answers_with_no_rows() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    assert_eq!(csv(&lake, "SELECT count(*) FROM readings").await, ["0"]);
    assert!(csv(&lake, "SELECT min_rtt_us, nodes[1]['rtt_us'] FROM readings").await.is_empty());
    assert!(!directory.path().join("lake").exists(), "a query made the directory");
}

#[tokio::test]
async fn a_query_sees_what_another_process_has_just_committed() {
    let directory = tempfile::tempdir().unwrap();
    let (writer, reader) = (lake(&directory), lake(&directory));
    let session = reader.session();
    for seq in 1..=3 {
        writer.append(&READINGS, vec![group("a", seq, "f")]).await.unwrap();
        let rows = session.query("SELECT n FROM readings").await.unwrap().collect().await.unwrap();
        assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>() as u64, seq);
    }
}

#[tokio::test]
async fn files_that_no_commit_names_are_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    lake.append(&READINGS, vec![group("a", 1, "f")]).await.unwrap();
    let date = directory.path().join("lake/readings/date=2026-11-24");
    let file = std::fs::read_dir(&date).unwrap().next().unwrap().unwrap().path();
    std::fs::copy(file, date.join("part-of-a-crashed-commit.zstd.parquet")).unwrap();
    assert_eq!(csv(&lake, "SELECT count(*), sum(n) FROM readings").await, ["1,1"]);
}

#[tokio::test]
async fn a_filter_on_flow_date_or_time_finds_its_rows() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    for seq in 1..=3 {
        lake.append(&READINGS, vec![group("a", seq, &format!("flow-{seq}"))]).await.unwrap();
    }
    for filter in [
        "flow_id = 'flow-2'",
        "n = 2",
        "date = '2026-11-24' AND n BETWEEN 2 AND 2",
        "start_time = TIMESTAMP '2026-11-24T00:00:00.000002Z'",
        "start_time > TIMESTAMP '2026-11-24T00:00:00.000001Z' AND n < 3",
        "spool_id = 'spool-1' AND batch_seq = 2",
        "station['site'] = 'abc01' AND min_rtt_us = 10002",
    ] {
        let sql = format!("SELECT flow_id FROM readings WHERE {filter}");
        assert_eq!(csv(&lake, &sql).await, ["flow-2"], "{filter}");
    }
}

#[tokio::test]
async fn a_wrong_name_is_answered_with_the_nearest_right_one() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    for (sql, message) in [
        ("SELECT * FROM reading", "there is no table `reading`; did you mean `readings`?"),
        ("SELECT * FROM Readngs", "there is no table `readngs`; did you mean `readings`?"),
        (
            "SELECT * FROM ndt.readings",
            "there is no table `ndt.readings`; did you mean `readings`?",
        ),
        ("SELECT * FROM x", "there is no table `x`; there are readings, events"),
        (
            "SELECT min_rtt FROM readings",
            "there is no column `min_rtt`; did you mean `min_rtt_us`?",
        ),
        (
            "SELECT r.flowid FROM readings r WHERE n > 1",
            "there is no column `flowid`; did you mean `flow_id`?",
        ),
        (
            "SELECT n FROM readings JOIN events ON opned_time = time",
            "there is no column `opned_time`; did you mean `opened_time`?",
        ),
        ("SELECT qqq FROM readings", "there is no column `qqq`"),
    ] {
        assert_eq!(refusal(&lake, sql).await, message, "{sql}");
    }
}

#[tokio::test]
async fn queries_only_read() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    lake.append(&READINGS, vec![group("a", 1, "f")]).await.unwrap();
    let target = directory.path().join("out.csv");
    for sql in [
        "DROP TABLE readings",
        "CREATE TABLE mine AS SELECT * FROM readings",
        "CREATE EXTERNAL TABLE mine STORED AS CSV LOCATION '/etc/passwd'",
        "INSERT INTO readings SELECT * FROM readings",
        "DELETE FROM readings",
        "SET datafusion.execution.batch_size = 1",
        &format!("COPY readings TO '{}'", target.display()),
        "SELECT * FROM '/etc/passwd'",
    ] {
        let message = refusal(&lake, sql).await;
        assert!(
            message.starts_with("queries only read") || message.starts_with("there is no table"),
            "{sql}: {message}"
        );
    }
    assert!(!target.exists());
    assert_eq!(csv(&lake, "SELECT count(*) FROM readings").await, ["1"]);
}

#[tokio::test]
async fn tables_and_columns_can_be_listed_and_plans_shown() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    let tables = csv(&lake, "SHOW TABLES").await.join("\n");
    assert!(tables.contains("readings") && tables.contains("events"), "{tables}");
    let columns = csv(&lake, "DESCRIBE readings").await;
    assert_eq!(columns.len(), 14);
    assert!(!csv(&lake, "EXPLAIN SELECT count(*) FROM readings").await.is_empty());
    let with = "WITH own AS (SELECT n FROM readings) SELECT count(*) FROM own";
    assert_eq!(csv(&lake, with).await, ["0"]);
}

#[tokio::test]
async fn a_query_that_cannot_be_understood_gets_one_plain_line() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    for (sql, message) in [
        ("SELECT 1 +", "Expected: an expression, found: EOF"),
        ("", "No SQL statements were provided in the query string"),
        ("SELECT nosuch(n) FROM readings", "Invalid function 'nosuch'. Did you mean 'cosh'?"),
    ] {
        assert_eq!(refusal(&lake, sql).await, message, "{sql}");
    }
}

#[tokio::test]
async fn columns_that_a_table_was_written_without_are_null() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lake");
    let earlier = Lake::open_tables(&path.to_string_lossy(), &[&EARLIER, &EVENTS]).unwrap();
    let times = [Value::Time(MIDNIGHT), Value::Time(MIDNIGHT)];
    let row = [vec!["f".into(), Value::Int(7)], times.into(), vec![Value::Null]].concat();
    let rows = vec![rows(&EARLIER, 1, vec![row])];
    let group = Group { app_id: "a".to_owned(), last_seq: 1, rows };
    earlier.append(&EARLIER, vec![group]).await.unwrap();
    let lake = lake(&directory);
    let sql =
        "SELECT n, min_rtt_us IS NULL, station.site IS NULL FROM readings WHERE flow_id = 'f'";
    assert_eq!(csv(&lake, sql).await, ["7,true,true"]);
    let all = lake.session().query("SELECT * FROM readings").await.unwrap();
    let empty = super::empty(&READINGS).unwrap();
    assert_eq!(all.schema().fields().len(), empty.schema().fields().len());
}

#[tokio::test]
async fn null_is_sorted_as_the_least_of_all_values() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    let readings = [0, 2, 1].map(|n| crate::testing::reading("f", n, 0)).into();
    let group =
        Group { app_id: "a".to_owned(), last_seq: 1, rows: vec![rows(&READINGS, 1, readings)] };
    lake.append(&READINGS, vec![group]).await.unwrap();
    let sorted = async |order: &str| {
        csv(&lake, &format!("SELECT n, min_rtt_us FROM readings ORDER BY {order}")).await
    };
    assert_eq!(sorted("min_rtt_us").await, ["0,", "1,10001", "2,10002"]);
    assert_eq!(sorted("min_rtt_us DESC").await, ["2,10002", "1,10001", "0,"]);
    assert_eq!(sorted("min_rtt_us NULLS LAST").await, ["1,10001", "2,10002", "0,"]);
}

#[tokio::test]
async fn names_are_taken_without_regard_to_case_and_given_as_they_are_written() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    lake.append(&READINGS, vec![group("a", 1, "f")]).await.unwrap();
    for (sql, name, row) in [
        ("SELECT Flow_Id FROM READINGS", "flow_id", "f"),
        ("SELECT \"flow_id\" FROM readings AS R WHERE r.N = 1", "flow_id", "f"),
        ("SELECT n AS TheNumber FROM readings ORDER BY thenumber", "TheNumber", "1"),
        ("SELECT R.station.Site FROM readings r", "Site", "abc01"),
        ("SELECT nodes[1].Address FROM readings", "Address", "192.0.2.1"),
        ("SELECT nodes[2]['RTT_us'] FROM readings", "RTT_us", "7"),
        ("SELECT \"Site\" FROM (SELECT station.site AS \"Site\" FROM readings)", "Site", "abc01"),
        (
            "SELECT station.site FROM readings GROUP BY station.site HAVING COUNT(*) = 1",
            "site",
            "abc01",
        ),
        (
            "SELECT table_name AS Table_Name FROM Information_Schema.Tables WHERE Table_Name = 'events'",
            "Table_Name",
            "events",
        ),
    ] {
        let schema = lake.session().query(sql).await.unwrap().schema();
        assert_eq!(schema.field(0).name(), name, "{sql}");
        assert_eq!(csv(&lake, sql).await, [row], "{sql}");
    }
}

#[tokio::test]
async fn equal_projections_over_each_other_are_two() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    for (sql, value) in [
        ("SELECT s + s AS s FROM (SELECT s + s AS s FROM (SELECT 1 AS s))", "4"),
        (
            "SELECT s + 1 AS s FROM (SELECT s + 1 AS s FROM (SELECT s + 1 AS s FROM (SELECT 1 AS s)))",
            "4",
        ),
        ("SELECT a + b AS a FROM (SELECT a + b AS a, b FROM (SELECT 1 AS a, 2 AS b))", "5"),
        ("SELECT x.a + y FROM (SELECT 1 AS a) AS x, (SELECT 2 AS y), (SELECT 3)", "3"),
        ("SELECT * FROM (SELECT (SELECT max(v) FROM (SELECT 5 AS v)) AS s)", "5"),
    ] {
        assert_eq!(csv(&lake, sql).await, [value], "{sql}");
    }
}

#[tokio::test]
async fn integers_come_by_column_and_null_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    let session = lake.session();
    let sql = "SELECT value, CASE WHEN value = 2 THEN NULL ELSE value * 3 END \
               FROM generate_series(1, 3) ORDER BY value";
    let [values, triples] = session.query(sql).await.unwrap().integers().await.unwrap();
    assert_eq!(values, [Some(1), Some(2), Some(3)]);
    assert_eq!(triples, [Some(3), None, Some(9)]);
    let few = session.query("SELECT 1").await.unwrap().integers::<2>().await.unwrap_err();
    assert_eq!(few.to_string(), "the answer has 1 columns instead of 2");
    let text = session.query("SELECT 'a'").await.unwrap().integers::<1>().await.unwrap_err();
    assert!(text.to_string().starts_with("a column has values of Utf8"), "{text}");
}
