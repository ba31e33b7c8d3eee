//! What leaves the tables: `trigpoint series` and `trigpoint export` on the rows of
//! a real test.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rustix::process::Signal;
use serde_json::Value;
use trigpoint_testkit::{Directory, Finished, Process, Standalone, eventually, run};

const TRIGPOINT: &str = env!("CARGO_BIN_EXE_trigpoint");
/// Far above what a loaded two-core machine needs.
const DEADLINE: Duration = Duration::from_mins(2);
/// More rows than anybody waits for.
const ENDLESS: &str = "SELECT a.value AS x, b.value AS y \
                       FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b";

/// A command on the data of a test's directory.
fn command(directory: &Directory, arguments: &[&str]) -> Command {
    let mut command = Command::new(TRIGPOINT);
    command.args(arguments).arg("--data-dir").arg(directory.join("data"));
    command
}

#[track_caller]
fn answered(directory: &Directory, arguments: &[&str]) -> String {
    let finished = run(&mut command(directory, arguments), DEADLINE);
    finished.expect_code(0);
    finished.stdout
}

#[track_caller]
fn refused(directory: &Directory, arguments: &[&str], code: i32, parts: &[&str]) {
    let finished = run(&mut command(directory, arguments), DEADLINE);
    finished.expect_code(code);
    assert_one_line(&finished, parts);
    assert_eq!(finished.stdout, "");
}

#[track_caller]
fn assert_one_line(finished: &Finished, parts: &[&str]) {
    assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    for part in parts {
        assert!(finished.stderr.contains(part), "`{part}` is not in: {}", finished.stderr);
    }
}

/// The tables after one test of a second in each direction.
fn tested(directory: &Directory) {
    let mut trial = command(directory, &["standalone", "--try", "--exit", "--ws-port", "0"]);
    trial.args(["--wss-port", "0", "--test-duration", "1s"]);
    run(&mut trial, DEADLINE).expect_code(0);
}

