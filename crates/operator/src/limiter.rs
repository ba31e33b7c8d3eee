//! How fast the operator writes: after an hour without an API server there is much
//! to do, and nothing that is in a hurry.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// Writes that may follow each other at once, in seconds of the rate.
const BURST: Duration = Duration::from_secs(1);

/// One write after the other, so many per second.
#[derive(Debug)]
pub(crate) struct Limiter {
    interval: Duration,
    /// When the next write is due if none had been saved up.
    next: Mutex<Instant>,
}

impl Limiter {
    pub(crate) fn new(per_second: f64) -> Self {
        let interval = Duration::from_secs_f64(1.0 / per_second.max(0.1));
        Self { interval, next: Mutex::new(Instant::now()) }
    }

    /// Waits for the turn of a write.
    pub(crate) async fn take(&self) {
        let mut next = self.next.lock().await;
        let now = Instant::now();
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let due = (*next).max(earliest) + self.interval;
        *next = due;
        tokio::time::sleep_until(due.into()).await;
    }
}
