//! A lake of real tables, and ways to harm it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use arrow::array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value as Json, json};
use trigpoint_record::tables::stations::{Event, Gap, StationEvent};
use trigpoint_record::tables::{FLOWS, SNAPSHOTS, SPEED_TESTS, STATIONS};
use trigpoint_record::{Station, Table, Value};

use crate::check::{FindingKind, Report, Settings};
use crate::testing::{MIDNIGHT, sent};
use crate::{Group, Lake, Rows};

pub(super) const DAY: i64 = 86_400_000_000;
/// Nothing is on its way in a test.
const AT_ONCE: Settings = Settings { settle: Duration::ZERO };

pub(super) struct Fixture {
    directory: tempfile::TempDir,
}

/// A row with these values, and NULL in every other column.
pub(super) fn row(table: &'static Table, values: &[(&str, Value)]) -> Vec<Value> {
    for (name, _) in values {
        assert!(table.columns.iter().any(|column| column.name == *name), "{name}");
    }
    let value = |name: &str| values.iter().find(|(other, _)| *other == name);
    let columns = table.columns.iter();
    columns.map(|column| value(column.name).map_or(Value::Null, |(_, v)| v.clone())).collect()
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// Snapshots `n` of a flow that opened `day` days after [`MIDNIGHT`].
pub(super) fn snapshots(flow: &str, n: std::ops::Range<i64>, day: i64) -> Vec<Vec<Value>> {
    let opened = Value::Time(MIDNIGHT + day * DAY);
    let values = |n| {
        row(
            &SNAPSHOTS,
            &[
                ("flow_id", text(flow)),
                ("opened_time", opened.clone()),
                ("n", Value::Int(n)),
                ("elapsed_us", Value::Int(n * 10_000)),
            ],
        )
    };
    n.map(values).collect()
}

pub(super) fn flow(flow: &str, day: i64) -> Vec<Vec<Value>> {
    let opened = Value::Time(MIDNIGHT + day * DAY);
    vec![row(&FLOWS, &[("flow_id", text(flow)), ("opened_time", opened)])]
}

pub(super) fn speed_test(flow: &str, day: i64) -> Vec<Vec<Value>> {
    let opened = Value::Time(MIDNIGHT + day * DAY);
    let values = [
        ("flow_id", text(flow)),
        ("opened_time", opened),
        ("test_id", text(flow)),
        ("direction", text("download")),
    ];
    vec![row(&SPEED_TESTS, &values)]
}

pub(super) fn event(event: Event, day: i64) -> Vec<Vec<Value>> {
    let event = StationEvent { time: MIDNIGHT + day * DAY, event, facts: Vec::new() };
    vec![event.into_row(&Station::default())]
}

pub(super) fn gap(first_seq: u64, last_seq: u64) -> Vec<Vec<Value>> {
    event(Event::Gap(Gap { first_seq, last_seq, reason: "full".to_owned() }), 0)
}

impl Fixture {
    pub(super) fn empty() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    /// Three spools with rows of every table over two dates, a gap, a batch in
    /// quarantine, and markers that stand above the last row.
    pub(super) async fn clean() -> Self {
        let fixture = Self::empty();
        let lake = fixture.lake();
        fixture.append(&SNAPSHOTS, "a", 1, snapshots("flow-a", 0..5, 0)).await;
        fixture.append(&SNAPSHOTS, "a", 2, snapshots("flow-a", 5..9, 0)).await;
        fixture.append(&FLOWS, "a", 3, flow("flow-a", 0)).await;
        fixture.append(&SPEED_TESTS, "a", 4, speed_test("flow-a", 0)).await;
        lake.quarantine("local/a", 5, "snapshots", Bytes::from_static(b"nonsense")).await.unwrap();
        fixture.mark(&SNAPSHOTS, "a", 5).await;
        fixture.append(&STATIONS, "a", 8, gap(6, 8)).await;
        fixture.append(&STATIONS, "a", 9, event(Event::Gone, 0)).await;

        fixture.append(&STATIONS, "b", 1, event(Event::Appeared, 0)).await;
        fixture.append(&SNAPSHOTS, "b", 2, snapshots("flow-b", 0..3, 1)).await;
        fixture.append(&SPEED_TESTS, "b", 3, speed_test("flow-b", 1)).await;
        fixture.append(&SNAPSHOTS, "c", 1, snapshots("flow-c", 0..3, 1)).await;
        fixture
    }

    /// A new process's view.
    pub(super) fn lake(&self) -> Lake {
        Lake::open(&self.directory.path().to_string_lossy()).unwrap()
    }

    pub(super) fn path(&self, below: &str) -> PathBuf {
        self.directory.path().join(below)
    }

    pub(super) async fn append(
        &self,
        table: &'static Table,
        spool: &str,
        seq: u64,
        rows: Vec<Vec<Value>>,
    ) {
        let (count, columns) = sent(table, rows);
        let rows = vec![Rows::convert(table, spool, seq, count, columns).unwrap()];
        let group = Group { app_id: format!("local/{spool}"), last_seq: seq, rows };
        assert!(self.lake().append(table, vec![group]).await.unwrap().version.is_some());
    }

    /// Moves a marker past a batch without rows.
    pub(super) async fn mark(&self, table: &'static Table, spool: &str, seq: u64) {
        let group = Group { app_id: format!("local/{spool}"), last_seq: seq, rows: Vec::new() };
        self.lake().append(table, vec![group]).await.unwrap();
    }

    pub(super) async fn check(&self) -> Report {
        self.lake().check(&AT_ONCE).await.unwrap()
    }

    /// Checks, and wants exactly one finding; what it is about, and its detail.
    pub(super) async fn one(&self, kind: FindingKind) -> (String, String) {
        let report = self.check().await;
        let [finding] = report.findings.as_slice() else { panic!("{:#?}", report.findings) };
        assert_eq!(finding.kind, kind, "{finding:?}");
        (finding.object.clone(), finding.detail.clone())
    }

    /// The commits of a table: version and path.
    pub(super) fn commits(&self, table: &str) -> Vec<PathBuf> {
        let log = fs::read_dir(self.path(table).join("_delta_log")).unwrap();
        let mut commits: Vec<_> = log.map(|entry| entry.unwrap().path()).collect();
        commits.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        commits.sort();
        commits
    }

    /// Every `add` of a table's log, in the order of commits.
    pub(super) fn adds(&self, table: &str) -> Vec<Json> {
        let texts = self.commits(table).into_iter().map(|path| fs::read_to_string(path).unwrap());
        let lines: Vec<String> =
            texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        let actions = lines.iter().map(|line| serde_json::from_str::<Json>(line).unwrap());
        actions.filter_map(|action| action.get("add").cloned()).collect()
    }

    /// Path below the lake's root of the file that the `number`th add names.
    pub(super) fn file(&self, table: &str, number: usize) -> String {
        format!("{table}/{}", self.adds(table)[number]["path"].as_str().unwrap())
    }

    /// Commits actions by hand.
    pub(super) fn commit(&self, table: &str, actions: &[Json]) -> String {
        let name = format!("{table}/_delta_log/{:020}.json", self.commits(table).len());
        let lines: Vec<String> = actions.iter().map(Json::to_string).collect();
        fs::write(self.path(&name), lines.join("\n")).unwrap();
        name
    }

    /// Replaces the first file of a table by its rows as `rows` changes them,
    /// with its entry in the log as `entry` changes it; the new file's path.
    pub(super) fn rewrite(
        &self,
        table: &str,
        rows: impl Fn(&RecordBatch) -> RecordBatch,
        entry: impl Fn(&mut Json, &mut Json),
    ) -> String {
        let mut add = self.adds(table).swap_remove(0);
        let old = add["path"].as_str().unwrap().to_owned();
        let file = fs::File::open(self.path(table).join(&old)).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        let batches: Vec<_> = reader.map(|batch| rows(&batch.unwrap())).collect();
        let mut writer = ArrowWriter::try_new(Vec::new(), batches[0].schema(), None).unwrap();
        for batch in &batches {
            writer.write(batch).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let mut stats: Json = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
        stats["numRecords"] = batches.iter().map(RecordBatch::num_rows).sum::<usize>().into();
        add["size"] = bytes.len().into();
        add["path"] = old.replace("part-", "part-0").into();
        entry(&mut add, &mut stats);
        add["stats"] = stats.to_string().into();
        let new = add["path"].as_str().unwrap().to_owned();
        let path = self.path(table).join(&new);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        let now = chrono::Utc::now().timestamp_millis();
        let remove = json!({"remove": {"path": old, "dataChange": true, "deletionTimestamp": now}});
        self.commit(table, &[remove, json!({ "add": add })]);
        format!("{table}/{new}")
    }
}

/// A change of the log's entry that changes nothing.
pub(super) fn unchanged(_: &mut Json, _: &mut Json) {}
