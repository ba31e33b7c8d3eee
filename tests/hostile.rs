//! Clients and peers that break rules, dawdle, vanish or come in crowds, against
//! real processes: one connection ends, everything else goes on, and every
//! connection has its row.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]
#![allow(clippy::print_stdout, reason = "the figures are what this suite is for")]

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use trigpoint_testkit::{Directory, Standalone, eventually, run};

#[path = "hostile/configuration.rs"]
mod configuration;
#[path = "hostile/crowd.rs"]
mod crowd;
#[path = "hostile/frames.rs"]
mod frames;
#[path = "hostile/ingest.rs"]
mod ingest;
#[path = "hostile/slow.rs"]
mod slow;
#[path = "hostile/vanished.rs"]
mod vanished;

const TRIGPOINT: &str = env!("CARGO_BIN_EXE_trigpoint");
/// Far above what a loaded two-core machine needs.
const DEADLINE: Duration = Duration::from_mins(2);

fn trigpoint(arguments: &[&str]) -> Command {
    let mut command = Command::new(TRIGPOINT);
    command.args(arguments);
    command
}

/// A station with tests of two seconds.
fn station(directory: &Directory) -> Standalone {
    Standalone::start(TRIGPOINT, directory, &["--test-duration", "2s"])
}

/// `HOST:PORT` of a URL.
fn host(url: &str) -> &str {
    url.split_once("://").unwrap().1
}

/// An honest client's test, which must work.
fn speedtest(station: &Standalone) {
    run(&mut trigpoint(&["speedtest", station.ws(), "--quiet"]), DEADLINE).expect_code(0);
}

/// Waits until each connection from one of `ports` has its row, and just one.
/// `carried` is `test`, or `other` where none was agreed. A port may stand in
/// the list twice: the kernel gives it to another client when it is free again.
fn await_flows(station: &Standalone, carried: &str, ports: &[u16]) {
    let sql = format!(
        "SELECT remote_port, count(*) AS rows FROM flows WHERE belonged_to = '{carried}' \
         GROUP BY remote_port"
    );
    let mut expected = BTreeMap::new();
    for port in ports {
        *expected.entry(u64::from(*port)).or_default() += 1;
    }
    let rows = eventually(DEADLINE, "a row for every connection", || {
        let rows: BTreeMap<u64, u64> = station
            .query(&sql)
            .iter()
            .map(|row| (row["remote_port"].as_u64().unwrap(), row["rows"].as_u64().unwrap()))
            .collect();
        let has_all = expected.iter().all(|(port, count)| rows.get(port) >= Some(count));
        has_all.then_some(rows)
    });
    assert_eq!(rows, expected, "no other connections, and no row twice");
}

/// Why the test of the client at `port` ended, as its row says.
fn end_reason(station: &Standalone, port: u16) -> String {
    let sql = format!("SELECT end_reason FROM speed_tests WHERE client_port = {port}");
    let row = eventually(DEADLINE, "the test's row", || station.query(&sql).pop());
    row["end_reason"].as_str().unwrap().to_owned()
}
