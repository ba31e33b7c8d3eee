//! The query service and its real clients: ADBC from Python, a JDBC driver, and
//! `trigpoint query --endpoint`; and a query that wants more memory than there is.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]
#![allow(clippy::print_stdout, reason = "the figures are what this suite is for")]

#[path = "flight_sql/memory.rs"]
mod memory;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use serde_json::{Value, json};
use trigpoint_testkit::{Directory, Process, Standalone, Stream, run};

const TRIGPOINT: &str = env!("CARGO_BIN_EXE_trigpoint");
const DEADLINE: Duration = Duration::from_mins(5);
const TOKEN: &str = "secret-of-a-researcher";

/// Each of the two tests of the station with half a million numbers.
const MILLION: &str = "SELECT flow_id, direction, start_time, value AS n \
     FROM speed_tests CROSS JOIN generate_series(1, 500000)";
const SUM: u64 = 2 * (500_000 * 500_001 / 2);

/// With the file that some of them would read or write.
const REFUSED: &[&str] = &[
    "DROP TABLE speed_tests",
    "DELETE FROM speed_tests",
    "UPDATE speed_tests SET site = 'x'",
    "INSERT INTO speed_tests (site) VALUES ('x')",
    "CREATE TABLE mine AS SELECT 1",
    "CREATE VIEW mine AS SELECT 1",
    "CREATE EXTERNAL TABLE mine STORED AS CSV LOCATION 'FILE'",
    "COPY (SELECT 1) TO 'FILE.out' STORED AS CSV",
    "COPY speed_tests TO 'FILE.out'",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO 'FILE.out' STORED AS CSV",
    "SET datafusion.execution.batch_size = 1",
    "SELECT * FROM 'FILE'",
    "SELECT * FROM \"FILE\"",
    "SELECT * FROM read_csv('FILE')",
    "SELECT * FROM read_parquet('FILE')",
    "SELECT * FROM parquet_metadata('FILE')",
    "SELECT * FROM other.public.speed_tests",
    "SELECT 1; DROP TABLE speed_tests",
];

/// A service over the tables of a station that was tested once.
struct Service {
    process: Process,
    directory: Directory,
    address: String,
}

impl Service {
    fn start(arguments: &[&str]) -> Self {
        let directory = Directory::new();
        let flags = ["--test-duration", "1s", "--query-listen", "off"];
        let station = Standalone::start(TRIGPOINT, &directory, &flags);
        let test = run(Command::new(TRIGPOINT).args(["speedtest", station.ws()]), DEADLINE);
        test.expect_code(0);
        station.stop();
        Self::over(directory, arguments)
    }

