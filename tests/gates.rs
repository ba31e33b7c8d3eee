//! Gates from rows to answers: a query service over simulated canaries, which pass if
//! they are as the stable stations and are caught if they are slower, and over the rows
//! of real stations.
//!
//! Counts: `cargo xtask prove gates`.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]
#![allow(clippy::print_stdout, reason = "the figures are what this suite is for")]

#[path = "gates/canaries.rs"]
mod canaries;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

use chrono::{DateTime, Utc};
use serde_json::Value;
use trigpoint_lake::Lake;
use trigpoint_query::GateClient;
use trigpoint_testkit::{Directory, Process, Stream, beside, eventually, run};
use trigpoint_wire::gate::measure_request::Bound;
use trigpoint_wire::gate::{Baseline, MeasureRequest, MeasureResponse, Metric, Verdict};

use canaries::{SAME, SLOWER, STABLE};

const TRIGPOINT: &str = env!("CARGO_BIN_EXE_trigpoint");
const DEADLINE: Duration = Duration::from_mins(2);
const TOKEN: &str = "secret-of-the-operator";
const DAY_S: u64 = 86_400;

fn is_full() -> bool {
    env::var_os("TRIGPOINT_PROVE").is_some_and(|form| form == "full")
}

/// A query service with a token over TLS, and what a client needs.
struct Service {
    process: Process,
    url: String,
    directory: Directory,
}

impl Service {
    /// Over the tables in `data` of the directory.
    fn over(directory: Directory) -> Self {
        fs::write(directory.join("accounts"), format!("operator {TOKEN}\n")).unwrap();
        fs::write(directory.join("operator-token"), TOKEN).unwrap();
        let mut command = Command::new(TRIGPOINT);
        command.args(["query-service", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.arg("--data-dir").arg(directory.join("data"));
        command.arg("--token-file").arg(directory.join("accounts"));
        let process = Process::start(&mut command);
        let url = format!("grpc+tls://{}", address(&process, "grpc+tls://"));
        Self { process, url, directory }
    }

    async fn client(&self) -> GateClient {
        let certificate = fs::read_to_string(self.certificate()).unwrap();
        GateClient::connect(&self.url, Some(TOKEN), Some(&certificate)).await.unwrap()
    }

    fn certificate(&self) -> std::path::PathBuf {
        self.directory.join("data/tls/certificate.pem")
    }

    /// What `trigpoint gate` prints, and how it ends.
    fn command(&self, arguments: &[&str], code: i32) -> String {
        let mut command = Command::new(TRIGPOINT);
        command.arg("gate").args(arguments).args(["--endpoint", &self.url]);
        command.arg("--cacert").arg(self.certificate());
        command.arg("--token-file").arg(self.directory.join("operator-token"));
        let finished = run(&mut command, DEADLINE);
        finished.expect_code(code);
        finished.stdout
    }
}

/// The address after `scheme` in the first line of stdout that has it.
fn address(process: &Process, scheme: &str) -> String {
    process.line(Stream::Stdout, DEADLINE, |line| {
        let (_, rest) = line.split_once(scheme)?;
        Some(rest.split(['/', ' ']).next()?.to_owned())
    })
}

fn throughput(revision: &str, until: DateTime<Utc>) -> MeasureRequest {
    MeasureRequest {
        metric: Metric::DownloadThroughput.into(),
        revision: revision.to_owned(),
        baseline: Baseline::Stable.into(),
        baseline_revision: STABLE.to_owned(),
        window_s: DAY_S,
        until_us: until.timestamp_micros(),
        min_samples: 100,
        bound: Some(Bound::MarginPercent(10)),
        ..MeasureRequest::default()
    }
}

/// The answers for a revision on each of so many days.
async fn answers(service: &Service, revision: &str, canaries: usize) -> Vec<MeasureResponse> {
    let mut client = service.client().await;
    let mut answers = Vec::new();
    for canary in 0..canaries {
        let asked = throughput(revision, canaries::end(canary));
        answers.push(client.measure(asked, DEADLINE).await.unwrap());
    }
    answers
}

fn count(answers: &[MeasureResponse], verdict: Verdict) -> usize {
    answers.iter().filter(|answer| answer.verdict() == verdict).count()
}

#[test]
fn canaries_like_the_stable_stations_do_not_fail_and_slower_ones_do() {
    // scipy.stats.binom.ppf(.999, n, .05): so many fail by chance in one case of a thousand.
    let (canaries, chance) = if is_full() { (200, 21) } else { (20, 5) };
    let directory = Directory::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let started = Instant::now();
    let lake = Lake::open(&directory.join("data/lake").to_string_lossy()).unwrap();
    runtime.block_on(canaries::write(&lake, canaries));
    println!("rows of {canaries} days: {:.1} s", started.elapsed().as_secs_f64());

    trigpoint_process::tls::install_provider();
    let service = Service::over(directory);
    let started = Instant::now();
    let same = runtime.block_on(answers(&service, SAME, canaries));
    let slower = runtime.block_on(answers(&service, SLOWER, canaries));
    println!("{} gates: {:.1} s", 2 * canaries, started.elapsed().as_secs_f64());
    for (name, answers) in [("A/A", &same), ("A/B", &slower)] {
        let of = |verdict| count(answers, verdict);
        let (passed, failed) = (of(Verdict::Pass), of(Verdict::Fail));
        let open = of(Verdict::Inconclusive);
        println!("{name}: {passed} pass, {failed} fail, {open} inconclusive of {canaries}");
    }
    assert!(same.iter().all(|answer| (answer.samples, answer.baseline_samples) == (800, 2400)));
    assert!(count(&same, Verdict::Fail) <= chance);
    assert!(count(&slower, Verdict::Fail) * 100 >= 95 * canaries);
    assert_eq!(count(&slower, Verdict::Pass), 0);

    // A person is told the same, and so is a script by the exit code.
    let caught = slower.iter().position(|answer| answer.verdict() == Verdict::Fail).unwrap();
    let until = canaries::end(caught).to_rfc3339();
    let arguments = ["--revision", SLOWER, "--baseline-revision", STABLE, "--until", &until];
    let more = ["DownloadThroughput", "--window", "24h", "--margin", "10"];
    let text = service.command(&[&more[..], &arguments].concat(), 1);
    assert_eq!(text.trim_end(), slower[caught].explanation);
    let json = service.command(&[&more[..], &arguments, &["--format", "json"]].concat(), 1);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["verdict"], &json["samples"]), (&"fail".into(), &800.into()));
    assert_eq!(json["value"].as_f64(), slower[caught].value);
    assert!(json["versions"]["speed_tests"].is_u64(), "{json}");
    service.process.stop(DEADLINE).expect_code(0);
}

