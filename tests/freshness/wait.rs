//! Tests, and how long each took to be visible.

use std::fmt;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::net::sockopt::set_socket_recv_buffer_size;
use serde_json::Value;
use trigpoint_testkit::{RawClient, Standalone, opcode};

use super::DEADLINE;
use super::place::Place;

/// Of a client: a home's line.  At the speed of loopback a few tests would take
/// the processor for themselves.
const BYTES_PER_S: f64 = 20e6 / 8.0;
/// So small that little waits in it before the Close frame.
const RECEIVE_BUFFER: usize = 64 << 10;

/// A test that has ended, to be looked for.
struct Ended {
    flow: String,
    /// When the Close frame came.
    closed: Instant,
    closed_time_us: u128,
    sights: Vec<Sight>,
    /// Told when all of it has been seen.
    seen: Sender<()>,
}

/// What one `trigpoint query` saw of a test.
struct Sight {
    /// Since the Close frame, when the process had ended.
    after: Duration,
    has_test: bool,
    has_flow: bool,
    snapshots: u64,
}

/// Runs so many tests, by several clients each of which waits until its last one
/// is visible, while one process after the other asks for all that have ended.
pub(crate) fn waits(station: &Standalone, place: &Place, clients: usize, tests: usize) -> Waits {
    let (ended, arrivals) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..clients {
            let ended = ended.clone();
            scope.spawn(move || {
                for _ in 0..tests / clients {
                    let (seen, all_seen) = mpsc::channel();
                    ended.send(test(station, seen)).unwrap();
                    all_seen.recv_timeout(DEADLINE).expect("a test that is visible");
                }
            });
        }
        drop(ended);
        watch(place, &arrivals)
    })
}

/// One download to the end.
fn test(station: &Standalone, seen: Sender<()>) -> Ended {
    let mut client = RawClient::connect(station.ws(), "download");
    set_socket_recv_buffer_size(client.socket(), RECEIVE_BUFFER).unwrap();
    let (started, mut bytes, mut flow) = (Instant::now(), 0, None);
    let close = loop {
        let frame = client.next_frame().unwrap().expect("a Close frame");
        match frame.opcode {
            opcode::TEXT if flow.is_none() => {
                let measurement: Value = serde_json::from_slice(&frame.payload).unwrap();
                flow = Some(measurement["ConnectionInfo"]["UUID"].as_str().unwrap().to_owned());
            }
            opcode::CLOSE => break frame,
            _ => {}
        }
        bytes += frame.payload.len();
        let due = started + Duration::from_secs_f64(bytes as f64 / BYTES_PER_S);
        thread::park_timeout(due.saturating_duration_since(Instant::now()));
    };
    let (closed, wall_time) = (Instant::now(), SystemTime::now());
    client.send(opcode::CLOSE, &close.payload).unwrap();
    client.drain().unwrap();
    let closed_time_us = wall_time.duration_since(UNIX_EPOCH).unwrap().as_micros();
    Ended { flow: flow.expect("a measurement"), closed, closed_time_us, sights: Vec::new(), seen }
}

/// Asks until every test that arrives is visible.
fn watch(place: &Place, arrivals: &Receiver<Ended>) -> Waits {
    let (mut waits, mut pending) = (Vec::new(), Vec::<Ended>::new());
    loop {
        if pending.is_empty() {
            let Ok(ended) = arrivals.recv() else { return waits.into_iter().collect() };
            pending.push(ended);
        }
        pending.extend(arrivals.try_iter());
        let asked: Vec<_> = pending.iter().map(question).collect();
        let rows = place.query(&asked.join(" UNION ALL "));
        for ended in &mut pending {
            let row = rows.iter().find(|row| row["flow"] == *ended.flow).unwrap();
            let count = |name: &str| row[name].as_u64().unwrap();
            ended.sights.push(Sight {
                after: ended.closed.elapsed(),
                has_test: count("tests") > 0,
                has_flow: count("flows") > 0,
                snapshots: count("snapshots"),
            });
        }
        // All snapshots of a flow are committed before the flow's own row.
        for ended in pending.extract_if(.., |ended| {
            ended.sights.last().is_some_and(|sight| sight.has_test && sight.has_flow)
        }) {
            waits.push(ended.wait());
            // A client that failed hears nothing, and is heard of by itself.
            let _ = ended.seen.send(());
        }
    }
}

/// What is there of a test, and of its snapshots up to the Close frame.
fn question(Ended { flow, closed_time_us, .. }: &Ended) -> String {
    format!(
        "SELECT '{flow}' AS flow, \
                (SELECT count(*) FROM speed_tests WHERE flow_id = '{flow}') AS tests, \
                (SELECT count(*) FROM flows WHERE flow_id = '{flow}') AS flows, \
                (SELECT count(*) FROM snapshots WHERE flow_id = '{flow}' \
                 AND CAST(request_time AS BIGINT) <= {closed_time_us}) AS snapshots"
    )
}

impl Ended {
    /// Until the first query that saw the test and every snapshot of it.
    fn wait(&self) -> Duration {
        let all = self.sights[self.sights.len() - 1].snapshots;
        // Of a second at 10 ms, on a machine as busy as may be.
        assert!(all > 20, "{all} snapshots");
        let complete = self.sights.iter().find(|sight| sight.has_test && sight.snapshots == all);
        complete.map(|sight| sight.after).unwrap()
    }
}

/// The waits of many tests, in ascending order.
#[derive(Debug)]
pub(crate) struct Waits {
    sorted: Vec<Duration>,
}

impl FromIterator<Duration> for Waits {
    fn from_iter<I: IntoIterator<Item = Duration>>(waits: I) -> Self {
        let mut sorted: Vec<_> = waits.into_iter().collect();
        sorted.sort_unstable();
        Self { sorted }
    }
}

impl Waits {
    /// The smallest wait that at least this share of all do not exceed.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let rank = (share * self.sorted.len() as f64).ceil() as usize;
        self.sorted[rank.clamp(1, self.sorted.len()) - 1]
    }

    pub(crate) fn slowest(&self) -> Duration {
        self.quantile(1.0)
    }
}

impl fmt::Display for Waits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, p99, slowest] =
            [0.5, 0.99, 1.0].map(|share| self.quantile(share).as_secs_f64());
        write!(
            formatter,
            "{} tests visible after the Close frame, p50 {median:.2} s, p99 {p99:.2} s, \
             slowest {slowest:.2} s",
            self.sorted.len()
        )
    }
}
