//! A station on a small disk, and the collector that it delivers to.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use trigpoint_testkit::{Directory, Finished, Process, Stream, beside, eventually, run};

use super::Disk;

const TRIGPOINT: &str = env!("CARGO_BIN_EXE_trigpoint");
/// Far above what a loaded two-core machine needs.
pub(crate) const DEADLINE: Duration = Duration::from_mins(3);
/// A port of the lab's own network.
const COLLECTOR: &str = "127.0.0.1:9400";

pub(crate) struct Pair {
    directory: Directory,
    disk: Disk,
    collector: Option<Process>,
    station: Option<Process>,
}

impl Pair {
    /// Neither of them runs yet; the station's disk has `size`.
    pub(crate) fn new(size: &str) -> Self {
        let directory = Directory::new();
        std::fs::write(directory.join("tokens"), "lab01 secret-of-lab01-0\n").unwrap();
        std::fs::write(directory.join("token"), "secret-of-lab01-0\n").unwrap();
        let disk = Disk::mount(&directory.join("station"), size);
        Self { directory, disk, collector: None, station: None }
    }

    pub(crate) fn disk(&self) -> &Disk {
        &self.disk
    }

    pub(crate) fn start_collector(&mut self) {
        let mut command = Command::new(TRIGPOINT);
        command.args(["collector", "--listen", COLLECTOR, "--admin-listen", "127.0.0.1:0"]);
        command.args(["--commit-at-latest", "2s", "--data-dir"]);
        command.arg(self.directory.join("collector"));
        let process =
            Process::start(command.arg("--token-file").arg(self.directory.join("tokens")));
        process.line(Stream::Stdout, DEADLINE, |line| line.contains("https://").then_some(()));
        self.collector = Some(process);
    }

    /// A disk of `size` for the collector alone; it must not run yet.
    pub(crate) fn mount_for_collector(&self, size: &str) -> Disk {
        Disk::mount(&self.directory.join("collector"), size)
    }

    /// Waits for a line on the collector's error output that has all of these parts.
    pub(crate) fn collector_line(&self, parts: &[&str]) {
        let collector = self.collector.as_ref().unwrap();
        collector.line(Stream::Stderr, DEADLINE, |line| {
            parts.iter().all(|part| line.contains(part)).then_some(())
        });
    }

    pub(crate) fn stop_collector(&mut self) {
        self.collector.take().unwrap().stop(DEADLINE).expect_code(0);
    }

    fn station_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(beside(TRIGPOINT, "trigpoint-station"));
        command.args(["server", "--listen", "127.0.0.1", "--ws-port", "0", "--wss-port", "0"]);
        command.args(["--admin-port", "0", "--test-duration", "1s", "--lame-duck", "0s"]);
        command.args(["--collector", &format!("https://{COLLECTOR}"), "--collector-ca"]);
        command.arg(self.directory.join("collector/tls/certificate.pem"));
        command.arg("--token-file").arg(self.directory.join("token"));
        command.arg("--termination-log").arg(self.directory.join("termination"));
        command.arg("--data-dir").arg(self.disk.path()).args(arguments);
        command
    }

    pub(crate) fn start_station(&mut self, arguments: &[&str]) {
        let process = Process::start(&mut self.station_command(arguments));
        process.line(Stream::Stdout, DEADLINE, |line| line.contains("http://").then_some(()));
        self.station = Some(process);
    }

    /// A station that must not start.
    pub(crate) fn refused_station(&self) -> Finished {
        run(&mut self.station_command(&[]), DEADLINE)
    }

    fn station(&self) -> &Process {
        self.station.as_ref().unwrap()
    }

    pub(crate) fn station_line(&self, stream: Stream, text: &str) {
        self.station().line(stream, DEADLINE, |line| line.contains(text).then_some(()));
    }

    pub(crate) fn stop_station(&mut self) -> Finished {
        let finished = self.station.take().unwrap().stop(DEADLINE);
        finished.expect_code(0);
        finished
    }

    pub(crate) fn kill_station(&mut self) {
        self.station.take().unwrap().kill();
    }

    /// What the station wrote about its end.
    pub(crate) fn outcome(&self) -> Value {
        let text = std::fs::read(self.directory.join("termination")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    fn address(&self, scheme: &str) -> String {
        self.station().line(Stream::Stdout, DEADLINE, |line| {
            line.split_once(scheme).map(|(_, address)| address.trim().to_owned())
        })
    }

    /// Download and upload, which must work; gives how many tests these are.
    pub(crate) fn speedtest(&self) -> u64 {
        let url = format!("ws://{}", self.address("ws://"));
        run(Command::new(TRIGPOINT).args(["speedtest", &url, "--quiet"]), DEADLINE).expect_code(0);
        2
    }

    /// The sum of a metric's values over all its labels, as a whole number.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        self.metric_of(name, "")
    }

    /// The same, of the series whose labels contain `label`.
    pub(crate) fn metric_of(&self, name: &str, label: &str) -> u64 {
        let address = self.address("http://");
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let values: Vec<f64> = text
            .lines()
            .filter_map(|line| line.strip_prefix(name)?.rsplit_once(' '))
            .filter(|(labels, _)| labels.is_empty() || labels.starts_with('{'))
            .filter(|(labels, _)| labels.contains(label))
            .map(|(_, value)| value.parse().unwrap())
            .collect();
        assert!(!values.is_empty(), "no metric `{name}` in {text}");
        values.iter().sum::<f64>().ceil() as u64
    }

    /// What `trigpoint lake check` says of the tables, which must be nothing bad.
    pub(crate) fn check_lake(&self) {
        let mut command = Command::new(TRIGPOINT);
        command.args(["lake", "check", "--data-dir"]).arg(self.directory.join("collector"));
        run(&mut command, DEADLINE).expect_code(0);
    }

    /// The rows that a new `trigpoint query` process sees, one object each.
    pub(crate) fn query(&self, sql: &str) -> Vec<Value> {
        let mut command = Command::new(TRIGPOINT);
        command.args(["query", "--format", "json", sql, "--data-dir"]);
        let answer = run(command.arg(self.directory.join("collector")), DEADLINE);
        answer.expect_code(0);
        serde_json::from_str(&answer.stdout).unwrap()
    }

    /// Rows of a table, and how many of them differ in `key`.
    fn count(&self, table: &str, key: &str) -> (u64, u64) {
        let sql = format!(
            "SELECT (SELECT count(*) FROM {table}) AS rows, \
             (SELECT count(*) FROM (SELECT DISTINCT {key} FROM {table})) AS keys"
        );
        let row = &self.query(&sql)[0];
        (row["rows"].as_u64().unwrap(), row["keys"].as_u64().unwrap())
    }

    /// Waits until so many tests are in SQL, with their flows, none of them twice.
    pub(crate) fn await_tests(&self, tests: u64) {
        for (table, key) in [("speed_tests", "test_id"), ("flows", "flow_id")] {
            eventually(DEADLINE, "every test in SQL", || {
                (self.count(table, key) == (tests, tests)).then_some(())
            });
        }
        let (rows, keys) = self.count("snapshots", "flow_id, n");
        assert_eq!(rows, keys, "snapshots twice");
    }

    /// The same, and every row that this run of the station spooled is there.
    pub(crate) fn await_every_row(&self, tests: u64) {
        self.await_tests(tests);
        for table in ["snapshots", "flows", "speed_tests"] {
            eventually(DEADLINE, "every row that was spooled", || {
                let spooled = self.metric_of("trigpoint_recorded_rows_total", table);
                (self.count(table, "flow_id").0 == spooled).then_some(())
            });
        }
    }
}
