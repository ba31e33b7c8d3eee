//! A thousand clients that want nothing.

use std::fs;
use std::io::Read as _;
use std::net::TcpStream;
use std::time::Instant;

use trigpoint_process::limits;
use trigpoint_testkit::{Directory, Process, Standalone, eventually};

use super::{DEADLINE, await_flows, host, speedtest, station, trigpoint};

const CROWD: usize = 1000;
const MOST_MEMORY_KIB: u64 = 64 << 10;

#[test]
fn a_thousand_silent_connections_are_closed_and_take_little_memory() {
    limits::raise_open_files();
    let directory = Directory::new();
    let station = station(&directory);
    // What any first test allocates is not the crowd's.
    speedtest(&station);
    let flows = "SELECT count(*) AS rows FROM flows";
    eventually(DEADLINE, "the rows of both directions", || {
        (station.query(flows)[0]["rows"] == 2).then_some(())
    });
    let before = memory_kib(&station, "VmRSS");
    forget_peak(&station);
    let mut ports = silent_crowd(&station, || {});
    let grown = memory_kib(&station, "VmHWM").saturating_sub(before);
    println!("    {CROWD} silent connections: memory grew by {grown} KiB at most");
    assert!(grown < MOST_MEMORY_KIB, "{grown} KiB");
    ports.extend(silent_crowd(&station, || speedtest(&station)));
    await_flows(&station, "other", &ports);
    station.stop();
}

/// Connects, lets something happen, and waits until the station has closed all.
fn silent_crowd(station: &Standalone, beside: impl FnOnce()) -> Vec<u16> {
    let connected = Instant::now();
    // TLS has a time limit of its own.
    let crowd: Vec<TcpStream> = (0..CROWD)
        .map(|number| if number % 2 == 0 { station.ws() } else { station.wss() })
        .map(|url| TcpStream::connect(host(url)).unwrap())
        .collect();
    beside();
    for mut client in &crowd {
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        assert_eq!(client.read(&mut [0; 64]).unwrap(), 0, "nothing is said, the stream ends");
    }
    let closed = connected.elapsed();
    assert!((9..20).contains(&closed.as_secs()), "{closed:?}");
    ports(&crowd)
}

#[test]
fn a_thousand_connections_that_close_at_once_all_have_rows() {
    limits::raise_open_files();
    let directory = Directory::new();
    let station = station(&directory);
    let mut test = trigpoint(&["speedtest", station.ws(), "--only", "download"]);
    let test = Process::start(&mut test);
    let crowd: Vec<TcpStream> =
        (0..CROWD).map(|_| TcpStream::connect(host(station.ws())).unwrap()).collect();
    let ports = ports(&crowd);
    drop(crowd);
    test.finished(DEADLINE).expect_code(0);
    await_flows(&station, "other", &ports);
    station.stop();
}

#[test]
fn a_thousand_connections_that_come_and_go_all_have_rows() {
    let directory = Directory::new();
    let station = station(&directory);
    let ports: Vec<u16> = (0..CROWD)
        .map(|_| TcpStream::connect(host(station.ws())).unwrap().local_addr().unwrap().port())
        .collect();
    await_flows(&station, "other", &ports);
    station.stop();
}

fn ports(crowd: &[TcpStream]) -> Vec<u16> {
    crowd.iter().map(|client| client.local_addr().unwrap().port()).collect()
}

/// `VmRSS`, or `VmHWM`, its highest value (proc(5)).
fn memory_kib(station: &Standalone, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", station.process().id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap().split_whitespace().next().unwrap().parse().unwrap()
}

/// Lets `VmHWM` begin anew.
fn forget_peak(station: &Standalone) {
    fs::write(format!("/proc/{}/clear_refs", station.process().id()), "5").unwrap();
}
