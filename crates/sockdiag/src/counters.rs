//! What the sampler did and how late it was, readable from any thread.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that one thread changes and others read.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The current value.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    pub(crate) fn raise_to(&self, value: u64) {
        self.0.fetch_max(value, Relaxed);
    }
}

/// The sampler's figures since it started.
#[derive(Debug, Default)]
pub struct Counters {
    /// Dumps of one family that were read to their end.
    pub dumps: Counter,
    /// Dumps of one family that failed or were interrupted; they closed nothing.
    pub dumps_failed: Counter,
    /// Exact gets answered, "no such socket" included.
    pub gets: Counter,
    /// Exact gets that failed; the poll counts as missed.
    pub gets_failed: Counter,
    /// The slowest exact get, microseconds (it waits for the socket's lock).
    pub get_longest_us: Counter,
    /// Polls of flows that were due and did not happen.
    pub polls_missed: Counter,
    /// Destroy events read.
    pub events: Counter,
    /// Destroy events dropped: listeners, refused connects, ports that are not
    /// of interest, flows already closed.
    pub events_ignored: Counter,
    /// Times that destroy events were lost (`ENOBUFS`: the kernel does not say
    /// how many) or dropped because the sampler lagged behind.
    pub events_lost: Counter,
    /// Messages from the kernel that could not be decoded.
    pub malformed: Counter,
    /// Flows opened.
    pub flows_opened: Counter,
    /// Flows closed.
    pub flows_closed: Counter,
    /// Receive buffer of the destroy events as the kernel accounts it, bytes.
    pub event_buffer_bytes: Counter,
    /// How late the rounds of polls started.
    pub lateness: Lateness,
}

/// Upper bounds of the [`Lateness`] buckets, microseconds; the last bucket has none.
pub const LATENESS_BOUNDS_US: [u64; 8] = [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 100_000];

/// Histogram of how late rounds of polls started after they were due.
#[derive(Debug, Default)]
pub struct Lateness {
    buckets: [Counter; LATENESS_BOUNDS_US.len() + 1],
    total_us: Counter,
    longest_us: Counter,
}

impl Lateness {
    /// Rounds per bucket (not cumulative), in the order of [`LATENESS_BOUNDS_US`].
    pub fn buckets(&self) -> [u64; LATENESS_BOUNDS_US.len() + 1] {
        std::array::from_fn(|at| self.buckets[at].get())
    }

    /// Sum over all rounds, microseconds.
    pub fn total_us(&self) -> u64 {
        self.total_us.get()
    }

    /// The latest round, microseconds.
    pub fn longest_us(&self) -> u64 {
        self.longest_us.get()
    }

    pub(crate) fn observe(&self, late_us: u64) {
        let bucket = LATENESS_BOUNDS_US.partition_point(|bound| *bound < late_us);
        self.buckets[bucket].add(1);
        self.total_us.add(late_us);
        self.longest_us.raise_to(late_us);
    }
}
