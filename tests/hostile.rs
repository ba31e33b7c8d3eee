//! Clients and peers that break rules, dawdle, vanish or come in crowds, against
//! real processes: one connection ends, everything else goes on, and every
//! connection has its row.

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

/// Waits until each of the clients' `ports` has its row, and just one.
fn await_flows(station: &Standalone, ports: &[u16]) {
    let sql = "SELECT remote_port, count(*) AS rows FROM flows GROUP BY remote_port";
    let mut missing = ports.len();
    let rows = eventually(DEADLINE, "a row for every connection", || {
        let rows: BTreeMap<u64, u64> = station
            .query(sql)
            .iter()
            .map(|row| (row["remote_port"].as_u64().unwrap(), row["rows"].as_u64().unwrap()))
            .collect();
        missing = ports.iter().filter(|port| !rows.contains_key(&u64::from(**port))).count();
        (missing == 0).then_some(rows)
    });
    for port in ports {
        assert_eq!(rows[&u64::from(*port)], 1, "rows of the connection from port {port}");
    }
}

/// Why the test of the client at `port` ended, as its row says.
fn end_reason(station: &Standalone, port: u16) -> String {
    let sql = format!("SELECT end_reason FROM speed_tests WHERE client_port = {port}");
    let row = eventually(DEADLINE, "the test's row", || station.query(&sql).pop());
    row["end_reason"].as_str().unwrap().to_owned()
}
