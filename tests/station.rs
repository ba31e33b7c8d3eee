//! `trigpoint-station` by itself, the server and the tracer beside it: no
//! collector, no privilege.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]

#[path = "station/check.rs"]
mod check;
#[path = "station/ending.rs"]
mod ending;
#[path = "station/events.rs"]
mod events;
#[path = "station/traceroute.rs"]
mod traceroute;

use std::process::Command;
use std::time::Duration;

use trigpoint_testkit::{Directory, Process, RawClient, Stream, opcode};

const DEADLINE: Duration = Duration::from_mins(2);

fn server(directory: &Directory, arguments: &[&str]) -> Command {
    server_with_tests_of("1s", directory, arguments)
}

fn server_with_tests_of(duration: &str, directory: &Directory, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trigpoint-station"));
    command.args(["server", "--listen", "127.0.0.1", "--ws-port", "0", "--wss-port", "0"]);
    command.args(["--admin-port", "0", "--test-duration", duration, "--lame-duck", "0s"]);
    command.arg("--data-dir").arg(directory.join("station")).args(arguments);
    command
}

#[test]
fn a_station_tests_without_a_collector_and_keeps_what_it_measured() {
    let directory = Directory::new();
    let station = Process::start(&mut server(&directory, &[]));
    let url = station.line(Stream::Stdout, DEADLINE, |line| {
        let (_, rest) = line.split_once("ws://")?;
        Some(format!("ws://{}", rest.split(['/', ' ']).next()?))
    });
    let mut client = RawClient::connect(&url, "download");
    let close = client.await_frame(opcode::CLOSE);
    client.send(opcode::CLOSE, &close.payload).unwrap();
    client.drain().unwrap();
    drop(client);
    station.stop(DEADLINE).expect_code(0);
    let spooled = std::fs::read_dir(directory.join("station/spool")).unwrap();
    let bytes: u64 = spooled.map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    // The snapshots of a second, whatever the machine did meanwhile.
    assert!(bytes > 2_000, "{bytes} bytes in the spool");
}
