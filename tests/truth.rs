//! The rows say what happened: every figure of a test is compared with what
//! the kernel, the server's socket counts and the client say of it.
//!
//! The kernel counts an acknowledged FIN in `bytes_acked` and a received one in
//! `bytes_received` as one byte (`tcp_ack`, `tcp_fin`): a clean close ends one
//! above the bytes of the system calls on both sides, a reset at them.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]
#![allow(clippy::print_stdout, reason = "the figures are what this suite is for")]

use std::collections::HashMap;
use std::env;
use std::fmt::Write as _;
use std::net::Shutdown;
use std::process::Command;
use std::time::Duration;

use rustix::net::sockopt;
use serde_json::Value;
use trigpoint_tcpinfo::FIELDS;
use trigpoint_testkit::lab::{Link, inside};
use trigpoint_testkit::{Directory, Lake, Process, RawClient, Standalone, eventually, opcode, run};

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_trigpoint");
const DEADLINE: Duration = Duration::from_mins(2);

/// Columns that only grow while a connection lives.
const COUNTERS: &[&str] = &[
    "bytes_acked",
    "bytes_received",
    "bytes_retrans",
    "bytes_sent",
    "busy_time_us",
    "data_segs_in",
    "data_segs_out",
    "delivered_ce_bytes",
    "delivered_ce_segments",
    "delivered_e0_bytes",
    "delivered_e1_bytes",
    "delivered_segments",
    "dsack_dups",
    "rcv_ooopack_segments",
    "received_ce_bytes",
    "received_ce_segments",
    "received_e0_bytes",
    "received_e1_bytes",
    "rehash",
    "reord_seen",
    "rwnd_limited_us",
    "segs_in",
    "segs_out",
    "sndbuf_limited_us",
    "total_retrans_segments",
    "total_rto",
    "total_rto_recoveries",
    "total_rto_time_ms",
];

fn is_full() -> bool {
    env::var_os("TRIGPOINT_PROVE").is_some_and(|form| form == "full")
}

#[test]
fn every_figure_of_a_test_is_true() {
    let (rounds, duration) = if is_full() { (20, "10s") } else { (2, "1s") };
    let directory = Directory::new();
    let station = Standalone::start(EXECUTABLE, &directory, &["--test-duration", duration]);
    let mut printed = HashMap::new();
    for _ in 0..rounds {
        for url in [station.ws(), station.wss()] {
            printed.extend(measurements(&speedtest(url)));
        }
    }
    let lake = station.stop();

    assert_eq!(printed.len(), 4 * rounds, "a download and an upload over ws and over wss");
    let rows = lake.query("SELECT flow_id FROM speed_tests WHERE end_reason = 'completed'");
    assert_eq!(rows.len(), printed.len(), "rows of tests that went well");
    final_counters_are_what_the_server_counted(&lake, printed.len());
    no_counter_ever_falls(&lake);
    what_is_not_set_is_null(&lake);
    every_measurement_is_in_the_row(&lake, &printed);
    every_gap_is_explained(&lake);
    every_poll_is_accounted_for(&lake, printed.len());
}

/// Runs both directions and gives the summary.
fn speedtest(url: &str) -> Value {
    let mut command = Command::new(EXECUTABLE);
    let arguments = ["speedtest", url, "--insecure", "--quiet", "--format", "json"];
    let finished = run(command.args(arguments), DEADLINE);
    finished.expect_code(0);
    serde_json::from_str(&finished.stdout).unwrap()
}

/// The server's measurements as the client printed them, by flow.
fn measurements(summary: &Value) -> Vec<(String, Vec<String>)> {
    let of = |direction: &str| {
        let part = &summary[direction];
        let texts = part["server_measurements"].as_array().unwrap();
        let texts = texts.iter().map(|text| text.as_str().unwrap().to_owned()).collect();
        (part["uuid"].as_str().unwrap().to_owned(), texts)
    };
    vec![of("download"), of("upload")]
}

