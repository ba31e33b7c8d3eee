//! Other engines on the same tables: polars, DuckDB, ClickHouse and Spark read
//! them through the Delta log while a station is being tested, polars and
//! Spark in a bucket too, and agree with `trigpoint query` at the same version of each table.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]
#![allow(clippy::print_stdout, reason = "the figures are what this suite is for")]

#[path = "engines/frozen.rs"]
mod frozen;
#[path = "engines/question.rs"]
mod question;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde_json::{Value, json};
use trigpoint_testkit::{Directory, S3, Standalone, eventually, run};

use frozen::{Frozen, newest_version};
use question::{Asked, Dialect};

const TRIGPOINT: &str = env!("CARGO_BIN_EXE_trigpoint");
/// A Spark session takes 45 s to start on an idle machine.
const DEADLINE: Duration = Duration::from_mins(10);

/// A reader of Delta tables beside our own.
struct Engine {
    script: &'static str,
    /// What it is asked in.
    dialect: &'static Dialect,
    /// Variables that its script wants.
    needs: &'static [&'static str],
}

/// Is told what to compute: its SQL knows no lists of structs.
static POLARS: Engine =
    Engine { script: "read_with_polars.py", dialect: &question::DUCKDB, needs: &[] };
static DUCKDB: Engine =
    Engine { script: "read_with_duckdb.py", dialect: &question::DUCKDB, needs: &[] };
static CLICKHOUSE: Engine =
    Engine { script: "read_with_clickhouse.py", dialect: &question::CLICKHOUSE, needs: &[] };
static SPARK: Engine =
    Engine { script: "read_with_spark.py", dialect: &question::SPARK, needs: &["SPARK_JARS"] };
static SPARK_IN_A_BUCKET: Engine = Engine { needs: &["SPARK_JARS", "SPARK_S3_JARS"], ..SPARK };

/// Answers by question, of each table.
type Answers = BTreeMap<String, BTreeMap<String, i64>>;

/// Tables as an engine finds them.
struct Tables {
    /// Path or URL of the folder that they are in.
    location: String,
    /// Where the same files are on this disk.
    on_disk: PathBuf,
    environment: Vec<(&'static str, String)>,
}

#[test]
fn every_engine_agrees_on_tables_on_disk_while_a_station_is_tested() {
    let directory = Directory::new();
    let station = Standalone::start(TRIGPOINT, &directory, &["--test-duration", "1s"]);
    let on_disk = directory.join("data").join("lake");
    let location = on_disk.to_string_lossy().into_owned();
    let tables = Tables { location, on_disk, environment: Vec::new() };
    agree(&[&POLARS, &DUCKDB, &CLICKHOUSE, &SPARK], &directory, station, &tables);
}

#[test]
fn polars_and_spark_agree_on_tables_in_a_bucket_while_a_station_is_tested() {
    let directory = Directory::new();
    let s3 = S3::start(&directory);
    let location = s3.url("tables");
    let environment = S3::environment(s3.address()).to_vec();
    let mut command = Command::new(TRIGPOINT);
    command.envs(environment.clone());
    let arguments = ["--test-duration", "1s", "--lake", &location];
    let station = Standalone::start_with(command, TRIGPOINT, &directory, &arguments);
    let tables = Tables { on_disk: s3.bucket().join("tables"), location, environment };
    // Spark wants half a gigabyte of Amazon's SDK for a bucket.
    let engines: &[&Engine] = if is_full() { &[&POLARS, &SPARK_IN_A_BUCKET] } else { &[&POLARS] };
    agree(engines, &directory, station, &tables);
}

/// Lets the engines read while the station is tested, each at the newest version
/// when it starts, and compares with `trigpoint query` at these versions.
fn agree(engines: &[&'static Engine], directory: &Directory, station: Standalone, tables: &Tables) {
    let asked = question::all(TRIGPOINT);
    let (stop, tests) = (AtomicBool::new(false), AtomicU64::new(0));
    let read: Vec<_> = thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                test(&station);
                tests.fetch_add(1, Ordering::Relaxed);
            }
        });
        eventually(DEADLINE, "rows in every table, and some commits", || {
            let newest = |table: &str| newest_version(&tables.on_disk, table);
            let has_rows = asked.iter().all(|table| newest(&table.name) > Some(0));
            (has_rows && newest("snapshots") >= Some(commits())).then_some(())
        });
        let read = |engine: &&'static Engine| {
            let (before, started) = (tests.load(Ordering::Relaxed), Instant::now());
            let versions = versions(&tables.on_disk, &asked);
            let answers = read(engine, directory, tables, &asked, &versions);
            let during = tests.load(Ordering::Relaxed) - before;
            let seconds = started.elapsed().as_secs_f64();
            println!("{}: {seconds:.1} s, {during} tests meanwhile", engine.script);
            (engine.script, versions, answers)
        };
        engines.iter().map(read).collect()
    });
    station.stop();

    let last = newest_version(&tables.on_disk, "snapshots").unwrap();
    for (script, versions, answers) in read {
        assert!(versions["snapshots"] < last, "nothing was written while {script} read");
        let frozen = Frozen::make(directory, script, &tables.on_disk, &versions);
        let ours = ours(&frozen, &asked);
        assert!(ours.values().all(|table| table["row_count"] > 0), "{ours:?}");
        for (table, expected) in &ours {
            assert_eq!(&answers[table], expected, "{script} of {table}");
        }
        let count = ours.values().map(BTreeMap::len).sum::<usize>();
        println!("{script}: {count} figures agree at {versions:?}");
    }
}