/// A station of a revision and arm that is tested and has delivered its rows.
fn tested(directory: &Directory, collector: &str, revision: &str, arm: &str) {
    let mut command = Command::new(beside(TRIGPOINT, "trigpoint-station"));
    command.args(["server", "--listen", "127.0.0.1", "--ws-port", "0", "--wss-port", "0"]);
    command.args(["--admin-port", "0", "--test-duration", "2s", "--lame-duck", "0s"]);
    command.args(["--site", "lab01", "--machine", revision, "--collector", collector]);
    command.args(["--revision", revision, "--arm", arm]);
    command.arg("--collector-ca").arg(directory.join("data/tls/certificate.pem"));
    command.arg("--token-file").arg(directory.join("token"));
    command.arg("--data-dir").arg(directory.join(revision));
    let station = Process::start(&mut command);
    let url = format!("ws://{}", address(&station, "ws://"));
    run(Command::new(TRIGPOINT).args(["speedtest", &url]), DEADLINE).expect_code(0);
    station.stop(DEADLINE).expect_code(0);
}

#[test]
fn rows_of_real_stations_add_up_and_are_dense() {
    let directory = Directory::new();
    fs::write(directory.join("tokens"), "lab01 secret-of-lab01-0\n").unwrap();
    fs::write(directory.join("token"), "secret-of-lab01-0\n").unwrap();
    let mut command = Command::new(TRIGPOINT);
    command.args(["collector", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    command.arg("--data-dir").arg(directory.join("data"));
    let collector = Process::start(command.arg("--token-file").arg(directory.join("tokens")));
    let uri = format!("https://{}", address(&collector, "https://"));
    tested(&directory, &uri, STABLE, "stable");
    tested(&directory, &uri, SAME, "canary");
    let sql = "SELECT count(*) FROM flows WHERE watched_us > 0";
    eventually(DEADLINE, "all connections in SQL", || {
        (number(&directory.join("data"), sql) == "4").then_some(())
    });
    collector.stop(DEADLINE).expect_code(0);

    let service = Service::over(directory);
    let revisions = ["--revision", SAME, "--baseline-revision", STABLE, "--min-samples", "1"];
    let json = |arguments: &[&str], code: i32| -> Value {
        let arguments = [arguments, &revisions, &["--format", "json"]].concat();
        serde_json::from_str(&service.command(&arguments, code)).unwrap()
    };
    for metric in ["AccountingMismatchesPerThousand", "FailedTestsPerThousand"] {
        let answer = json(&[metric, "--limit", "0"], 0);
        assert_eq!(
            (&answer["verdict"], &answer["samples"]),
            (&"pass".into(), &2.into()),
            "{answer}"
        );
        assert_eq!((&answer["value"], &answer["baseline"]), (&0.0.into(), &0.0.into()), "{answer}");
    }
    // Of two tests there are no bounds, and so no verdict.
    let snapshots = json(&["snapshotspersecond", "--margin", "10"], 1);
    assert_eq!(snapshots["verdict"], "inconclusive", "{snapshots}");
    let rate = snapshots["value"].as_f64().unwrap();
    assert!((50.0..=101.0).contains(&rate), "{snapshots}");
    let gap = json(&["LongestSnapshotGapMilliseconds", "--limit", "1000"], 1);
    let longest = gap["value"].as_f64().unwrap();
    assert!((9.0..2000.0).contains(&longest), "{gap}");
    let few = json(&["UploadThroughput", "--margin", "10", "--baseline", "samesite"], 1);
    assert_eq!((&few["samples"], &few["baseline_samples"]), (&1.into(), &1.into()), "{few}");
    let said = few["explanation"].as_str().unwrap();
    assert!(said.ends_with("at 1 of 1 sites there are both"), "{said}");
    service.process.stop(DEADLINE).expect_code(0);
}

/// The one value that a query over the tables answers.
fn number(data: &Path, sql: &str) -> String {
    let mut command = Command::new(TRIGPOINT);
    command.args(["query", "--format", "csv", sql, "--data-dir"]).arg(data);
    let answer = run(&mut command, DEADLINE);
    answer.expect_code(0);
    answer.stdout.lines().nth(1).unwrap_or_default().to_owned()
}
