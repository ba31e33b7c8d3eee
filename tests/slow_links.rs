//! Downloads over a slow line end in time and report the line's rate: what
//! waits in the station's socket must be little.
//!
//! In a lab with an emulated line of 1 Mbit/s. Reference figures:
//! `reference/kernel-facts.md` E1. The line has a delay, as every line has: the
//! answer to the upgrade, alone on a bare veth, comes back after 4 µs, which is
//! 362 MB/s to BBR. It keeps that as the bandwidth for ten round trips, which
//! behind a full queue are the whole test, with 200 KB in flight.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]
#![allow(clippy::print_stdout, reason = "the figures are what this suite is for")]

use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use trigpoint_testkit::lab::path::{Bottleneck, Direction, Path};
use trigpoint_testkit::lab::{Emulated, inside};
use trigpoint_testkit::{Directory, Standalone, eventually, run};

const TRIGPOINT: &str = env!("CARGO_BIN_EXE_trigpoint");
const DEADLINE: Duration = Duration::from_mins(1);
const TEST: Duration = Duration::from_secs(10);

const RATE_BIT_PER_S: u64 = 1_000_000;
/// Of the line, in each direction.
const DELAY: Duration = Duration::from_millis(5);
/// Of each Ethernet frame of 1,514 bytes, 1,448 are TCP's payload.
const PAYLOAD_BIT_PER_S: f64 = RATE_BIT_PER_S as f64 * 1448.0 / 1514.0;

/// What one download showed.
#[derive(Debug)]
struct Download {
    /// From the end of the test until the client had the Close frame, had
    /// answered it and was gone.
    close: Duration,
    /// Unacknowledged and unsent bytes in the server's socket at the end.
    held_bytes: f64,
    /// What the row says.
    bits_per_s: f64,
}

impl Download {
    fn rate_share(&self) -> f64 {
        self.bits_per_s / PAYLOAD_BIT_PER_S
    }

    /// How long the link takes for what the socket held at the end.
    fn held(&self) -> Duration {
        Duration::from_secs_f64(self.held_bytes * 8.0 / PAYLOAD_BIT_PER_S)
    }
}

#[test]
fn bbr_closes_within_a_second_and_a_half_and_finds_the_rate() {
    inside("bbr_closes_within_a_second_and_a_half_and_finds_the_rate", || {
        for (queue_bytes, download) in downloads("bbr") {
            let limit = Duration::from_millis(1500);
            assert!(download.close <= limit, "queue of {queue_bytes} bytes: {download:?}");
            let share = download.rate_share();
            assert!((0.97..=1.03).contains(&share), "queue of {queue_bytes} bytes: {download:?}");
        }
    });
}

#[test]
fn cubic_closes_a_second_after_what_is_in_flight_and_finds_the_rate() {
    inside("cubic_closes_a_second_after_what_is_in_flight_and_finds_the_rate", || {
        for (queue_bytes, download) in downloads("cubic") {
            let limit = Duration::from_secs(1) + download.held();
            assert!(download.close <= limit, "queue of {queue_bytes} bytes: {download:?}");
            // A shorter queue overflows so often that cubic does not fill the line.
            if queue_bytes >= 300_000 {
                let share = download.rate_share();
                assert!((0.97..=1.03).contains(&share), "queue of {queue_bytes}: {download:?}");
            }
        }
    });
}

/// The line, with a queue in front of the bottleneck to the client.
fn path(queue_bytes: u64) -> Path {
    let back = Direction { delay: DELAY, ..Direction::default() };
    let bottleneck = Some(Bottleneck { rate_bit_per_s: RATE_BIT_PER_S, queue_bytes });
    Path { forward: back, backward: Direction { bottleneck, ..back } }
}

/// One download behind each queue length.
fn downloads(congestion_control: &str) -> Vec<(u64, Download)> {
    let is_full = std::env::var_os("TRIGPOINT_PROVE").is_some_and(|form| form == "full");
    let queues: &[u64] = if is_full { &[100_000, 300_000, 1_000_000] } else { &[300_000] };
    let line = Emulated::new(&path(queues[0]));
    let directory = Directory::new();
    let server = line.server_v4().to_string();
    let arguments = ["--listen", &server, "--congestion-control", congestion_control];
    let station =
        Standalone::start_with(line.server().command(TRIGPOINT), TRIGPOINT, &directory, &arguments);
    let downloads = queues.iter().map(|&queue_bytes| {
        line.reconfigure(&path(queue_bytes));
        let download = download(&station, line.client().command(TRIGPOINT), congestion_control);
        println!(
            "{congestion_control}, queue {:>4} KB: closed {:.2} s after the end, of that {:.2} s for {:.0} KB in the socket; rate {:.3} of the line's",
            queue_bytes / 1000,
            download.close.as_secs_f64(),
            download.held().as_secs_f64(),
            download.held_bytes / 1000.0,
            download.rate_share()
        );
        (queue_bytes, download)
    });
    downloads.collect()
}

fn download(station: &Standalone, mut client: Command, congestion_control: &str) -> Download {
    client.args(["speedtest", station.ws(), "--only", "download", "--format", "json", "--quiet"]);
    let finished = run(&mut client, DEADLINE);
    let gone = SystemTime::now();
    finished.expect_code(0);
    let summary: Value = serde_json::from_str(&finished.stdout).unwrap();
    let uuid = summary["download"]["uuid"].as_str().unwrap();

    let test = format!(
        "SELECT arrow_cast(start_time, 'Int64') AS start_us, throughput_bits_per_s, \
         congestion_control FROM speed_tests WHERE flow_id = '{uuid}'"
    );
    let row = eventually(DEADLINE, "the test's row", || station.query(&test).pop());
    assert_eq!(row["congestion_control"], congestion_control);
    let end_us = row["start_us"].as_u64().unwrap() + TEST.as_micros() as u64;
    let held = format!(
        "SELECT idiag_wqueue_bytes FROM snapshots WHERE flow_id = '{uuid}' \
         AND arrow_cast(reply_time, 'Int64') <= {end_us} ORDER BY reply_time DESC LIMIT 1"
    );
    let held = station.lake().row(&held);
    let end = SystemTime::UNIX_EPOCH + Duration::from_micros(end_us);
    Download {
        close: gone.duration_since(end).unwrap_or_default(),
        held_bytes: held["idiag_wqueue_bytes"].as_f64().unwrap(),
        bits_per_s: row["throughput_bits_per_s"].as_f64().unwrap(),
    }
}
