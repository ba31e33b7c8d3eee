//! How soon a test is in the tables: from the server's Close frame until a new
//! `trigpoint query` sees the test's row and every snapshot up to that moment.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]
#![allow(clippy::print_stdout, reason = "the figures are what this suite is for")]

use std::env;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use trigpoint_testkit::{Directory, RawClient, Standalone, eventually, opcode};

const LIMIT: Duration = Duration::from_secs(5);
/// For what must come at all.
const DEADLINE: Duration = Duration::from_mins(1);

#[test]
fn a_test_is_in_the_tables_within_five_seconds_of_its_close() {
    let tests =
        if env::var_os("TRIGPOINT_PROVE").is_some_and(|form| form == "full") { 50 } else { 5 };
    let directory = Directory::new();
    let executable = env!("CARGO_BIN_EXE_trigpoint");
    let station = Standalone::start(executable, &directory, &["--test-duration", "1s"]);
    let mut waits: Vec<Duration> = (0..tests).map(|_| wait(&station)).collect();
    station.stop();

    waits.sort_unstable();
    let (median, slowest) = (waits[waits.len() / 2], waits[waits.len() - 1]);
    println!(
        "visible after the Close frame, {tests} tests: median {:.2} s, slowest {:.2} s",
        median.as_secs_f64(),
        slowest.as_secs_f64()
    );
    assert!(slowest < LIMIT, "{slowest:?}");
}

/// What one `trigpoint query` saw of a test.
struct Sight {
    /// Since the Close frame, when the process had ended.
    after: Duration,
    has_test: bool,
    snapshots: u64,
}

/// Runs a test and asks until it is visible.
fn wait(station: &Standalone) -> Duration {
    let mut client = RawClient::connect(station.ws(), "download");
    let measurement: Value =
        serde_json::from_slice(&client.await_frame(opcode::TEXT).payload).unwrap();
    let flow = measurement["ConnectionInfo"]["UUID"].as_str().unwrap().to_owned();
    let close = client.await_frame(opcode::CLOSE);
    let (received, wall_time) = (Instant::now(), SystemTime::now());
    client.send(opcode::CLOSE, &close.payload).unwrap();
    client.drain().unwrap();
    drop(client);

    let until_us = wall_time.duration_since(UNIX_EPOCH).unwrap().as_micros();
    let sql = format!(
        "SELECT (SELECT count(*) FROM speed_tests WHERE flow_id = '{flow}') AS tests, \
                (SELECT count(*) FROM flows WHERE flow_id = '{flow}') AS flows, \
                (SELECT count(*) FROM snapshots WHERE flow_id = '{flow}' \
                 AND CAST(request_time AS BIGINT) <= {until_us}) AS snapshots"
    );
    let mut sights = Vec::new();
    // All snapshots of a flow are committed before the flow's own row.
    eventually(DEADLINE, "the flow's row", || {
        let row = station.query(&sql).swap_remove(0);
        let count = |name: &str| row[name].as_u64().unwrap();
        let has_test = count("tests") > 0;
        sights.push(Sight { after: received.elapsed(), has_test, snapshots: count("snapshots") });
        (has_test && count("flows") > 0).then_some(())
    });
    let all = sights[sights.len() - 1].snapshots;
    // Of a second at 10 ms, on a machine as busy as may be.
    assert!(all > 20, "{all} snapshots");
    let complete = sights.iter().find(|sight| sight.has_test && sight.snapshots == all);
    complete.map(|sight| sight.after).unwrap()
}