    fn over(directory: Directory, arguments: &[&str]) -> Self {
        fs::write(directory.join("tokens"), format!("researcher {TOKEN}\n")).unwrap();
        fs::write(directory.join("token"), TOKEN).unwrap();
        fs::write(directory.join("secret.csv"), "secret\n42\n").unwrap();
        let mut command = Command::new(TRIGPOINT);
        command.args(["query-service", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.arg("--data-dir").arg(directory.join("data"));
        command.arg("--token-file").arg(directory.join("tokens")).args(arguments);
        let process = Process::start(&mut command);
        let address = process.line(Stream::Stdout, DEADLINE, |line| {
            line.split_once("grpc+tls://").map(|(_, address)| address.to_owned())
        });
        Self { process, directory, address }
    }

    fn certificate(&self) -> PathBuf {
        self.directory.join("data/tls/certificate.pem")
    }

    fn url(&self) -> String {
        format!("grpc+tls://{}", self.address)
    }

    /// The statements that must be refused, in a file.
    fn refused(&self) -> PathBuf {
        let file = self.directory.join("refused.sql");
        let secret = self.directory.join("secret.csv");
        let text = REFUSED.join("\n").replace("FILE", &secret.to_string_lossy());
        fs::write(&file, text).unwrap();
        file
    }

    /// Ends in order, having read nothing but tables and written nothing.
    fn stop(self) {
        assert!(!self.directory.join("secret.csv.out").exists(), "a query wrote a file");
        let finished = self.process.stop(DEADLINE);
        finished.expect_code(0);
    }
}

#[test]
fn python_lists_prepares_and_fetches_and_is_refused_the_rest() {
    let service = Service::start(&[]);
    let mut command = Command::new(needed("ENGINES_PYTHON"));
    command.arg(script("with_adbc.py")).arg(service.url()).arg(service.certificate());
    command.arg(TOKEN).arg(MILLION).arg(service.refused());
    let finished = run(&mut command, DEADLINE);
    finished.expect_code(0);
    let line = finished.stdout.lines().next_back().unwrap_or_default();
    let told: Value = serde_json::from_str(line).unwrap();
    assert_eq!(told["vendor"], "Trigpoint");
    let tables = &told["tables"];
    assert!(tables["ndt.unified_downloads"].is_array(), "{tables}");
    let columns = tables["public.snapshots"].as_array().unwrap();
    assert!(columns.contains(&json!("min_rtt_us")), "{columns:?}");
    let meaning = told["meaning"].as_str().unwrap();
    assert!(meaning.ends_with("Unit: us."), "{meaning}");
    assert_eq!(told["prepared"], json!([["download", 1]]));
    assert_eq!(told["rows"], 1_000_000);
    assert_eq!(told["sum"], SUM);
    assert!(told["versions"]["speed_tests"].is_u64(), "{}", told["versions"]);
    for (sql, refusal) in told["refused"].as_object().unwrap() {
        assert_clear(sql, refusal.as_str());
    }
    assert_eq!(told["afterwards"], json!([[1]]));
    let refusal = told["wrong_token"].as_str().unwrap();
    assert!(refusal.contains("the bearer token is unknown here"), "{refusal}");
    let log = service.process.output(Stream::Stderr);
    assert!(log.contains("principal=\"researcher\"") && !log.contains(TOKEN), "{log}");
    service.stop();
}

#[test]
fn a_jdbc_driver_lists_prepares_and_fetches_and_is_refused_the_rest() {
    let service = Service::start(&[]);
    let mut command = Command::new("java");
    // Arrow's memory reaches into java.nio, as its documentation says.
    command.arg("--add-opens=java.base/java.nio=ALL-UNNAMED");
    command.arg("-cp").arg(needed("FLIGHT_SQL_JDBC")).arg(script("WithJdbc.java"));
    command.arg(&service.address).arg(service.certificate()).arg(TOKEN);
    command.arg(MILLION).arg(service.refused());
    let finished = run(&mut command, DEADLINE);
    finished.expect_code(0);
    let told = |word: &str| -> Vec<&str> {
        let lines = finished.stdout.lines().filter_map(|line| line.split_once('\t'));
        lines.filter(|(key, _)| *key == word).map(|(_, what)| what).collect()
    };
    assert_eq!(told("product"), ["Trigpoint"], "{}", finished.stderr);
    let tables = told("table");
    assert!(tables.contains(&"public.snapshots"), "{tables:?}");
    assert!(tables.contains(&"ndt.unified_downloads"), "{tables:?}");
    assert!(told("column").contains(&"min_rtt_us"), "{:?}", told("column"));
    assert_eq!(told("key"), ["flow_id", "n"]);
    assert_eq!(told("prepared"), ["upload 1"], "{}", finished.stderr);
    assert_eq!(told("rows"), ["1000000"]);
    assert_eq!(told("sum"), [SUM.to_string()]);
    assert_eq!(told("refused").len(), REFUSED.len());
    for (sql, refusal) in REFUSED.iter().zip(told("refused")) {
        assert_clear(sql, Some(refusal));
    }
    let refusal = told("wrong_token").join(" ");
    assert!(refusal.contains("the bearer token is unknown here"), "{refusal}");
    service.stop();
}

#[test]
fn our_own_command_asks_the_service() {
    let service = Service::start(&[]);
    let ask = |sql: &str, token: &str| {
        let mut command = Command::new(TRIGPOINT);
        command.args(["query", "--format", "csv", sql, "--endpoint", &service.url()]);
        command.arg("--cacert").arg(service.certificate());
        command.arg("--token-file").arg(service.directory.join(token));
        run(&mut command, DEADLINE)
    };
    let answer = ask("SELECT direction FROM speed_tests ORDER BY 1", "token");
    answer.expect_code(0);
    assert_eq!(answer.stdout, "direction\ndownload\nupload\n");
    let none = ask("SELECT direction FROM speed_tests WHERE false", "token");
    assert_eq!(none.stdout, "direction\n");
    let wrong = ask("SELECT * FROM snapshot", "token");
    wrong.expect_code(1);
    assert!(wrong.stderr.contains("did you mean `snapshots`?"), "{}", wrong.stderr);
    fs::write(service.directory.join("wrong"), "a-guess-that-is-long").unwrap();
    let stranger = ask("SELECT 1", "wrong");
    stranger.expect_code(1);
    assert!(stranger.stderr.contains("the bearer token is unknown here"), "{}", stranger.stderr);
    service.stop();
}

/// A refusal in words about the statement.
fn assert_clear(sql: &str, refusal: Option<&str>) {
    let refusal = refusal.unwrap_or_else(|| panic!("{sql} was answered"));
    let clear = [
        "queries only read",
        "there is no table",
        "there is no table function",
        "ask one statement at a time",
        "this service only reads",
        "not found",
    ];
    assert!(clear.iter().any(|words| refusal.contains(words)), "{sql}: {refusal}");
    assert!(!refusal.contains("not refused"), "{sql}: {refusal}");
}

fn is_full() -> bool {
    env::var_os("TRIGPOINT_PROVE").is_some_and(|form| form == "full")
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/flight_sql").join(name)
}

fn needed(variable: &str) -> OsString {
    let value = env::var_os(variable);
    value.unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask prove flight-sql`"))
}