/// Final counters against the bytes that passed the server's system calls.
const OFFSETS: &str = "SELECT t.client_port, t.direction, t.transport, t.end_reason, f.final_from, \
     f.bytes_acked - t.socket_written_bytes AS acked, \
     f.bytes_received - t.socket_read_bytes AS received \
     FROM speed_tests t LEFT JOIN flows f ON f.flow_id = t.flow_id";

fn final_counters_are_what_the_server_counted(lake: &Lake, tests: usize) {
    let rows = lake.query(OFFSETS);
    assert_eq!(rows.len(), tests);
    for row in rows {
        assert_eq!(row["final_from"], "destroy", "{row}");
        assert_eq!((&row["acked"], &row["received"]), (&1.into(), &1.into()), "{row}");
    }
}

fn no_counter_ever_falls(lake: &Lake) {
    let falls = counted(|name| format!("{name} < before_{name}"));
    let before = COUNTERS.iter().fold(String::new(), |mut sql, name| {
        let _ = write!(sql, ", lag({name}) OVER w AS before_{name}");
        sql
    });
    all_are_zero(&lake.row(&format!(
        "SELECT {falls} FROM (SELECT *{before} FROM snapshots WHERE tcp_info_len_bytes > 0 \
         WINDOW w AS (PARTITION BY flow_id ORDER BY n))"
    )));
    let exceeds = counted(|name| format!("s.{name} > f.{name}"));
    all_are_zero(
        &lake.row(&format!(
            "SELECT {exceeds} FROM snapshots s JOIN flows f ON f.flow_id = s.flow_id"
        )),
    );
}

/// For each counter, in how many rows the condition holds.
fn counted(condition: impl Fn(&str) -> String) -> String {
    let columns = COUNTERS
        .iter()
        .map(|name| format!("sum(CASE WHEN {} THEN 1 ELSE 0 END) AS {name}", condition(name)));
    columns.collect::<Vec<_>>().join(", ")
}

#[track_caller]
fn all_are_zero(row: &Value) {
    for (name, count) in row.as_object().unwrap() {
        assert_eq!(count, 0, "rows that contradict `{name}`");
    }
}

/// A field is NULL exactly when this kernel does not have it or says "not set".
fn what_is_not_set_is_null(lake: &Lake) {
    for table in ["snapshots", "flows"] {
        let mut columns = Vec::new();
        for field in FIELDS {
            let end = u64::from(field.bit_offset) + u64::from(field.bit_width);
            let (name, within) = (field.name, format!("tcp_info_len_bytes * 8 >= {end}"));
            let wrong = match field.absent {
                // Also as its bits in the signed column.
                Some(absent) => format!(
                    "({within}) = false AND {name} IS NOT NULL OR {name} IN ({absent}, {})",
                    absent.cast_signed()
                ),
                None => format!("({within}) = ({name} IS NULL)"),
            };
            columns.push(format!("sum(CASE WHEN {wrong} THEN 1 ELSE 0 END) AS {name}"));
        }
        let columns = columns.join(", ");
        let condition = "tcp_info_len_bytes IS NOT NULL";
        all_are_zero(&lake.row(&format!("SELECT {columns} FROM {table} WHERE {condition}")));
    }
    // From TIME_WAIT (6) on, which CLOSE_WAIT (8) and LAST_ACK follow by number,
    // the kernel leaves the algorithm's state out (`inet_sk_diag_fill`).
    let sql = "SELECT count(*) AS bbr FROM snapshots WHERE (bbr IS NULL) = \
               ((congestion_algorithm IS NOT DISTINCT FROM 'bbr') AND idiag_state < 6) \
               AND tcp_info_len_bytes IS NOT NULL";
    all_are_zero(&lake.row(sql));
    all_are_zero(&lake.row(
        "SELECT count(min_rtt_us) FILTER (WHERE min_rtt_us >= 4294967295) AS min_rtt_us, \
         count(vegas) FILTER (WHERE congestion_algorithm = 'bbr') AS vegas, \
         count(dctcp) FILTER (WHERE congestion_algorithm = 'bbr') AS dctcp FROM snapshots",
    ));
}

const PERIOD_US: i64 = 10_000;

