//! One test, and how long it took to be visible.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use trigpoint_testkit::{RawClient, Standalone, eventually, opcode};

use super::DEADLINE;
use super::place::Place;

/// What one `trigpoint query` saw of a test.
struct Sight {
    /// Since the Close frame, when the process had ended.
    after: Duration,
    has_test: bool,
    snapshots: u64,
}

/// Runs a test and asks until it is visible.
pub(crate) fn wait(station: &Standalone, place: &Place) -> Duration {
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
        let row = place.query(&sql).swap_remove(0);
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
