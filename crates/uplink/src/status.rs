//! How an uplink stands, for metrics and for a person.

use trigpoint_spool::Spool;

/// How an uplink stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// Whether the collector has welcomed the stream that is open.
    pub connected: bool,
    /// Everything up to this sequence number is committed and acknowledged.
    pub acknowledged_seq: u64,
    /// Rows that were acknowledged since the uplink started.
    pub acknowledged_rows: u64,
    /// Payload bytes that are under way without an answer.
    pub unacknowledged_bytes: usize,
    /// Batches that are under way without an answer.
    pub unacknowledged_batches: usize,
    /// Batches that the collector put under quarantine.
    pub rejected_batches: u64,
    /// Batches that the spool had lost, as acknowledged by the collector.
    pub lost_batches: u64,
    /// How often the collector asked to send again later.
    pub retries: u64,
    /// Streams that ended, or could not be opened, for any reason.
    pub failures: u64,
    /// Whether a batch waits longer than `Settings::behind_after`.
    pub behind: bool,
}

impl Status {
    pub(crate) fn of(spool: &Spool) -> Self {
        Self { acknowledged_seq: spool.acknowledged(), ..Self::default() }
    }
}