/// The snapshots of each test from the start of its measurement to the end;
/// `place` is the poll's among those that were due since that start.
const POLLS: &str = "WITH polls AS (SELECT s.flow_id, s.n, s.elapsed_us, \
     s.polls_missed_before AS missed, s.poll_no - f.watched_poll_no + 1 AS place, \
     CAST(t.start_time AS BIGINT) AS started, CAST(s.request_time AS BIGINT) AS requested, \
     CAST(s.reply_time AS BIGINT) AS replied FROM speed_tests t \
     JOIN flows f ON f.flow_id = t.flow_id JOIN snapshots s ON s.flow_id = t.flow_id \
     WHERE s.poll_no >= f.watched_poll_no AND CAST(s.request_time AS BIGINT) <= \
     CAST(t.start_time AS BIGINT) + t.last_elapsed_us)";

fn every_poll_is_accounted_for(lake: &Lake, tests: usize) {
    the_numbers_of_polls_leave_no_hole(lake);
    every_row_has_its_place_in_the_window(lake);
    let mut shares = Vec::new();
    let rows = lake.query(&format!(
        "{POLLS}, ordered AS (SELECT *, lag(place, 1, 0) OVER (PARTITION BY flow_id ORDER BY n) \
         AS place_before FROM polls), counted AS (SELECT flow_id, max(place) AS polls, \
         sum(least(missed, place - place_before - 1)) AS missed, \
         max(requested - started) AS last_requested FROM ordered GROUP BY flow_id) \
         SELECT t.flow_id, t.last_elapsed_us, CAST(t.start_time AS BIGINT) AS started, \
         CAST(f.watched_time AS BIGINT) AS watched_from, f.watched_us, f.watched_polls_done, \
         f.watched_polls_missed, f.polls_done, f.polls_missed, c.polls AS row_polls, \
         c.missed AS row_missed, c.last_requested FROM speed_tests t \
         JOIN flows f ON f.flow_id = t.flow_id JOIN counted c ON c.flow_id = t.flow_id"
    ));
    assert_eq!(rows.len(), tests, "tests with polls");
    for row in rows {
        let figure = |name: &str| row[name].as_i64().unwrap();
        let (done, missed) = (figure("watched_polls_done"), figure("watched_polls_missed"));
        // From the start of the measurement beyond its end: a socket that a poll
        // did not find is watched up to the poll before, so it was there less
        // than two periods after that one's instant.
        assert_eq!(figure("watched_from"), figure("started"), "{row}");
        let watched = figure("watched_us");
        assert!(watched > figure("last_elapsed_us") - 2 * PERIOD_US, "{row}");
        fills(done + missed, watched, &row);
        // The same by the rows, which end with the last poll that saw a change.
        let (row_polls, row_missed) = (figure("row_polls"), figure("row_missed"));
        fills(done + missed - row_polls, watched - figure("last_requested"), &row);
        assert!(row_missed <= missed && row_polls - row_missed <= done, "{row}");
        assert!(missed <= figure("polls_missed") && done <= figure("polls_done"), "{row}");
        shares.push(done as f64 / (done + missed) as f64);
    }
    shares.sort_unstable_by(f64::total_cmp);
    let (median, worst) = (shares[shares.len() / 2], shares[0]);
    println!(
        "polls done of {} tests: median {:.1} %, worst {:.1} %",
        shares.len(),
        median * 100.0,
        worst * 100.0
    );
    if is_full() {
        assert!(median >= 0.98 && worst >= 0.95, "the machine must do nothing else");
    }
}

/// So many polls were due in that time, to one.
#[track_caller]
fn fills(polls: i64, window_us: i64, row: &Value) {
    let due = window_us as f64 / PERIOD_US as f64;
    assert!((polls as f64 - due).abs() <= 1.0, "{polls} polls, {due} were due: {row}");
}

/// Each row counts every poll since the one before it, in every connection.
fn the_numbers_of_polls_leave_no_hole(lake: &Lake) {
    all_are_zero(&lake.row(
        "SELECT count(*) FILTER (WHERE n <> n_before + 1) AS n, count(*) FILTER (WHERE \
         poll_no <> poll_no_before + 1 + polls_unchanged_before + polls_missed_before) AS poll_no \
         FROM (SELECT *, lag(n, 1, -1) OVER w AS n_before, \
         lag(poll_no, 1, -1) OVER w AS poll_no_before FROM snapshots \
         WINDOW w AS (PARTITION BY flow_id ORDER BY n))",
    ));
}

