//! What is under way without an answer, and the bound on it.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// Something sent that the collector has to answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) last_seq: u64,
    pub(crate) payload_bytes: usize,
    /// Rows of a batch; 0 for a gap.
    pub(crate) rows: u64,
    /// Batches that a gap stands for; 0 for a batch.
    pub(crate) lost: u64,
}

/// One stream's unanswered messages, in order.
#[derive(Debug)]
pub(crate) struct Window {
    max_bytes: usize,
    max_messages: usize,
    flight: Mutex<Flight>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Flight {
    sent: VecDeque<Sent>,
    bytes: usize,
    last_seq: u64,
}

/// What an acknowledgement did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Freed {
    /// Up to where the spool may be freed: never beyond what was sent.
    pub(crate) seq: u64,
    /// Rows that the collector has now.
    pub(crate) rows: u64,
    /// Lost batches that the collector now knows of.
    pub(crate) lost: u64,
}

impl Window {
    pub(crate) fn new(max_bytes: usize, max_messages: usize) -> Self {
        let (flight, freed) = (Mutex::default(), Notify::new());
        Self { max_bytes, max_messages, flight, freed }
    }

    /// Waits until one more message may go out.  For one sender.
    pub(crate) async fn room(&self) {
        while !self.has_room() {
            self.freed.notified().await;
        }
    }

    fn has_room(&self) -> bool {
        let flight = self.flight();
        flight.sent.is_empty()
            || (flight.bytes < self.max_bytes && flight.sent.len() < self.max_messages)
    }

    pub(crate) fn push(&self, sent: Sent) {
        let mut flight = self.flight();
        flight.bytes += sent.payload_bytes;
        flight.last_seq = sent.last_seq;
        flight.sent.push_back(sent);
    }

    pub(crate) fn acknowledge(&self, seq: u64) -> Freed {
        let mut flight = self.flight();
        let (mut rows, mut lost) = (0, 0);
        while let Some(sent) = flight.sent.pop_front_if(|sent| sent.last_seq <= seq) {
            flight.bytes -= sent.payload_bytes;
            rows += sent.rows;
            lost += sent.lost;
        }
        self.freed.notify_one();
        Freed { seq: seq.min(flight.last_seq), rows, lost }
    }

    /// Messages and payload bytes under way.
    pub(crate) fn level(&self) -> (usize, usize) {
        let flight = self.flight();
        (flight.sent.len(), flight.bytes)
    }

    fn flight(&self) -> MutexGuard<'_, Flight> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn batch(last_seq: u64, payload_bytes: usize) -> Sent {
        Sent { last_seq, payload_bytes, rows: 2, lost: 0 }
    }

    #[test]
    fn bytes_and_messages_are_both_bounded_and_one_may_always_go() {
        let window = Window::new(100, 3);
        assert!(window.room().now_or_never().is_some());
        window.push(batch(1, 1000));
        assert!(window.room().now_or_never().is_none());
        window.acknowledge(1);
        for seq in 2..=4 {
            assert!(window.room().now_or_never().is_some());
            window.push(batch(seq, 1));
        }
        assert!(window.room().now_or_never().is_none());
        window.acknowledge(2);
        assert!(window.room().now_or_never().is_some());
        assert_eq!(window.level(), (2, 2));
    }

    #[test]
    fn nothing_is_freed_beyond_what_was_sent() {
        let window = Window::new(100, 100);
        assert_eq!(window.acknowledge(9), Freed { seq: 0, rows: 0, lost: 0 });
        window.push(Sent { last_seq: 5, payload_bytes: 0, rows: 0, lost: 5 });
        window.push(batch(6, 1));
        assert_eq!(window.acknowledge(4), Freed { seq: 4, rows: 0, lost: 0 });
        assert_eq!(window.acknowledge(u64::MAX), Freed { seq: 6, rows: 2, lost: 5 });
        assert_eq!(window.level(), (0, 0));
    }
}
