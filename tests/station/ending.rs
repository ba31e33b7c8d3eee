//! How a station ends beside its clients: what it answers in each phase, and what it
//! leaves in its termination message.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;
use trigpoint_crd::node::{DrainOutcome, LastDrain};
use trigpoint_testkit::{Directory, Process, RawClient, Stream, eventually, opcode};

use super::DEADLINE;

/// A station whose tests are as long as their clients want them.
struct Station {
    directory: Directory,
    process: Process,
    ws: String,
    admin: String,
}

impl Station {
    fn start(lame_duck: &str) -> Self {
        let directory = Directory::new();
        let mut command = Command::new(env!("CARGO_BIN_EXE_trigpoint-station"));
        command.args(["server", "--listen", "127.0.0.1", "--ws-port", "0", "--wss-port", "0"]);
        command.args(["--admin-port", "0", "--test-duration", "10m", "--lame-duck", lame_duck]);
        command.arg("--data-dir").arg(directory.join("station"));
        command.arg("--termination-log").arg(directory.join("termination"));
        let process = Process::start(&mut command);
        let address = |scheme: &str| {
            process.line(Stream::Stdout, DEADLINE, |line| {
                line.split_once(scheme).map(|(_, address)| address.to_owned())
            })
        };
        let (ws, admin) = (address("ws://"), address("http://"));
        Self { directory, process, ws, admin }
    }

    fn client(&self) -> RawClient {
        RawClient::connect(&format!("ws://{}", self.ws), "download")
    }

    /// Waits for a phase; what `/readyz` answers in it.
    fn await_phase(&self, phase: &str) -> u16 {
        eventually(DEADLINE, phase, || {
            let mut stream = TcpStream::connect(&self.admin).unwrap();
            let request = "GET /readyz HTTP/1.1\r\nHost: station\r\nConnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            let body: Value = serde_json::from_str(body).unwrap();
            (body["phase"] == phase).then(|| head[9..12].parse().unwrap())
        })
    }

    fn last_drain(self) -> LastDrain {
        self.process.finished(DEADLINE).expect_code(0);
        let message = std::fs::read(self.directory.join("termination")).unwrap();
        serde_json::from_slice(&message).unwrap()
    }
}

/// A download and the upload behind it, told to end in between: both are whole.
#[test]
fn a_session_stays_whole_while_the_station_is_ready_in_lame_duck() {
    let station = Station::start("10m");
    assert_eq!(station.await_phase("running"), 200);
    let mut first = station.client();
    station.process.signal(Signal::TERM);
    assert_eq!(station.await_phase("lame_duck"), 200);
    first.send(opcode::CLOSE, &1000_u16.to_be_bytes()).unwrap();
    first.await_frame(opcode::CLOSE);
    // As a client does that is in a hurry: the first connection is still open.
    let mut second = station.client();
    first.drain().unwrap();
    drop(first);
    assert_eq!(station.await_phase("lame_duck"), 200);
    second.send(opcode::CLOSE, &1000_u16.to_be_bytes()).unwrap();
    second.drain().unwrap();
    drop(second);

    // Nobody else comes: it ends some seconds later, long before the ten minutes.
    let drain = station.last_drain();
    assert_eq!((drain.aborted, drain.completed), (Some(0), Some(2)));
    // There is no collector: what it measured stays in the spool, which may be lost.
    assert_eq!((drain.outcome, drain.flushed_rows), (DrainOutcome::Cut, Some(0)));
    assert!(drain.unflushed_rows.unwrap() > 0);
    assert!(drain.seconds.unwrap() >= 5, "{drain:?}");
}

#[test]
fn a_station_that_drains_is_not_ready_takes_nobody_on_and_waits_for_its_tests() {
    let station = Station::start("0s");
    let mut client = station.client();
    client.await_frame(opcode::TEXT);
    station.process.signal(Signal::TERM);
    assert_eq!(station.await_phase("draining"), 503);
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                   Sec-WebSocket-Protocol: net.measurementlab.ndt.v7\r\n";
    let mut refused = TcpStream::connect(&station.ws).unwrap();
    let head = format!("GET /ndt/v7/download HTTP/1.1\r\nHost: station\r\n{upgrade}\r\n");
    refused.write_all(head.as_bytes()).unwrap();
    let mut status = [0; 12];
    refused.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 503");
    drop(refused);

    client.send(opcode::CLOSE, &1000_u16.to_be_bytes()).unwrap();
    client.drain().unwrap();
    drop(client);
    let drain = station.last_drain();
    assert_eq!((drain.aborted, drain.completed), (Some(0), Some(1)));
}

#[test]
fn a_test_that_the_end_cuts_off_is_told() {
    let station = Station::start("0s");
    let mut client = station.client();
    client.await_frame(opcode::TEXT);
    station.process.signal(Signal::TERM);
    station.await_phase("draining");
    station.process.signal(Signal::TERM);
    let close = client.await_frame(opcode::CLOSE);
    assert_eq!(close.payload[..2], 1001_u16.to_be_bytes());
    client.send(opcode::CLOSE, &close.payload).unwrap();
    client.drain().unwrap();
    let drain = station.last_drain();
    assert_eq!((drain.aborted, drain.completed), (Some(1), Some(0)));
    assert_eq!(drain.outcome, DrainOutcome::Cut);
}
