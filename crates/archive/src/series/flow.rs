//! What is drawn, as it is stored.

/// A flow and its snapshots.
#[derive(Debug, Clone, Default)]
pub struct Series {
    /// Whose snapshots they are.
    pub flow: Flow,
    /// In the order of `n`.
    pub snapshots: Snapshots,
}

/// What stands above the picture; `None` where it is not known.
#[derive(Debug, Clone, Default)]
pub struct Flow {
    /// Its name.
    pub flow_id: String,
    /// Address and port at the other end.
    pub peer: Option<String>,
    /// Site of the station.
    pub site: Option<String>,
    /// Host of the station.
    pub machine: Option<String>,
    /// Congestion-control algorithm as last seen.
    pub congestion_algorithm: Option<String>,
    /// When it was first seen, RFC 3339 in UTC.
    pub opened_time: Option<String>,
    /// The test that it carried.
    pub test: Option<Test>,
    /// How completely it was polled; none before its socket is gone.
    pub polls: Option<Polls>,
}

/// A speed test over a flow.
#[derive(Debug, Clone)]
pub struct Test {
    /// `download` or `upload`, as the client sees it.
    pub direction: String,
    /// Its result.
    pub throughput_bits_per_s: Option<f64>,
}

/// Polls of a whole flow.
#[derive(Debug, Clone, Copy)]
pub struct Polls {
    /// Answered.
    pub done: i64,
    /// Answered, and nothing had changed: they have no snapshot.
    pub unchanged: i64,
    /// Due and not made.
    pub missed: i64,
}

/// One value for each snapshot in each column, under the names and in the units
/// of table `snapshots`; NULL is `None`.
#[derive(Debug, Clone, Default)]
pub struct Snapshots {
    pub(super) elapsed_us: Vec<i64>,
    pub(super) polls_missed_before: Vec<Option<i64>>,
    pub(super) rtt_us: Vec<Option<i64>>,
    pub(super) min_rtt_us: Vec<Option<i64>>,
    pub(super) snd_cwnd_segments: Vec<Option<i64>>,
    pub(super) snd_ssthresh_segments: Vec<Option<i64>>,
    pub(super) delivery_rate_bytes_per_s: Vec<Option<i64>>,
    pub(super) delivery_rate_app_limited: Vec<Option<i64>>,
    pub(super) bytes_acked: Vec<Option<i64>>,
    pub(super) bytes_received: Vec<Option<i64>>,
    pub(super) busy_time_us: Vec<Option<i64>>,
    pub(super) rwnd_limited_us: Vec<Option<i64>>,
    pub(super) sndbuf_limited_us: Vec<Option<i64>>,
}

impl Snapshots {
    /// The columns that a picture needs.
    pub const COLUMNS: [&'static str; 13] = [
        "elapsed_us",
        "polls_missed_before",
        "rtt_us",
        "min_rtt_us",
        "snd_cwnd_segments",
        "snd_ssthresh_segments",
        "delivery_rate_bytes_per_s",
        "delivery_rate_app_limited",
        "bytes_acked",
        "bytes_received",
        "busy_time_us",
        "rwnd_limited_us",
        "sndbuf_limited_us",
    ];

    /// Takes the values of [`Snapshots::COLUMNS`], in that order and each as long
    /// as the first, whose values are all there.
    pub fn from_columns(columns: [Vec<Option<i64>>; 13]) -> Self {
        let [
            elapsed_us,
            polls_missed_before,
            rtt_us,
            min_rtt_us,
            snd_cwnd_segments,
            snd_ssthresh_segments,
            delivery_rate_bytes_per_s,
            delivery_rate_app_limited,
            bytes_acked,
            bytes_received,
            busy_time_us,
            rwnd_limited_us,
            sndbuf_limited_us,
        ] = columns;
        Self {
            elapsed_us: elapsed_us.into_iter().flatten().collect(),
            polls_missed_before,
            rtt_us,
            min_rtt_us,
            snd_cwnd_segments,
            snd_ssthresh_segments,
            delivery_rate_bytes_per_s,
            delivery_rate_app_limited,
            bytes_acked,
            bytes_received,
            busy_time_us,
            rwnd_limited_us,
            sndbuf_limited_us,
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.elapsed_us.len()
    }

    /// From first sight of the flow to its last snapshot.
    pub(super) fn duration_us(&self) -> i64 {
        self.elapsed_us.iter().copied().max().unwrap_or(0).max(0)
    }

    /// Polls that were missed before any of them.
    pub(super) fn polls_missed(&self) -> i64 {
        self.polls_missed_before.iter().flatten().sum()
    }
}
