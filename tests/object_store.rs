//! The tables in a bucket of a real S3 server: real stations and collectors,
//! rivals, outages, and stores that must be refused.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use trigpoint_testkit::{Directory, Process, S3, Stream, beside, eventually, run};

#[path = "object_store/outages.rs"]
mod outages;
#[path = "object_store/refusals.rs"]
mod refusals;
#[path = "object_store/rivals.rs"]
mod rivals;
#[path = "object_store/web_identity.rs"]
mod web_identity;

const TRIGPOINT: &str = env!("CARGO_BIN_EXE_trigpoint");
/// Far above what a loaded two-core machine needs.
const DEADLINE: Duration = Duration::from_mins(3);

/// What a test works with: an S3 server, tokens, and a place for data.
struct Bench {
    s3: S3,
    directory: Directory,
}

impl Bench {
    fn new() -> Self {
        let directory = Directory::new();
        std::fs::write(directory.join("tokens"), "lab01 secret-of-lab01-0\n").unwrap();
        std::fs::write(directory.join("token"), "secret-of-lab01-0\n").unwrap();
        Self { s3: S3::start(&directory), directory }
    }

    /// `trigpoint` with the tables in the bucket, by way of `endpoint`.
    fn trigpoint(&self, endpoint: SocketAddr, arguments: &[&str]) -> Command {
        let mut command = Command::new(TRIGPOINT);
        command.args(arguments).args(["--lake", &self.s3.url("tables")]);
        command.envs(S3::environment(endpoint));
        command
    }

    /// A collector's command; `name` keeps several apart.
    fn collector(&self, name: &str, listen: &str, endpoint: SocketAddr) -> Command {
        let mut command = self.trigpoint(endpoint, &["collector", "--listen", listen]);
        command.args(["--admin-listen", "127.0.0.1:0", "--commit-at-latest", "2s"]);
        command.arg("--data-dir").arg(self.directory.join(name));
        command.arg("--token-file").arg(self.directory.join("tokens"));
        command
    }

    /// A station whose data is in `name`, and which delivers to `collector`.
    fn station(&self, name: &str, (collector, uri): (&str, &str)) -> Process {
        let mut command = Command::new(beside(TRIGPOINT, "trigpoint-station"));
        command.args(["server", "--listen", "127.0.0.1", "--ws-port", "0", "--wss-port", "0"]);
        command.args(["--admin-port", "0", "--test-duration", "1s", "--lame-duck", "0s"]);
        // Long enough where a collector is there, short enough where none is.
        command.args(["--flush-deadline", "20s", "--collector", uri, "--collector-ca"]);
        command.arg(self.directory.join(collector).join("tls/certificate.pem"));
        command.arg("--token-file").arg(self.directory.join("token"));
        Process::start(command.arg("--data-dir").arg(self.directory.join(name)))
    }

    /// The first value that a new `trigpoint query` gives.
    fn value(&self, sql: &str) -> String {
        let mut query = self.trigpoint(self.s3.address(), &["query", "--format", "csv", sql]);
        let answer = run(&mut query, DEADLINE);
        answer.expect_code(0);
        answer.stdout.lines().nth(1).unwrap_or_default().to_owned()
    }

    /// Waits for the rows of so many tests, then for those of their flows, and
    /// checks that each row of every table is there, and once.
    fn expect_exactly(&self, tests: usize) {
        let sql = "SELECT count(*) FROM speed_tests";
        eventually(DEADLINE, "every test in SQL", || {
            (self.value(sql).parse::<usize>().unwrap() >= tests).then_some(())
        });
        let flows = "SELECT count(*) FROM flows WHERE belonged_to = 'test'";
        eventually(DEADLINE, "every flow in SQL", || {
            (self.value(flows).parse::<usize>().unwrap() >= tests).then_some(())
        });
        let tests = tests.to_string();
        assert_eq!(self.value(sql), tests);
        assert_eq!(self.value("SELECT count(DISTINCT flow_id) FROM speed_tests"), tests);
        assert_eq!(self.value(flows), tests);
        // A poll that saw something new has a row, and no other row is there.
        let whole = "SELECT count(*) FROM flows AS f JOIN (SELECT flow_id, count(*) AS rows, \
                     count(DISTINCT n) AS numbers FROM snapshots GROUP BY flow_id) AS s \
                     ON s.flow_id = f.flow_id WHERE f.belonged_to = 'test' \
                     AND s.rows = s.numbers AND s.rows = f.polls_done - f.polls_unchanged";
        assert_eq!(self.value(whole), tests, "flows with exactly their snapshots");
        assert_eq!(
            self.value("SELECT count(DISTINCT flow_id) FROM flows"),
            self.value("SELECT count(*) FROM flows")
        );
    }
}

/// The address behind `scheme` in the first line of stdout that has it.
fn address(process: &Process, scheme: &str) -> String {
    process.line(Stream::Stdout, DEADLINE, |line| {
        let (_, rest) = line.split_once(scheme)?;
        Some(rest.split(['/', ' ']).next()?.to_owned())
    })
}

fn ingest(collector: &Process) -> String {
    format!("https://{}", address(collector, "https://"))
}

/// One download and one upload: two rows.
fn speedtest(station: &Process) {
    let url = format!("ws://{}", address(station, "ws://"));
    run(Command::new(TRIGPOINT).args(["speedtest", &url, "--quiet"]), DEADLINE).expect_code(0);
}

#[test]
fn tests_become_rows_in_a_bucket_and_a_new_collector_goes_on() {
    let bench = Bench::new();
    let endpoint = bench.s3.address();
    let collector = Process::start(&mut bench.collector("collector", "127.0.0.1:0", endpoint));
    let uri = ingest(&collector);
    let station = bench.station("station", ("collector", &uri));
    speedtest(&station);
    eventually(DEADLINE, "both tests in SQL", || {
        (bench.value("SELECT count(*) FROM speed_tests") == "2").then_some(())
    });
    collector.stop(DEADLINE).expect_code(0);

    speedtest(&station);
    let listen = uri.trim_start_matches("https://");
    let collector = Process::start(&mut bench.collector("collector", listen, endpoint));
    bench.expect_exactly(4);
    station.stop(DEADLINE).expect_code(0);
    collector.stop(DEADLINE).expect_code(0);

    let mut stored: Vec<_> = std::fs::read_dir(bench.s3.bucket().join("tables"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    stored.sort();
    let expected = ["flows", "snapshots", "speed_tests", "spools", "stations"];
    assert_eq!(stored, expected, "tables and whose the spools are, and no probe");
    assert!(!bench.directory.join("collector/lake").exists(), "nothing is on the disk");
}

#[test]
fn a_whole_system_in_one_process_keeps_its_tables_in_a_bucket() {
    let bench = Bench::new();
    let mut command = bench.trigpoint(bench.s3.address(), &["standalone", "--try", "--exit"]);
    command.args(["--ws-port", "0", "--wss-port", "0", "--test-duration", "1s"]);
    run(command.arg("--data-dir").arg(bench.directory.join("data")), DEADLINE).expect_code(0);
    bench.expect_exactly(2);
}
