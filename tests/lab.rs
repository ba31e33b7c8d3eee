//! The lab is what it claims to be: otherwise suites that run in it prove nothing.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]
#![allow(clippy::print_stdout, reason = "the figures are what this suite is for")]

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use trigpoint_testkit::lab::{Link, Shaper, inside};

#[path = "lab/emulator.rs"]
mod emulator;
#[path = "lab/traffic.rs"]
mod traffic;

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
        // 1448 payload bytes in each frame of 1514. A lower bound would judge
        // how soon a loaded machine lets TCP fill the queue: see the next test.
        let rate = 10_000_000.0 * 8.0 / reached.seconds;
        let limit = 20e6 * 1448.0 / 1514.0;
        assert!(rate < 1.01 * limit, "{rate} bit/s through a link of {limit}");
    });
}

/// The lower bound: a queue that is never empty leaves at the rate.
///
/// All frames are in the queue before the second one leaves, so that no program
/// has a part in when they arrive, and the kernel stamps them on arrival. A late
/// interrupt makes one gap longer and the next one shorter, so the median stays.
#[test]
fn a_shaper_is_no_slower_than_its_rate_while_its_queue_is_not_empty() {
    inside("a_shaper_is_no_slower_than_its_rate_while_its_queue_is_not_empty", || {
        // What the suite of slow links takes. 64 frames fit into the queue, and
        // into the sending and the receiving socket's buffer as well.
        let shaper = Shaper { rate_bit_per_s: 1_000_000, queue_bytes: 100_000 };
        let link = Link::new(Some(shaper));
        let mut gaps = gaps(&arrivals(&link, 64));
        gaps.sort_by(f64::total_cmp);
        let rate = 1514.0 * 8.0 / gaps[gaps.len() / 2];
        println!("{:.4} of the rate", rate / 1e6);
        assert!((0.99..1.01).contains(&(rate / 1e6)), "{rate} bit/s, gaps of {gaps:?} s");
    });
}

/// When each of `frames` full frames, sent at once, has passed the link, in ns.
fn arrivals(link: &Link, frames: usize) -> Vec<i64> {
    // 35 is SO_TIMESTAMPNS, which Python has no name for (socket(7)).
    let script = format!(
        "import socket, struct
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.setsockopt(socket.SOL_SOCKET, 35, 1)
receiver.bind(('192.0.2.2', 5000))
receiver.settimeout(60)
print('ready', flush=True)
for _ in range({frames}):
    _, [(_, _, stamp)], _, _ = receiver.recvmsg(2048, 64)
    seconds, nanoseconds = struct.unpack('qq', stamp)
    print(seconds * 10**9 + nanoseconds)"
    );
    let receiver = ready(link.client.command("python3").args(["-c", &script]));
    // 1,472 bytes are a frame of 1,514 with the headers of UDP, IPv4 and Ethernet.
    let script = format!(
        "import socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range({frames}): sender.sendto(bytes(1472), ('192.0.2.2', 5000))"
    );
    let sent = link.server.command("python3").args(["-c", &script]).status().unwrap();
    assert!(sent.success());
    let output = receiver.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

/// Seconds between each two that follow each other.
fn gaps(stamps: &[i64]) -> Vec<f64> {
    stamps.windows(2).map(|pair| (pair[1] - pair[0]) as f64 * 1e-9).collect()
}

/// Starts a program, and waits until it says that it is ready.
fn ready(command: &mut Command) -> Child {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = [0; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    child
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
    let mut server = ready(link.server.command("python3").args(["-c", &script]));
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