/// Commits of snapshots before the first engine reads; the full form wants a
/// checkpoint among them, which comes every 50.
fn commits() -> u64 {
    if is_full() { 60 } else { 5 }
}

fn is_full() -> bool {
    env::var_os("TRIGPOINT_PROVE").is_some_and(|form| form == "full")
}

/// Ends the load also where an engine failed.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One test in both directions.
fn test(station: &Standalone) {
    run(Command::new(TRIGPOINT).args(["speedtest", station.ws()]), DEADLINE).expect_code(0);
}

fn versions(lake: &Path, asked: &[Asked]) -> BTreeMap<String, u64> {
    let version = |name: &str| newest_version(lake, name).unwrap();
    asked.iter().map(|table| (table.name.clone(), version(&table.name))).collect()
}

/// What an engine answers.
fn read(
    engine: &Engine,
    directory: &Directory,
    tables: &Tables,
    asked: &[Asked],
    versions: &BTreeMap<String, u64>,
) -> Answers {
    let asked: Vec<Value> = asked
        .iter()
        .map(|table| {
            json!({
                "name": table.name,
                "path": format!("{}/{}", tables.location, table.name),
                "version": versions[&table.name],
                "queries": table.queries(engine.dialect),
                "questions": table.questions(),
            })
        })
        .collect();
    let file = directory.join(format!("{}.json", engine.script));
    fs::write(&file, json!(asked).to_string()).unwrap();
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/engines");
    let mut command = Command::new(needed("ENGINES_PYTHON"));
    command.arg(scripts.join(engine.script)).arg(file).envs(tables.environment.clone());
    // ClickHouse reads nothing outside of its working directory.
    command.current_dir(directory.path());
    for variable in engine.needs {
        command.env(variable, needed(variable));
    }
    let finished = run(&mut command, DEADLINE);
    finished.expect_code(0);
    let line = finished.stdout.lines().next_back().unwrap_or_default();
    let answers: BTreeMap<String, BTreeMap<String, Value>> = serde_json::from_str(line)
        .unwrap_or_else(|error| panic!("{error} in what {} printed: {line}", engine.script));
    answers.into_iter().map(|(table, answers)| (table, integers(answers))).collect()
}

/// What `trigpoint query` answers.
fn ours(frozen: &Frozen, asked: &[Asked]) -> Answers {
    let answers = |table: &Asked| {
        let mut answers = BTreeMap::new();
        for query in table.queries(&question::DATAFUSION) {
            let Value::Object(row) = frozen.row(TRIGPOINT, &query) else { panic!("{query}") };
            answers.extend(row);
        }
        (table.name.clone(), integers(answers))
    };
    asked.iter().map(answers).collect()
}

/// The sum of nothing is NULL here and 0 there; that NULL is not 0 is what the
/// counts say.
fn integers(answers: BTreeMap<String, Value>) -> BTreeMap<String, i64> {
    let integer = |value: Value| match value {
        Value::Null => 0,
        value => value.as_i64().unwrap_or_else(|| panic!("{value} is no integer")),
    };
    answers.into_iter().map(|(key, value)| (key, integer(value))).collect()
}

fn needed(variable: &str) -> OsString {
    let value = env::var_os(variable);
    value.unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask prove engines`"))
}
