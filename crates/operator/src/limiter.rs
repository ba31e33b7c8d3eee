//! How fast the operator writes: after an hour without an API server there is much
//! to do, and nothing that is in a hurry.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// One write after the other, so many per second; what was not used is not saved up.
#[derive(Debug)]
pub(crate) struct Limiter {
    interval: Duration,
    /// When the next write may be made.
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
        let due = (*next).max(Instant::now());
        *next = due + self.interval;
        sleep_until(due).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_second_has_more_writes_than_it_may_also_after_a_pause() {
        let limiter = Limiter::new(5.0);
        for pause in [Duration::ZERO, Duration::from_hours(1)] {
            tokio::time::sleep(pause).await;
            let started = Instant::now();
            for _ in 0..11 {
                limiter.take().await;
            }
            let taken = started.elapsed();
            assert!((1.99..2.3).contains(&taken.as_secs_f64()), "{taken:?}");
        }
    }
}
