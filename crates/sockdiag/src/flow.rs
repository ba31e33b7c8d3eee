//! What a [`Recorder`](crate::Recorder) gets to see of a flow.

use trigpoint_tcpinfo::TcpInfo;

use crate::{Moment, SocketKey, SocketMessage};

/// A TCP connection of interest.
#[derive(Debug, Clone)]
pub struct Flow {
    /// The socket.
    pub key: SocketKey,
    /// When the sampler first saw it.
    pub opened: Moment,
}

/// One poll of a flow that showed something new.
#[derive(Debug, Clone)]
pub struct Polled {
    /// Number of the row within the flow, from 0.
    pub n: u64,
    /// Number of the poll within the flow, from 0; missed polls have numbers
    /// too, so it rises by 1 + `unchanged_before` + `missed_before` from row to row.
    pub poll_no: u64,
    /// Wall time before the kernel was asked, microseconds since the Unix epoch.
    pub request_time: i64,
    /// Wall time after it answered, microseconds since the Unix epoch.
    pub reply_time: i64,
    /// From the flow's first sight to the answer, monotonic, microseconds.
    pub elapsed_us: u64,
    /// Polls since the previous row that showed nothing new.
    pub unchanged_before: u64,
    /// Polls since the previous row that were due and did not happen.
    pub missed_before: u64,
    /// The state.
    pub message: SocketMessage,
}

/// Where a flow's final counters come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinalFrom {
    /// The kernel's destroy event: nothing can be missing.
    Destroy,
    /// The last poll: the event was lost, never came, or held counters that
    /// the kernel had already reset.
    LastPoll,
    /// There are none.
    None,
}

/// Smoothed RTT over the polls of a flow, microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RttSummary {
    /// Smallest.
    pub min_us: u32,
    /// Median.
    pub median_us: u32,
    /// 95th percentile (nearest rank).
    pub p95_us: u32,
    /// Largest.
    pub max_us: u32,
}

/// A time in which a flow was watched.
///
/// Every poll that was due in it is done or missed, so that both together are
/// its length in [`WATCHED_PERIOD`](crate::WATCHED_PERIOD)s, to less than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    /// When [`Watcher::watch`](crate::Watcher::watch) was called.
    pub since: Moment,
    /// How long it lasted, monotonic, microseconds: until
    /// [`Watcher::unwatch`](crate::Watcher::unwatch) was called, until the end
    /// of the flow, or until the last instant of a poll before one that did not
    /// find the flow.
    pub elapsed_us: u64,
    /// [`Polled::poll_no`] of the first poll that was due in it.
    pub poll_no: u64,
    /// Polls in it that were answered.
    pub polls_done: u64,
    /// Polls in it that were due and did not happen.
    pub polls_missed: u64,
}

/// A flow that is over.
#[derive(Debug, Clone)]
pub struct Closed {
    /// The flow.
    pub flow: Flow,
    /// When its end became known: the destroy event, or the first poll that
    /// did not find it.
    pub closed: Moment,
    /// The last row that held `tcp_info`.
    pub last_polled: Option<Polled>,
    /// The final counters.
    pub final_counters: Option<TcpInfo>,
    /// Where they come from.
    pub final_from: FinalFrom,
    /// Polls that were answered.
    pub polls_done: u64,
    /// Polls among them that showed nothing new.
    pub polls_unchanged: u64,
    /// Polls that were due and did not happen.
    pub polls_missed: u64,
    /// The last time that it was watched; `None` when it never was.
    pub watched: Option<Watched>,
    /// Longest time between two answered polls, microseconds; `None` below two.
    pub longest_gap_us: Option<u64>,
    /// RTT over the answered polls; `None` when none had a sample.
    pub rtt: Option<RttSummary>,
}