/// From the start of the measurement to each single row; a late first poll
/// comes after the missed ones.
fn every_row_has_its_place_in_the_window(lake: &Lake) {
    let wrong = format!(
        "{POLLS} SELECT * FROM polls \
         WHERE abs(place * {PERIOD_US} - (requested - started)) > {PERIOD_US} LIMIT 3"
    );
    assert_eq!(lake.query(&wrong), Vec::<Value>::new());
}

fn every_gap_is_explained(lake: &Lake) {
    // The first gap is the one from the start of the measurement.
    let gaps = format!(
        "{POLLS}, gaps AS (SELECT *, place - lag(place, 1, 0) OVER w AS polls, \
         coalesce(elapsed_us - lag(elapsed_us) OVER w, replied - started) AS gap FROM polls \
         WINDOW w AS (PARTITION BY flow_id ORDER BY n)) \
         SELECT *, replied - requested AS waited FROM gaps WHERE gap > 25000"
    );
    let rows = lake.query(&gaps);
    let mut longest = 0;
    for row in &rows {
        let figure = |name: &str| row[name].as_i64().unwrap();
        longest = longest.max(figure("gap"));
        // A poll counts for the instant before it, up to a period late.
        let explained = (figure("polls") + 1) * PERIOD_US + figure("waited");
        assert!(figure("gap") <= explained, "{row}");
    }
    println!("{} gaps above 25 ms, the longest {} ms", rows.len(), longest / 1000);
}

fn every_measurement_is_in_the_row(lake: &Lake, printed: &HashMap<String, Vec<String>>) {
    let mut stored: HashMap<String, Vec<String>> = HashMap::new();
    let mut downloads = Vec::new();
    for row in lake.query(
        "SELECT flow_id, direction, m['json'] AS json FROM (SELECT flow_id, direction, \
         unnest(server_measurements) AS m FROM speed_tests) ORDER BY flow_id, m['elapsed_us']",
    ) {
        let flow = row["flow_id"].as_str().unwrap();
        if row["direction"] == "download" {
            downloads.push(flow.to_owned());
        }
        stored.entry(flow.to_owned()).or_default().push(row["json"].as_str().unwrap().to_owned());
    }
    for (flow, texts) in printed {
        let row = &stored[flow];
        assert!(!texts.is_empty(), "{flow}");
        assert!(texts.iter().all(|text| row.contains(text)), "{texts:?}\n{row:?}");
        if downloads.contains(flow) {
            assert_eq!(texts.last(), row.last());
        }
    }
}

#[test]
fn under_another_algorithm_there_is_no_bbr_state() {
    let directory = Directory::new();
    let arguments = ["--test-duration", "1s", "--congestion-control", "reno"];
    let station = Standalone::start(EXECUTABLE, &directory, &arguments);
    speedtest(station.ws());
    let lake = station.stop();
    let row = lake.row(
        "SELECT count(*) AS polls, count(bbr) AS bbr, count(vegas) AS vegas, \
         count(dctcp) AS dctcp FROM snapshots s JOIN speed_tests t ON t.flow_id = s.flow_id \
         WHERE s.congestion_algorithm = 'reno' AND t.congestion_control = 'reno'",
    );
    assert!(row["polls"].as_u64().unwrap() > 40, "{row}");
    assert_eq!([&row["bbr"], &row["vegas"], &row["dctcp"]], [0, 0, 0], "{row}");
    what_is_not_set_is_null(&lake);
}

