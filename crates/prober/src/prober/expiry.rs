//! When probes are lost.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::flow::FlowKey;
use crate::packet::Nonce;

/// Every probe's end, also of those that were answered, until it comes: as many as are
/// sent within the timeout.
#[derive(Debug, Default)]
pub(super) struct Expiry {
    heap: BinaryHeap<Reverse<(i64, FlowKey, u64)>>,
}

impl Expiry {
    pub(super) fn add(&mut self, now_ns: i64, timeout: Duration, key: FlowKey, nonce: Nonce) {
        let timeout_ns = i64::try_from(timeout.as_nanos()).unwrap_or(i64::MAX);
        self.heap.push(Reverse((now_ns.saturating_add(timeout_ns), key, nonce.0)));
    }

    /// When the next is due, on the monotonic clock.
    pub(super) fn next_ns(&self) -> Option<i64> {
        self.heap.peek().map(|Reverse((due_ns, ..))| *due_ns)
    }

    /// Takes out one that is due.
    pub(super) fn due(&mut self, now_ns: i64) -> Option<(FlowKey, Nonce)> {
        self.next_ns().filter(|due_ns| *due_ns <= now_ns)?;
        self.heap.pop().map(|Reverse((_, key, nonce))| (key, Nonce(nonce)))
    }
}
