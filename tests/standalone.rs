//! The command line as a newcomer uses it: `trigpoint standalone --try`, then
//! `query` and `tables` on what it left, and everything that can be given wrong.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]

use std::io::Read as _;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use trigpoint_testkit::{Directory, Finished, Process, Stream, run};

/// Far above what a loaded two-core machine needs.
const DEADLINE: Duration = Duration::from_mins(2);

fn trigpoint(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trigpoint"));
    command.args(arguments);
    command
}

fn standalone(directory: &Directory, arguments: &[&str]) -> Command {
    let mut command = trigpoint(&["standalone", "--ws-port", "0", "--wss-port", "0"]);
    command.env("TRIGPOINT_TEST_DURATION", "1s");
    command.arg("--data-dir").arg(directory.join("data")).args(arguments);
    command
}

fn query(directory: &Directory, format: &str, sql: &str) -> Finished {
    let mut command = trigpoint(&["query", "--format", format, sql]);
    run(command.arg("--data-dir").arg(directory.join("data")), DEADLINE)
}

/// The one value of a one-row, one-column answer.
fn value(directory: &Directory, sql: &str) -> String {
    let answer = query(directory, "csv", sql);
    answer.expect_code(0);
    answer.stdout.lines().nth(1).unwrap_or_default().to_owned()
}

/// Where the station says that `speedtest` finds it.
fn announced_url(station: &Process) -> String {
    station.line(Stream::Stdout, DEADLINE, |line| {
        let (_, rest) = line.split_once("speedtest ")?;
        Some(rest.split_whitespace().next()?.to_owned())
    })
}

