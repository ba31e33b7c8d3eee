//! A station without a database and a collector without a station, over TLS
//! with a token: what a test leaves in the station's spool becomes rows.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use trigpoint_access_token::{Claims, Purpose, SigningKey, sign};
use trigpoint_testkit::{Directory, Process, Stream, beside, eventually, run};

const DEADLINE: Duration = Duration::from_mins(2);
const POD: &str = "edge-0123456789-x7k2p";
/// RFC 8032, section 7.1, test 1.
const OPERATORS_PRIVATE_KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";
const OPERATORS_PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
    -----END PUBLIC KEY-----\n";

fn trigpoint() -> Command {
    Command::new(env!("CARGO_BIN_EXE_trigpoint"))
}

fn start_collector(directory: &Directory, listen: &str) -> Process {
    start_collector_that_commits(directory, listen, "2s")
}

fn start_collector_that_commits(directory: &Directory, listen: &str, at_latest: &str) -> Process {
    let mut command = trigpoint();
    command.args(["collector", "--listen", listen, "--admin-listen", "127.0.0.1:0"]);
    command.args(["--commit-at-latest", at_latest]);
    command.arg("--data-dir").arg(directory.join("collector"));
    Process::start(command.arg("--token-file").arg(directory.join("tokens")))
}

/// The address after `scheme` in the first line of stdout that has it.
fn address(process: &Process, scheme: &str) -> String {
    process.line(Stream::Stdout, DEADLINE, |line| {
        let (_, rest) = line.split_once(scheme)?;
        Some(rest.split(['/', ' ']).next()?.to_owned())
    })
}

fn start_station(directory: &Directory, collector: &str, token: &Path, flush: &str) -> Process {
    let mut command = Command::new(beside(env!("CARGO_BIN_EXE_trigpoint"), "trigpoint-station"));
    command.args(["server", "--listen", "127.0.0.1", "--ws-port", "0", "--wss-port", "0"]);
    command.args([
        "--admin-port",
        "0",
        "--test-duration",
        "1s",
        "--lame-duck",
        "0s",
        "--flush-deadline",
        flush,
    ]);
    command.args(["--site", "lab01", "--machine", "node-1", "--collector", collector]);
    command.arg("--collector-ca").arg(directory.join("collector/tls/certificate.pem"));
    command.arg("--token-file").arg(token).arg("--data-dir").arg(directory.join("station"));
    command.args(["--pod", POD]).arg("--synthetic-key").arg(directory.join("synthetic-key"));
    Process::start(command.arg("--termination-log").arg(directory.join("termination")))
}

fn speedtest(station: &Process) {
    let url = format!("ws://{}", address(station, "ws://"));
    run(trigpoint().args(["speedtest", &url]), DEADLINE).expect_code(0);
}

fn value(directory: &Directory, sql: &str) -> String {
    let mut command = trigpoint();
    command.args(["query", "--format", "csv", sql, "--data-dir"]);
    let answer = run(command.arg(directory.join("collector")), DEADLINE);
    answer.expect_code(0);
    answer.stdout.lines().nth(1).unwrap_or_default().to_owned()
}

fn outcome(directory: &Directory) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(directory.join("termination")).unwrap()).unwrap()
}

fn write_tokens(directory: &Directory) {
    std::fs::write(directory.join("tokens"), "lab01 secret-of-lab01-0\n").unwrap();
    std::fs::write(directory.join("token"), "secret-of-lab01-0\n").unwrap();
    std::fs::write(directory.join("wrong-token"), "a-guess-that-is-long\n").unwrap();
    std::fs::write(directory.join("synthetic-key"), OPERATORS_PUBLIC_KEY).unwrap();
}

