//! `trigpoint-station traceroute` beside a server: both are processes of their
//! own, and each survives the other.

use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::process::Command;

use trigpoint_testkit::{Directory, Process, Stream, eventually};

use super::DEADLINE;
use super::events::{Station, metric, run_test};

struct Traceroute {
    process: Process,
    admin: String,
}

impl Traceroute {
    fn start(directory: &Directory) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trigpoint-station"));
        command.args(["traceroute", "--listen", "127.0.0.1", "--admin-port", "0"]);
        command.arg("--event-socket").arg(directory.join("events.sock"));
        command.arg("--data-dir").arg(directory.join("station"));
        let process = Process::start(&mut command);
        let admin = process.line(Stream::Stdout, DEADLINE, |line| {
            line.split_once("http://").map(|(_, address)| address.to_owned())
        });
        Self { process, admin }
    }

    fn metric(&self, name: &str) -> u64 {
        metric(&self.admin, name)
    }

    fn await_metric(&self, name: &str, value: u64) {
        eventually(DEADLINE, name, || (self.metric(name) == value).then_some(()));
    }
}

/// Clients on this host are not traced, which is a row as well.
#[test]
fn each_test_has_its_row_whichever_container_starts_again() {
    let directory = Directory::new();
    let traceroute = Traceroute::start(&directory);
    let station = Station::start(&directory);
    traceroute.await_metric("trigpoint_event_socket_connected", 1);
    run_test(&station, |_| ());
    traceroute.await_metric("trigpoint_traces_total", 1);

    // The server is killed in the middle of a test: its client has its row too.
    let client = station.client();
    eventually(DEADLINE, "the test to be known", || {
        (station.metric("trigpoint_flow_events_total") == 3).then_some(())
    });
    station.process.kill();
    drop(client);
    traceroute.await_metric("trigpoint_traces_total", 2);
    let station = Station::start(&directory);
    traceroute.await_metric("trigpoint_event_socket_connected", 1);
    run_test(&station, |_| ());
    traceroute.await_metric("trigpoint_traces_total", 3);
    assert_eq!(traceroute.metric("trigpoint_trace_coverage"), 1);
    traceroute.process.kill();

    let traceroute = Traceroute::start(&directory);
    traceroute.await_metric("trigpoint_event_socket_connected", 1);
    run_test(&station, |_| ());
    traceroute.await_metric("trigpoint_traces_total", 1);
    assert_eq!(traceroute.metric("trigpoint_missed_flow_events_total"), 0);

    station.process.stop(DEADLINE).expect_code(0);
    // Nobody comes any more: no time is waited out.
    traceroute.process.stop(DEADLINE).expect_code(0);
}

/// The end of a test of a client on this host, as our server tells it.
const CLOSE: &str = r#"{"Event":1,"Timestamp":"2026-11-26T12:00:00Z","UUID":"host_1_00000000000000AB","ID":{"SPort":80,"DPort":5000,"SrcIP":"127.0.0.1","DstIP":"127.0.0.1","Interface":0,"Cookie":171},"TestID":"host_1_00000000000000AB"}"#;

/// Who serves the socket's path may be anybody.
#[test]
fn garbage_on_the_event_socket_is_dropped_and_counted() {
    const MEGABYTES: u64 = 16;
    const LINES: u64 = 1000;
    let directory = Directory::new();
    let server = UnixListener::bind(directory.join("events.sock")).unwrap();
    let traceroute = Traceroute::start(&directory);
    let (mut events, _) = server.accept().unwrap();

    // A line without an end is cut into many, none of which is kept.
    for _ in 0..MEGABYTES {
        events.write_all(&vec![b'x'; 1 << 20]).unwrap();
    }
    events.write_all(b"\n").unwrap();
    for line in 0..LINES {
        // No JSON, not UTF-8, no object, an unknown event.
        let garbage: &[u8] = [&b"{"[..], b"\xff\xfe", b"[]", br#"{"Event":2}"#][line as usize % 4];
        events.write_all(&[garbage, b"\n"].concat()).unwrap();
    }
    writeln!(events, "{CLOSE}").unwrap();
    traceroute.await_metric("trigpoint_traces_total", 1);
    let garbage = traceroute.metric("trigpoint_garbage_event_lines_total");
    let pieces = garbage - LINES;
    assert!((MEGABYTES << 20) / pieces <= 1 << 16, "pieces of some kilobytes, {pieces} in all");
    assert_eq!(traceroute.metric("trigpoint_event_socket_connected"), 1);

    drop(events);
    traceroute.process.stop(DEADLINE).expect_code(0);
}
