use trigpoint_record::Value;

use super::*;
use crate::testing::{EVENTS, MIDNIGHT, READINGS, group, lake, rows};
use crate::{Group, Lake};

#[tokio::test]
async fn every_column_in_the_log_says_what_it_means_and_in_which_unit() {
    let directory = tempfile::tempdir().unwrap();
    lake(&directory).append(&READINGS, vec![group("a", 1, "f")]).await.unwrap();
    let log = directory.path().join("lake/readings/_delta_log/00000000000000000000.json");
    let log = std::fs::read_to_string(log).unwrap();
    let metadata = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .find_map(|action| action.get("metaData").cloned())
        .unwrap();
    assert_eq!(metadata["description"], READINGS.doc);
    assert_eq!(metadata["partitionColumns"], serde_json::json!(["date"]));
    let configuration = &metadata["configuration"];
    assert_eq!(configuration["delta.checkpointInterval"], "50");
    assert_eq!(configuration["delta.deletedFileRetentionDuration"], "interval 6 hours");
    assert_eq!(configuration["delta.logRetentionDuration"], "interval 24 hours");
    assert_eq!(configuration["delta.setTransactionRetentionDuration"], "interval 365 days");
    assert_eq!(configuration["delta.dataSkippingStatsColumns"], "flow_id,n,start_time,opened_time");

    let schema: serde_json::Value =
        serde_json::from_str(metadata["schemaString"].as_str().unwrap()).unwrap();
    let fields = schema["fields"].as_array().unwrap();
    let names: Vec<_> = fields.iter().map(|field| field["name"].as_str().unwrap()).collect();
    let sent = READINGS.columns.iter().map(|column| column.name);
    let stored = std::iter::once(DATE).chain(sent).chain([SPOOL_ID, BATCH_SEQ, UNMAPPED]);
    assert_eq!(names, stored.collect::<Vec<_>>());
    for field in fields {
        let comment = field["metadata"]["comment"].as_str();
        assert!(comment.is_some_and(|comment| comment.ends_with('.')), "{field}");
    }
    let comment = |name: &str| {
        let field = fields.iter().find(|field| field["name"] == name).unwrap();
        field["metadata"]["comment"].as_str().unwrap()
    };
    assert_eq!(comment("min_rtt_us"), "What the column means. Unit: µs.");
    assert!(comment("date").starts_with("UTC date of opened_time"));
    let nested = &fields.iter().find(|field| field["name"] == "nodes").unwrap()["type"];
    let rtt = &nested["elementType"]["fields"][1];
    assert_eq!(rtt["metadata"]["comment"], "What the column means. Unit: µs.");
}

#[test]
fn times_are_utc_microseconds_and_integers_have_64_bits() {
    let schema = arrow_schema(&READINGS).unwrap();
    let kind = |name: &str| schema.field_with_name(name).unwrap().data_type().to_string();
    assert_eq!(kind("opened_time"), "Timestamp(µs, \"UTC\")");
    assert_eq!(kind("min_rtt_us"), "Int64");
    assert_eq!(kind("date"), "Date32");
    assert!(schema.fields().iter().all(|field| field.is_nullable()));
}

#[test]
fn the_date_comes_from_the_flow_before_anything_else() {
    assert_eq!(date_source(&READINGS).unwrap().name, "opened_time");
    assert_eq!(date_source(&EVENTS).unwrap().name, "time");
    assert_eq!(sort_columns(&READINGS), ["flow_id", "n"]);
    assert_eq!(sort_columns(&EVENTS), ["time"]);
}

/// One value of every kind, so that no column of a real table is left out.
fn sample(kind: Kind, present: bool) -> Value {
    if !present {
        return Value::Null;
    }
    match kind {
        Kind::Int => Value::Int(-7),
        Kind::Float => Value::Float(0.25),
        Kind::Text => Value::Text("text".to_owned()),
        Kind::Bytes => Value::Bytes(vec![1, 2]),
        Kind::Time => Value::Time(MIDNIGHT),
        Kind::Bool => Value::Bool(true),
        Kind::List(item) => Value::List(vec![sample(item.kind, true), sample(item.kind, true)]),
        Kind::Struct(fields) => {
            Value::Struct(fields.iter().map(|field| sample(field.kind, true)).collect())
        }
    }
}

#[tokio::test]
async fn every_column_of_every_table_comes_back_as_it_was_sent() {
    let directory = tempfile::tempdir().unwrap();
    let lake = Lake::open(&directory.path().join("lake").to_string_lossy()).unwrap();
    for table in trigpoint_record::TABLES {
        let source = date_source(table).unwrap().name;
        let row = |all: bool| {
            let value = |column: &Column| sample(column.kind, all || column.name == source);
            table.columns.iter().map(value).collect::<Vec<_>>()
        };
        let rows = rows(table, 1, vec![row(true), row(false)]);
        let group = Group { app_id: "a".to_owned(), last_seq: 1, rows: vec![rows] };
        lake.append(table, vec![group]).await.unwrap();

        let answer = lake.session().query(&format!("SELECT * FROM {}", table.name)).await.unwrap();
        let mut text = Vec::new();
        crate::write(answer, crate::Format::JsonLines, &mut text).await.unwrap();
        let text = String::from_utf8(text).unwrap();
        let mut stored: Vec<serde_json::Map<_, _>> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        stored.sort_by_key(|row| row.values().filter(|value| value.is_null()).count());
        let [full, sparse] = stored.try_into().unwrap();
        for column in table.columns {
            let expected = json(column.kind);
            assert_eq!(full[column.name], expected, "{}.{}", table.name, column.name);
            let absent = sparse[column.name].is_null();
            assert_eq!(absent, column.name != source, "{}.{}", table.name, column.name);
        }
        assert_eq!(full["date"], "2026-11-24");
    }
    let markers = lake.committed("a").await.unwrap();
    assert_eq!(markers.len(), trigpoint_record::TABLES.len());
}

/// [`sample`] as JSON.
fn json(kind: Kind) -> serde_json::Value {
    match kind {
        Kind::Int => (-7).into(),
        Kind::Float => 0.25.into(),
        Kind::Text => "text".into(),
        Kind::Bytes => "0102".into(),
        Kind::Time => "2026-11-24T00:00:00Z".into(),
        Kind::Bool => true.into(),
        Kind::List(item) => vec![json(item.kind), json(item.kind)].into(),
        Kind::Struct(fields) => {
            let fields = fields.iter().map(|field| (field.name.to_owned(), json(field.kind)));
            serde_json::Value::Object(fields.collect())
        }
    }
}