#[test]
fn a_test_on_a_station_becomes_rows_at_the_collector() {
    let directory = Directory::new();
    write_tokens(&directory);
    let collector = start_collector(&directory, "127.0.0.1:0");
    let uri = format!("https://{}", address(&collector, "https://"));
    let station = start_station(&directory, &uri, &directory.join("token"), "1m");
    speedtest(&station);
    let sql = "SELECT count(*) FROM speed_tests WHERE site = 'lab01' AND machine = 'node-1'";
    eventually(DEADLINE, "both tests in SQL", || (value(&directory, sql) == "2").then_some(()));

    station.stop(DEADLINE).expect_code(0);
    let outcome = outcome(&directory);
    assert_eq!(outcome["outcome"], "Clean", "{outcome}");
    assert_eq!(outcome["aborted"], 0, "{outcome}");
    assert_eq!(outcome["completed"], 0, "no test ran when it was told to end: {outcome}");
    assert_eq!(outcome["unflushedRows"], 0, "{outcome}");
    assert!(outcome["flushedRows"].as_u64().unwrap() > 0, "{outcome}");
    collector.stop(DEADLINE).expect_code(0);
    let snapshots = "SELECT count(*) > 20 FROM snapshots WHERE site = 'lab01'";
    assert_eq!(value(&directory, snapshots), "true");
}

#[test]
fn a_station_that_ends_does_not_wait_for_the_collectors_next_commit() {
    let directory = Directory::new();
    write_tokens(&directory);
    let collector = start_collector_that_commits(&directory, "127.0.0.1:0", "60m");
    let uri = format!("https://{}", address(&collector, "https://"));
    let station = start_station(&directory, &uri, &directory.join("token"), "1m");
    address(&station, "ws://");
    station.stop(DEADLINE).expect_code(0);
    let outcome = outcome(&directory);
    assert_eq!(outcome["unflushedRows"], 0, "{outcome}");
    let last = "SELECT count(*) FROM stations WHERE event = 'gone'";
    assert_eq!(value(&directory, last), "1");
    collector.stop(DEADLINE).expect_code(0);
}

#[test]
fn a_station_works_without_its_collector_and_delivers_later() {
    let directory = Directory::new();
    write_tokens(&directory);
    let collector = start_collector(&directory, "127.0.0.1:0");
    let listen = address(&collector, "https://");
    collector.stop(DEADLINE).expect_code(0);

    let station =
        start_station(&directory, &format!("https://{listen}"), &directory.join("token"), "1m");
    speedtest(&station);
    assert_eq!(value(&directory, "SELECT count(*) FROM speed_tests"), "0");

    let collector = start_collector(&directory, &listen);
    let sql = "SELECT count(*) FROM speed_tests";
    eventually(DEADLINE, "both tests in SQL", || (value(&directory, sql) == "2").then_some(()));
    station.stop(DEADLINE).expect_code(0);
    collector.stop(DEADLINE).expect_code(0);
}

#[test]
fn a_wrong_token_delivers_nothing_and_the_station_says_so_when_it_ends() {
    let directory = Directory::new();
    write_tokens(&directory);
    let collector = start_collector(&directory, "127.0.0.1:0");
    let uri = format!("https://{}", address(&collector, "https://"));
    let station = start_station(&directory, &uri, &directory.join("wrong-token"), "1s");
    speedtest(&station);
    station.stop(DEADLINE).expect_code(0);
    let outcome = outcome(&directory);
    assert_eq!(outcome["outcome"], "Cut", "{outcome}");
    // The snapshots of two tests of a second, whatever the machine did meanwhile.
    assert!(outcome["unflushedRows"].as_u64().unwrap() > 20, "{outcome}");
    assert_eq!(outcome["flushedRows"], 0, "{outcome}");
    assert_eq!(value(&directory, "SELECT count(*) FROM speed_tests"), "0");
    collector.stop(DEADLINE).expect_code(0);
}

