//! What an emulated path has done.

use std::time::Duration;

use super::path::Dropped;

/// Counters of both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// From the client to the server.
    pub forward: DirectionCounters,
    /// From the server to the client.
    pub backward: DirectionCounters,
}

/// Frames and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// Frames.
    pub frames: u64,
    /// Bytes of these frames.
    pub bytes: u64,
}

impl Amount {
    pub(super) fn add(&mut self, length: usize) {
        self.frames += 1;
        self.bytes += length as u64;
    }
}

/// Counters of one direction since its beginning; frames that are in neither
/// `sent` nor a reason for a drop are under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DirectionCounters {
    /// What arrived.
    pub received: Amount,
    /// What left at the other end.
    pub sent: Amount,
    /// Dropped by the policer.
    pub policed: Amount,
    /// Dropped at the full queue.
    pub queue_full: Amount,
    /// Lost on the way.
    pub lost: Amount,
    /// Most bytes at the bottleneck at once.
    pub largest_queue_bytes: u64,
    /// Frames dropped against the settings, because the emulator was scheduled too
    /// late to take them or a host to receive them.
    pub overrun_frames: u64,
    /// Sum over all frames sent of how much later than due each was.
    pub late: Duration,
    /// The latest of these frames.
    pub latest: Duration,
}

impl DirectionCounters {
    pub(super) fn count_drop(&mut self, dropped: Dropped, length: usize) {
        match dropped {
            Dropped::Policed => self.policed.add(length),
            Dropped::QueueFull => self.queue_full.add(length),
            Dropped::Lost => self.lost.add(length),
        }
    }

    pub(super) fn count_sent(&mut self, length: usize, late: Duration) {
        self.sent.add(length);
        self.late += late;
        self.latest = self.latest.max(late);
    }
}