/// Paths in a folder.
fn names(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_tests_flow_is_plotted_as_its_rows_have_it() {
    let directory = Directory::new();
    tested(&directory);
    let value = |sql: &str| {
        let answer = answered(&directory, &["query", "--format", "csv", sql]);
        answer.lines().nth(1).unwrap().to_owned()
    };
    let flow = value("SELECT flow_id FROM speed_tests WHERE direction = 'download'");
    let flow = flow.as_str();
    let count = value(&format!("SELECT count(*) FROM snapshots WHERE flow_id = '{flow}'"));
    let peer = value(&format!(
        "SELECT client_ip || ':' || client_port FROM speed_tests WHERE flow_id = '{flow}'"
    ));
    let polls = value(&format!("SELECT polls_done FROM flows WHERE flow_id = '{flow}'"));

    let plot = answered(&directory, &["series", flow]);
    let plain = plot.replace(',', "");
    assert!(plain.contains(&format!("{count} snapshots in ")), "{plot}");
    assert!(plain.contains(&format!("{polls} polls done")), "{plot}");
    assert!(plot.starts_with("Download at ") && plot.contains(&peer), "{plot}");
    for part in
        [flow, "congestion control ", "Round-trip time, ", "Congestion window, ", "Rate, ", "rwnd"]
    {
        assert!(plot.contains(part), "{part}: {plot}");
    }
    assert!(!plot.contains('\x1b') && plot.lines().all(|line| line.chars().count() <= 100));
    assert_eq!(answered(&directory, &["series", "--last=download"]), plot);
    let newest = answered(&directory, &["series", "--last"]);
    assert!(newest.starts_with("Upload at ") && newest.contains(", mean over"), "{newest}");

    let columns = "n, elapsed_us, polls_missed_before, rtt_us, min_rtt_us, snd_cwnd_segments, \
                   snd_ssthresh_segments, delivery_rate_bytes_per_s, delivery_rate_app_limited, \
                   bytes_acked, bytes_received, busy_time_us, rwnd_limited_us, sndbuf_limited_us";
    let sql = format!("SELECT {columns} FROM snapshots WHERE flow_id = '{flow}' ORDER BY n");
    for format in ["csv", "json"] {
        let rows = answered(&directory, &["series", flow, "--format", format]);
        assert_eq!(rows, answered(&directory, &["query", "--format", format, &sql]));
        assert!(rows.len() > 1000, "{rows}");
    }

    let picture = directory.join("flow.svg");
    let to = ["series", flow, "--output", picture.to_str().unwrap()];
    assert_eq!(answered(&directory, &to), "");
    let svg = text(&picture);
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
    assert!(svg.contains(&format!(">{flow}</text>")) && svg.contains("class=\"line first\""));
    refused(&directory, &to, 64, &["flow.svg` exists", "--force"]);
    fs::write(&picture, "old").unwrap();
    answered(&directory, &[&to[..], &["--force"]].concat());
    assert_eq!(text(&picture), svg);
    assert_eq!(names(directory.path()).len(), 2, "the data and the picture");
}

#[test]
fn a_flow_that_is_not_there_is_one_line_that_says_what_to_do() {
    let directory = Directory::new();
    let unknown = "host_1_00000000000000A1";
    refused(&directory, &["series", unknown], 1, &[unknown, "series --data-dir", "--last"]);
    refused(&directory, &["series", "a1"], 64, &["`a1` is no flow_id", "16 upper-case hex digits"]);
    refused(&directory, &["series", "--last"], 1, &["no test is stored yet", "does not exist"]);
    refused(&directory, &["series", "--last=upload"], 1, &["no upload is stored yet"]);
    refused(&directory, &["series"], 64, &["FLOW_ID"]);
    let odd = directory.join("flow.gif");
    let odd = ["series", unknown, "--output", odd.to_str().unwrap()];
    refused(&directory, &odd, 64, &["flow.gif", ".svg", "--format"]);
    assert!(names(directory.path()).is_empty());
}

#[test]
fn exported_rows_are_those_of_the_query_in_each_format() {
    let directory = Directory::new();
    tested(&directory);
    // Of every kind of column: a map of integers is the one that JSON does not have.
    let snapshots = "SELECT * EXCLUDE (unmapped) FROM snapshots ORDER BY flow_id, n";
    let tests = "SELECT * EXCLUDE (unmapped) FROM speed_tests ORDER BY flow_id";
    for (sql, kinds) in [
        (snapshots, &[("n", "Int64"), ("flow_id", "Utf8"), ("date", "Date32")][..]),
        (
            tests,
            &[("start_time", "Timestamp(µs, \"UTC\")"), ("throughput_bits_per_s", "Float64")][..],
        ),
    ] {
        let folder = Directory::new();
        let export = |name: &str| {
            let path = folder.join(name);
            let to = ["export", sql, "--output", path.to_str().unwrap()];
            let said = answered(&directory, &to);
            assert!(
                said.contains(&format!("rows, {} bytes in", fs::metadata(&path).unwrap().len()))
            );
            path
        };
        let queried = |format| answered(&directory, &["query", "--format", format, sql]);
        assert_eq!(text(&export("rows.csv")), queried("csv"));
        let lines = text(&export("rows.jsonl"));
        assert_eq!(lines, queried("jsonl"));
        assert!(lines.lines().count() >= 2);

        let parquet = export("rows.parquet");
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(File::open(&parquet).unwrap()).unwrap();
        for (column, kind) in kinds {
            let field = builder.schema().field_with_name(column).unwrap();
            assert_eq!(field.data_type().to_string(), *kind, "{column}");
        }
        let metadata = builder.metadata().file_metadata().key_value_metadata().unwrap();
        let metadata = |key: &str| {
            metadata.iter().find(|entry| entry.key == key).unwrap().value.clone().unwrap()
        };
        assert_eq!(metadata("trigpoint.query"), sql);
        assert!(metadata("trigpoint.queriedTime").starts_with("20"));
        let versions: Value = serde_json::from_str(&metadata("trigpoint.versions")).unwrap();
        let table = if sql == tests { "speed_tests" } else { "snapshots" };
        assert!(versions[table].as_u64() > Some(0), "{versions}");
        assert_eq!(versions.as_object().unwrap().len(), 1, "{versions}");
        assert_eq!(json_lines(builder), values(&lines));
        assert_eq!(names(folder.path()).len(), 3);
    }
    let piped = ["export", "SELECT 1 AS one, [1, 2] AS list", "--output", "-", "--format", "csv"];
    assert_eq!(answered(&directory, &piped), "one,list\n1,\"[1,2]\"\n");
    let mut piped = command(&directory, &["export", "SELECT 1 AS one", "--output", "-"]);
    let piped = piped.args(["--format", "parquet"]).output().unwrap();
    assert!(piped.stdout.starts_with(b"PAR1") && piped.stdout.ends_with(b"PAR1"));
}

fn values(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every row of a Parquet file, as the JSON lines would have it.
fn json_lines(builder: ParquetRecordBatchReaderBuilder<File>) -> Vec<Value> {
    let writer = arrow::json::writer::WriterBuilder::new().with_explicit_nulls(true);
    let mut writer = writer.build::<_, arrow::json::writer::LineDelimited>(Vec::new());
    for batch in builder.build().unwrap() {
        writer.write(&batch.unwrap()).unwrap();
    }
    writer.finish().unwrap();
    values(&String::from_utf8(writer.into_inner()).unwrap())
}

/// An empty lake, and a folder for what is exported.
fn empty() -> (Directory, Directory) {
    let directory = Directory::new();
    fs::create_dir(directory.join("data")).unwrap();
    (directory, Directory::new())
}

#[test]
fn an_export_that_fails_leaves_nothing_and_spoils_nothing() {
    let (directory, folder) = empty();
    let path = folder.join("rows.csv");
    let to = path.to_str().unwrap();
    let export = |sql: &'static str| ["export", sql, "--output", to];
    let late = "SELECT 1 / (value - 5000) FROM generate_series(1, 9000)";
    refused(&directory, &export("SELECT 1 FROM nowhere"), 1, &["no table `nowhere`"]);
    refused(&directory, &export(late), 1, &["ivide by zero"]);
    refused(&directory, &export("DROP TABLE flows"), 1, &["queries only read"]);
    assert!(names(folder.path()).is_empty());

    fs::write(&path, "mine").unwrap();
    refused(&directory, &export("SELECT 1"), 64, &["rows.csv` exists", "--force"]);
    let failing = [&export(late)[..], &["--force"]].concat();
    refused(&directory, &failing, 1, &["ivide by zero"]);
    assert_eq!(text(&path), "mine");
    answered(&directory, &[&export("SELECT 1 AS one")[..], &["--force"]].concat());
    assert_eq!(text(&path), "one\n1\n");

    for (output, part) in [
        ("rows.xlsx", "--format parquet|csv|jsonl"),
        ("-", "--format parquet|csv|jsonl"),
        ("/dev/null", "--format parquet|csv|jsonl"),
        ("/nowhere/rows.csv", "/nowhere/rows.csv"),
    ] {
        refused(&directory, &["export", "SELECT 1", "--output", output], 64, &[part]);
    }
    let device = ["export", "SELECT 1", "--output", "/dev/null", "--format", "csv", "--force"];
    refused(&directory, &device, 64, &["`/dev/null` is no regular file"]);
}

#[test]
fn an_export_that_is_ended_leaves_nothing() {
    for (signal, name) in
        [(Signal::INT, "rows.csv"), (Signal::TERM, "rows.jsonl"), (Signal::HUP, "rows.parquet")]
    {
        let (directory, folder) = empty();
        let path = folder.join(name);
        let to = ["export", ENDLESS, "--output", path.to_str().unwrap()];
        let export = Process::start(&mut command(&directory, &to));
        eventually(DEADLINE, "a file in the making", || {
            let partial = names(folder.path()).pop()?;
            // Parquet has its first row group in memory for long.
            (fs::metadata(partial).ok()?.len() > 1000 || name == "rows.parquet").then_some(())
        });
        export.signal(signal);
        let ended = export.finished(DEADLINE);
        ended.expect_code(1);
        assert_one_line(&ended, &["interrupted"]);
        assert_eq!(ended.stdout, "");
        assert!(names(folder.path()).is_empty(), "{name}");
    }
}

/// As on a full disk: the kernel refuses to let the file grow.
#[test]
fn an_export_that_finds_no_space_says_so_and_leaves_nothing() {
    for name in ["rows.csv", "rows.jsonl", "rows.parquet"] {
        let (directory, folder) = empty();
        let mut limited = Command::new("sh");
        limited.args(["-c", "trap '' XFSZ; ulimit -f 100; exec \"$@\"", "sh", TRIGPOINT]);
        // Nothing that compresses.
        let random = "SELECT random() AS x FROM generate_series(1, 1000000)";
        limited.args(["export", random, "--output"]).arg(folder.join(name));
        limited.arg("--data-dir").arg(directory.join("data"));
        let finished = run(&mut limited, DEADLINE);
        finished.expect_code(1);
        assert_one_line(&finished, &[name, "File too large"]);
        assert!(!finished.stderr.contains("partial"), "{}", finished.stderr);
        assert!(names(folder.path()).is_empty(), "{name}");
    }
}

#[test]
fn a_reader_of_an_export_that_leaves_is_no_failure() {
    let directory = Directory::new();
    let mut export = command(&directory, &["export", ENDLESS, "--output", "-", "--format", "csv"]);
    export.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
    let mut export = export.spawn().unwrap();
    let mut stdout = export.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 1000]).unwrap();
    drop(stdout);
    assert_eq!(export.wait().unwrap().code(), Some(0));
}

#[test]
fn an_export_sees_a_test_while_the_station_runs() {
    let directory = Directory::new();
    let station = Standalone::start(TRIGPOINT, &directory, &["--test-duration", "1s"]);
    let tested = ["speedtest", station.ws(), "--only", "download"];
    run(Command::new(TRIGPOINT).args(tested), DEADLINE).expect_code(0);
    let count = || station.query("SELECT count(*) AS count FROM speed_tests")[0]["count"].clone();
    eventually(DEADLINE, "the test's row", || (count() == 1).then_some(()));
    let plot = answered(&directory, &["series", "--last"]);
    assert!(plot.starts_with("Download at "), "{plot}");
    let path = directory.join("tests.jsonl");
    let sql = "SELECT direction FROM speed_tests";
    answered(&directory, &["export", sql, "--output", path.to_str().unwrap()]);
    assert_eq!(text(&path), "{\"direction\":\"download\"}\n");
    station.stop();
}
