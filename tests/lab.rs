//! The lab is what it claims to be: otherwise suites that run in it prove nothing.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use trigpoint_testkit::lab::{Link, Shaper, inside};

#[test]
fn both_families_reach_the_server() {
    inside("both_families_reach_the_server", || {
        let link = Link::new(None);
        for address in [Link::SERVER_V4, Link::SERVER_V6] {
            let reached = exchange(&link, &address.to_string(), 1000);
            assert_eq!(reached.bytes, 1000);
        }
    });
}

#[test]
fn a_shaper_passes_everything_and_no_faster_than_its_rate() {
    inside("a_shaper_passes_everything_and_no_faster_than_its_rate", || {
        let shaper = Shaper { rate_bit_per_s: 20_000_000, queue_bytes: 100_000 };
        let link = Link::new(Some(shaper));
        let reached = exchange(&link, &Link::SERVER_V4.to_string(), 10_000_000);
        assert_eq!(reached.bytes, 10_000_000);
        // 1448 payload bytes in each frame of 1514. No lower bound: a loaded machine is slower.
        let rate = 10_000_000.0 * 8.0 / reached.seconds;
        let limit = 20e6 * 1448.0 / 1514.0;
        assert!(rate < 1.01 * limit, "{rate} bit/s through a link of {limit}");
    });
}

struct Reached {
    bytes: usize,
    seconds: f64,
}

/// Sends `bytes` from a process on the server's host to one on the client's.
fn exchange(link: &Link, address: &str, bytes: usize) -> Reached {
    let script = format!(
        "import socket
server = socket.create_server(('{address}', 5000),
    family=socket.AF_INET6 if ':' in '{address}' else socket.AF_INET)
print('ready', flush=True)
connection, _ = server.accept()
connection.sendall(bytes({bytes}))
connection.close()"
    );
    let mut server = link.server.command("python3");
    let mut server = server.args(["-c", &script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = [0; 6];
    server.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    let script = format!(
        "import socket
connection = socket.create_connection(('{address}', 5000))
total = 0
while data := connection.recv(65536): total += len(data)
print(total)"
    );
    let started = Instant::now();
    let client: &mut Command = &mut link.client.command("python3");
    let output = client.args(["-c", &script]).output().unwrap();
    let seconds = started.elapsed().as_secs_f64();
    server.wait().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Reached { bytes: text.parse().unwrap_or_else(|_| panic!("{output:?}")), seconds }
}