/// The operator's own test is told from those of users, and finds out whether the
/// station sees the addresses of its clients.
#[test]
fn a_synthetic_test_is_marked_by_the_station_and_leaves_its_result() {
    let directory = Directory::new();
    write_tokens(&directory);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let claims =
        Claims { purpose: Purpose::SyntheticTest, audience: POD.to_owned(), expires_s: now + 600 };
    let key = SigningKey::from_pem(OPERATORS_PRIVATE_KEY).unwrap();
    let token = directory.join("synthetic-token");
    std::fs::write(&token, sign(&key, &claims)).unwrap();

    let collector = start_collector(&directory, "127.0.0.1:0");
    let uri = format!("https://{}", address(&collector, "https://"));
    let station = start_station(&directory, &uri, &directory.join("token"), "1m");
    speedtest(&station);
    let test = |token: &Path| {
        let mut command = trigpoint();
        command.args(["speedtest", "--quiet", &format!("ws://{}", address(&station, "ws://"))]);
        command.arg("--synthetic").arg(token);
        command.arg("--termination-log").arg(directory.join("result"));
        run(&mut command, DEADLINE)
    };
    let refused = test(&directory.join("wrong-token"));
    refused.expect_code(1);
    assert!(refused.stderr.contains("401"), "{}", refused.stderr);
    assert!(!directory.join("result").exists());

    test(&token).expect_code(0);
    let result = std::fs::read(directory.join("result")).unwrap();
    let result: serde_json::Value = serde_json::from_slice(&result).unwrap();
    assert_eq!(result["clientAddress"], "127.0.0.1", "{result}");
    assert_eq!(result["seenAddress"], "127.0.0.1", "{result}");
    assert_eq!(result["clientAddressRewritten"], false, "{result}");
    assert!(result["downloadBitsPerSecond"].as_f64().unwrap() > 0.0, "{result}");
    assert!(result["uploadBitsPerSecond"].as_f64().unwrap() > 0.0, "{result}");

    station.stop(DEADLINE).expect_code(0);
    collector.stop(DEADLINE).expect_code(0);
    let tests = |name: &str| {
        let sql = format!("SELECT count(*) FROM speed_tests WHERE client_name = '{name}'");
        value(&directory, &sql)
    };
    assert_eq!(tests("trigpoint-synthetic"), "2");
    assert_eq!(tests("trigpoint"), "2");
}

/// Whoever renews certificates and tokens writes files, and signals nobody.
#[test]
fn a_station_takes_up_a_new_token_and_a_new_authority() {
    let directory = Directory::new();
    write_tokens(&directory);
    let collector = start_collector(&directory, "127.0.0.1:0");
    let listen = address(&collector, "https://");
    let uri = format!("https://{listen}");
    let station = start_station(&directory, &uri, &directory.join("token"), "1m");
    speedtest(&station);
    let sql = "SELECT count(*) FROM speed_tests";
    eventually(DEADLINE, "both tests in SQL", || (value(&directory, sql) == "2").then_some(()));
    collector.stop(DEADLINE).expect_code(0);

    std::fs::remove_dir_all(directory.join("collector/tls")).unwrap();
    std::fs::write(directory.join("tokens"), "lab01 another-of-lab01-00\n").unwrap();
    std::fs::write(directory.join("token"), "another-of-lab01-00\n").unwrap();
    let collector = start_collector(&directory, &listen);
    speedtest(&station);
    eventually(DEADLINE, "all tests in SQL", || (value(&directory, sql) == "4").then_some(()));
    station.stop(DEADLINE).expect_code(0);
    assert_eq!(outcome(&directory)["outcome"], "Clean");
    collector.stop(DEADLINE).expect_code(0);
}

#[test]
fn a_collector_takes_up_a_new_certificate() {
    let directory = Directory::new();
    write_tokens(&directory);
    let collector = start_collector(&directory, "127.0.0.1:0");
    let uri = format!("https://{}", address(&collector, "https://"));
    let (used, new) = (directory.join("collector/tls"), directory.join("new-tls"));
    trigpoint_process::tls::self_signed(&new).unwrap();
    for file in ["key.pem", "certificate.pem"] {
        std::fs::copy(new.join(file), used.join(file)).unwrap();
    }
    // It trusts the new certificate, and no other.
    let station = start_station(&directory, &uri, &directory.join("token"), "1m");
    speedtest(&station);
    let sql = "SELECT count(*) FROM speed_tests";
    eventually(DEADLINE, "both tests in SQL", || (value(&directory, sql) == "2").then_some(()));
    station.stop(DEADLINE).expect_code(0);
    collector.stop(DEADLINE).expect_code(0);
}