#[test]
fn every_order_of_closing_has_its_offsets() {
    let directory = Directory::new();
    let station = Standalone::start(EXECUTABLE, &directory, &["--test-duration", "1s"]);
    let silent = never_closes(station.ws());
    let closings = [
        (client_ends_first(station.ws()), "client_closed", [1, 1]),
        (client_resets(station.ws()), "connection_lost", [0, 0]),
        // `shutdown(WR)`, and at the limit of the test `close()` without the
        // client's FIN: in FIN_WAIT2 the socket goes at once, and no FIN is received.
        (silent.port(), "timed_out", [1, 0]),
    ];
    let unread = client_closes_with_unread_data(station.ws());
    eventually(DEADLINE, "all rows", || (station.query(OFFSETS).len() == 4).then_some(()));
    drop(silent);
    let lake = station.stop();

    let rows = lake.query(OFFSETS);
    let row = |port: u16| rows.iter().find(|row| row["client_port"] == port).unwrap();
    for (port, reason, [acked, received]) in closings {
        let row = row(port);
        assert_eq!((&row["end_reason"], &row["final_from"]), (&reason.into(), &"destroy".into()));
        assert_eq!([&row["acked"], &row["received"]], [acked, received], "{reason}: {row}");
    }
    // What was on its way is not acknowledged, so only the other side is exact.
    let row = row(unread);
    assert_eq!(row["final_from"], "destroy", "{row}");
    assert_eq!(row["received"], 0, "{row}");
    assert!(row["acked"].as_i64().unwrap() <= 0, "{row}");
    no_counter_ever_falls(&lake);
}

/// The client's FIN comes in the middle of an upload.
fn client_ends_first(url: &str) -> u16 {
    let mut client = RawClient::connect(url, "upload");
    for _ in 0..100 {
        client.send(opcode::BINARY, &[7; 8192]).unwrap();
    }
    client.socket().shutdown(Shutdown::Write).unwrap();
    client.drain().unwrap();
    client.port()
}

/// A reset while nothing is on its way: both sides have read what was sent.
fn client_resets(url: &str) -> u16 {
    let mut client = RawClient::connect(url, "upload");
    client.send(opcode::BINARY, &[7; 8192]).unwrap();
    client.send(opcode::PING, b"read?").unwrap();
    client.await_frame(opcode::PONG);
    // Sends the acknowledgement of the Pong that the kernel holds back for 40 ms.
    sockopt::set_tcp_quickack(client.socket(), true).unwrap();
    sockopt::set_socket_linger(client.socket(), Some(Duration::ZERO)).unwrap();
    client.port()
}

/// The kernel resets a connection that is closed with unread data (RFC 2525, 2.17).
fn client_closes_with_unread_data(url: &str) -> u16 {
    let mut client = RawClient::connect(url, "download");
    client.await_frame(opcode::TEXT);
    // More than this end has read: in the kernel, not only in the client's buffer.
    client.socket().peek(&mut [0]).unwrap();
    client.port()
}

/// Reads all, answers nothing, and stays until it is dropped.
fn never_closes(url: &str) -> RawClient {
    let mut client = RawClient::connect(url, "download");
    client.await_frame(opcode::CLOSE);
    client.drain().unwrap();
    client
}

#[test]
fn a_client_that_vanishes_ends_in_its_rows() {
    if !is_full() {
        println!("left to the full form: it takes half a minute");
        return;
    }
    inside("a_client_that_vanishes_ends_in_its_rows", || {
        let link = Link::new(None);
        let directory = Directory::new();
        let address = Link::SERVER_V4.to_string();
        let station = Standalone::start_with(
            link.server.command(EXECUTABLE),
            EXECUTABLE,
            &directory,
            &["--listen", &address],
        );
        let mut client = link.client.command(EXECUTABLE);
        let client = Process::start(client.args(["speedtest", station.ws(), "--only", "download"]));
        let polls = "SELECT count(*) AS polls FROM snapshots";
        eventually(DEADLINE, "snapshots of a running test", || {
            (station.lake().row(polls)["polls"].as_u64()? > 10).then_some(())
        });
        link.cut();
        let row = eventually(DEADLINE, "the test's and the flow's row", || {
            station.query(OFFSETS).pop().filter(|row| !row["final_from"].is_null())
        });
        println!("a client that vanished: {row}");
        assert!(row["acked"].as_i64().unwrap() <= 0, "{row}");
        assert_eq!(row["received"], 0, "{row}");
        drop(client);
        let lake = station.stop();
        no_counter_ever_falls(&lake);
    });
}