#[track_caller]
fn assert_one_line(text: &str, parts: &[&str]) {
    assert_eq!(text.lines().count(), 1, "{text}");
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

#[test]
fn one_command_ends_in_a_result_and_its_row_and_the_tables_stay() {
    let directory = Directory::new();
    let tried = run(&mut standalone(&directory, &["--try", "--exit"]), DEADLINE);
    tried.expect_code(0);
    assert!(tried.stdout.contains("Download"), "{}", tried.stdout);
    assert!(tried.stdout.contains("bit/s"), "{}", tried.stdout);
    assert!(tried.stdout.contains("mbit_per_s"), "{}", tried.stdout);

    let tests = value(&directory, "SELECT count(*) FROM speed_tests");
    assert_eq!(tests, "2", "a download and an upload");
    let without_snapshots = "SELECT count(*) FROM speed_tests WHERE flow_id NOT IN \
                             (SELECT flow_id FROM snapshots)";
    assert_eq!(value(&directory, without_snapshots), "0");
    let flows = "SELECT count(*) FROM flows WHERE flow_id IN (SELECT flow_id FROM speed_tests)";
    assert_eq!(value(&directory, flows), "2", "the drain waits for the flows' rows");
    let traces = "SELECT count(*) FROM speed_tests JOIN traces USING (flow_id) \
                  WHERE traces.outcome = 'skipped_loopback'";
    assert_eq!(value(&directory, traces), "2", "the reason why there are no paths");
    let hidden = tried.stdout.lines().filter(|line| line.contains("because of"));
    let short = "The test of 127.0.0.1 is not in `ndt.unified_downloads` and \
                 `ndt.unified_uploads`, because of `filter.IsShort`, it took less than 9 s";
    assert_eq!(hidden.collect::<Vec<_>>(), [short], "{}", tried.stdout);
    for direction in ["download", "upload"] {
        let sql = format!("SELECT count(*) FROM ndt.unified_{direction}s");
        assert_eq!(value(&directory, &sql), "0", "as it was said");
    }
    let printed = value(&directory, "SELECT flow_id FROM speed_tests LIMIT 1");
    assert!(tried.stdout.contains(&printed), "{printed} is not in {}", tried.stdout);
}

#[test]
fn a_check_is_clean_after_a_trial_and_says_what_is_wrong_after_harm() {
    let directory = Directory::new();
    run(&mut standalone(&directory, &["--try", "--exit"]), DEADLINE).expect_code(0);
    let check = |arguments: &[&str]| {
        let mut command = trigpoint(&["lake", "check"]);
        run(command.args(arguments).arg("--data-dir").arg(directory.join("data")), DEADLINE)
    };
    let clean = check(&[]);
    clean.expect_code(0);
    assert!(clean.stdout.contains("Nothing is wrong"), "{}", clean.stdout);
    assert_eq!(clean.stderr, "");

    let json = check(&["--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&json.expect_code(0).stdout).unwrap();
    assert_eq!(report["findings"], serde_json::json!([]));
    assert_eq!(report["batches"]["spools"], 2, "the station's and the tracer's");
    let rows = |name: &str| {
        let tables = report["tables"].as_array().unwrap();
        tables.iter().find(|table| table["name"] == name).unwrap()["rows"].as_u64().unwrap()
    };
    assert_eq!(rows("speed_tests"), 2);
    assert_eq!(rows("snapshots").to_string(), value(&directory, "SELECT count(*) FROM snapshots"));

    let table = directory.join("data").join("lake").join("flows");
    let mut folders = std::fs::read_dir(&table).unwrap().map(|entry| entry.unwrap().path());
    let date = folders.find(|path| !path.ends_with("_delta_log")).unwrap();
    let file = std::fs::read_dir(date).unwrap().next().unwrap().unwrap();
    std::fs::write(file.path(), "").unwrap();
    let harmed = check(&[]);
    harmed.expect_code(1);
    assert!(harmed.stdout.contains("File unreadable (1)"), "{}", harmed.stdout);
    assert!(harmed.stdout.contains(file.file_name().to_str().unwrap()), "{}", harmed.stdout);
    assert_one_line(&harmed.stderr, &["1 finding in"]);

    let nowhere = run(&mut trigpoint(&["lake", "check", "--lake", "/nowhere"]), DEADLINE);
    nowhere.expect_code(64);
    assert_one_line(&nowhere.stderr, &["/nowhere"]);
}

#[test]
fn a_query_sees_a_test_while_the_station_runs_and_a_signal_drains_it() {
    let directory = Directory::new();
    assert_eq!(value(&directory, "SELECT count(*) FROM speed_tests"), "0", "before any table");

    let station = Process::start(&mut standalone(&directory, &[]));
    let url = announced_url(&station);
    assert!(url.starts_with("ws://"), "{url}");

    let tested = run(&mut trigpoint(&["speedtest", &url, "--format", "json"]), DEADLINE);
    tested.expect_code(0);
    let summary: serde_json::Value = serde_json::from_str(&tested.stdout).unwrap();
    assert!(summary["download"]["bits_per_second"].as_f64().unwrap() > 1e6, "{summary}");
    assert!(summary["upload"]["bits_per_second"].as_f64().unwrap() > 1e6, "{summary}");
    let flow = summary["download"]["uuid"].as_str().unwrap();

    let sql = format!("SELECT direction FROM speed_tests WHERE flow_id = '{flow}'");
    trigpoint_testkit::eventually(DEADLINE, "the test's row", || {
        (value(&directory, &sql) == "download").then_some(())
    });
    station.stop(DEADLINE).expect_code(0);
}

#[test]
fn a_signal_does_not_cut_off_a_running_test() {
    let directory = Directory::new();
    let station = Process::start(standalone(&directory, &[]).env("TRIGPOINT_TEST_DURATION", "3s"));
    let url = announced_url(&station);
    let test = Process::start(&mut trigpoint(&["speedtest", &url, "--only", "download"]));
    test.line(Stream::Stderr, DEADLINE, |line| line.starts_with("download").then_some(()));
    let stopped = station.stop(DEADLINE);
    test.finished(DEADLINE).expect_code(0);
    stopped.expect_code(0);
    let sql = "SELECT elapsed_us > 2900000 FROM speed_tests";
    assert_eq!(value(&directory, sql), "true", "the test had its whole time");
}

#[test]
fn every_format_is_what_it_says() {
    let directory = Directory::new();
    let sql = "SELECT 1 AS one, 'a' AS letter, NULL AS nothing";
    let out = |format: &str| query(&directory, format, sql).expect_code(0).stdout.clone();
    assert_eq!(out("csv"), "one,letter,nothing\n1,a,\n");
    let json: serde_json::Value = serde_json::from_str(&out("json")).unwrap();
    assert_eq!(json, serde_json::json!([{ "one": 1, "letter": "a", "nothing": null }]));
    let line: serde_json::Value = serde_json::from_str(out("jsonl").trim()).unwrap();
    assert_eq!(line, json[0]);
    assert!(out("table").contains("letter"));
    let parquet = Command::new(env!("CARGO_BIN_EXE_trigpoint"))
        .args(["query", "--format", "parquet", "SELECT 1 AS one", "--data-dir"])
        .arg(directory.join("data"))
        .output()
        .unwrap();
    assert!(parquet.stdout.starts_with(b"PAR1") && parquet.stdout.ends_with(b"PAR1"));
}

#[test]
fn sql_may_begin_with_a_comment() {
    let answer = query(&Directory::new(), "csv", "-- Out of a file.\n\nSELECT 1 AS one");
    answer.expect_code(0);
    assert_eq!(answer.stdout, "one\n1\n");
}

#[test]
fn a_wrong_name_is_answered_with_the_nearest_and_exit_1() {
    let directory = Directory::new();
    let table = query(&directory, "csv", "SELECT 1 FROM speed_test");
    table.expect_code(1);
    assert_one_line(&table.stderr, &["`speed_test`", "`speed_tests`"]);
    let column = query(&directory, "csv", "SELECT min_rtt FROM snapshots");
    column.expect_code(1);
    assert_one_line(&column.stderr, &["`min_rtt`", "`min_rtt_us`"]);
}

#[test]
fn tables_name_every_column_with_its_unit() {
    let text = run(&mut trigpoint(&["tables", "snapshots"]), DEADLINE);
    text.expect_code(0);
    let line = text.stdout.lines().find(|line| line.trim_start().starts_with("min_rtt_us "));
    assert!(line.unwrap().contains("int"), "{line:?}");

    let json = run(&mut trigpoint(&["tables", "--format", "json"]), DEADLINE);
    let tables: serde_json::Value = serde_json::from_str(&json.expect_code(0).stdout).unwrap();
    let names: Vec<_> = tables.as_array().unwrap().iter().map(|table| &table["name"]).collect();
    for name in ["speed_tests", "flows", "snapshots", "traces", "stations"] {
        assert!(names.iter().any(|known| *known == name), "{name} is not in {names:?}");
    }
}

#[test]
fn bad_usage_is_one_line_and_64() {
    let cases: [(&[&str], &str); 6] = [
        (&["standalone", "--ws-prt", "1"], "--ws-port"),
        (&["standalone", "--ws-port", "70000"], "70000"),
        (&["standalone", "--listen", "nowhere"], "nowhere"),
        (&["standalone", "--congestion-control", "no-such"], "no-such"),
        (&["query", "--format", "xml", "SELECT 1"], "parquet"),
        (&["speedtest", "ftp://a.example"], "ftp"),
    ];
    for (arguments, part) in cases {
        let directory = Directory::new();
        let mut command = trigpoint(arguments);
        let finished = run(command.env("TRIGPOINT_DATA_DIR", directory.join("data")), DEADLINE);
        finished.expect_code(64);
        assert_one_line(&finished.stderr, &[part]);
        assert_eq!(finished.stdout, "");
    }
}

#[test]
fn rows_name_the_database_that_was_built_and_say_what_it_does_not_know() {
    let directory = Directory::new();
    let (lines, database) = (directory.join("asn.csv"), directory.join("asn.mmdb"));
    std::fs::write(&lines, "1.1.1.0,1.1.1.255,13335,\"Cloudflare, Inc.\"\n").unwrap();
    let mut build = trigpoint(&["annotation", "build", "--output"]);
    let built = run(build.arg(&database).arg(&lines), DEADLINE);
    built.expect_code(0);
    assert_one_line(&built.stdout, &["asn.mmdb: 1 networks of 1 lines"]);

    let database = database.to_string_lossy().into_owned();
    let trial = ["--try", "--exit", "--network-database", &database];
    run(&mut standalone(&directory, &trial), DEADLINE).expect_code(0);
    for (table, rows) in [("speed_tests", "2"), ("flows", "2")] {
        let sql = format!(
            "SELECT count(*) FROM {table} WHERE network_database = 'Trigpoint-ASN' \
             AND network_database_build_time > now() - interval '1 day' \
             AND client_network_missing = 'private_address' AND client_asn IS NULL \
             AND server_geography_missing = 'no_database' AND geography_database IS NULL \
             AND flow_id IN (SELECT flow_id FROM speed_tests)"
        );
        assert_eq!(value(&directory, &sql), rows, "{table}");
    }
}

#[test]
fn a_database_that_cannot_be_used_is_one_line_and_64() {
    let directory = Directory::new();
    let (missing, damaged) = (directory.join("none.mmdb"), directory.join("damaged.mmdb"));
    std::fs::write(&damaged, "half a file").unwrap();
    let check = |flag: &str, path: &std::path::Path| {
        let path = path.to_string_lossy();
        let finished = run(&mut standalone(&directory, &["--check-config", flag, &path]), DEADLINE);
        finished.expect_code(64);
        finished.stderr
    };
    let read = check("--geography-database", &missing);
    assert_one_line(&read, &["cannot read geography database", "none.mmdb", "No such file"]);
    let parsed = check("--network-database", &damaged);
    assert_one_line(&parsed, &["network database", "damaged.mmdb", "fetch it again"]);

    let lines = directory.join("asn.csv");
    std::fs::write(&lines, "1.1.1.0,1.1.1.255,13335,Cloudflare\nwrong\n").unwrap();
    let output = directory.join("asn.mmdb");
    let mut build = trigpoint(&["annotation", "build", "--output"]);
    let refused = run(build.arg(&output).arg(&lines), DEADLINE);
    refused.expect_code(64);
    assert_one_line(&refused.stderr, &["asn.csv`, line 2: 1 fields where four are due"]);
    assert!(!output.exists());
}

#[test]
fn a_data_directory_that_is_a_file_is_one_line_and_64() {
    let directory = Directory::new();
    std::fs::write(directory.join("data"), "").unwrap();
    for finished in
        [run(&mut standalone(&directory, &[]), DEADLINE), query(&directory, "csv", "SELECT 1")]
    {
        finished.expect_code(64);
        assert_one_line(&finished.stderr, &["data"]);
    }
}

/// The tracer comes behind the station, which must not work by then.
#[test]
fn a_tracer_that_cannot_spool_is_one_line_and_64() {
    let directory = Directory::new();
    std::fs::create_dir(directory.join("data")).unwrap();
    std::fs::write(directory.join("data").join("traces-spool"), "").unwrap();
    let finished = run(&mut standalone(&directory, &[]), DEADLINE);
    finished.expect_code(64);
    assert_one_line(&finished.stderr, &["traces-spool"]);
    assert_eq!(finished.stdout, "", "nothing is announced that does not run");
}

#[test]
fn a_port_in_use_is_one_line_and_1() {
    let directory = Directory::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut command = trigpoint(&["standalone", "--ws-port", &port, "--wss-port", "0"]);
    let finished = run(command.arg("--data-dir").arg(directory.join("data")), DEADLINE);
    finished.expect_code(1);
    assert_one_line(&finished.stderr, &[&port, "in use"]);
    assert_eq!(finished.stdout, "", "nothing is announced that does not run");
}

#[test]
fn check_config_binds_nothing_and_says_whether_it_would_start() {
    let directory = Directory::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut command = trigpoint(&["standalone", "--check-config", "--ws-port", &port]);
    let good = run(command.arg("--data-dir").arg(directory.join("data")), DEADLINE);
    good.expect_code(0);
    let bad = ["--tls-cert", "/nowhere.pem", "--tls-key", "/nowhere.pem", "--check-config"];
    let bad = run(&mut standalone(&directory, &bad), DEADLINE);
    bad.expect_code(64);
    assert_one_line(&bad.stderr, &["/nowhere.pem"]);
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let directory = Directory::new();
    let mut child = trigpoint(&["query", "--format", "csv"])
        .arg("SELECT a.value AS x, b.value AS y FROM generate_series(1, 2000) a, generate_series(1, 2000) b")
        .arg("--data-dir")
        .arg(directory.join("data"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0; 4];
    stdout.read_exact(&mut first).unwrap();
    drop(stdout);
    let finished = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&finished.stderr);
    assert_eq!(finished.status.code(), Some(0), "{stderr}");
}
