//! Pauses between attempts: exponential, with jitter, so that the stations of
//! a fleet do not come back all at once.

use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, failures: 0 }
    }

    /// The next pause: between half and all of `min` doubled per failure.
    pub(crate) fn next(&mut self) -> Duration {
        let doubled = self.min.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1);
        doubled.min(self.max).mul_f64(rand::random_range(0.5..=1.0))
    }

    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_start_anew() {
        let (min, max) = (Duration::from_millis(100), Duration::from_secs(2));
        let mut backoff = Backoff::new(min, max);
        for expected in [100, 200, 400, 800, 1600, 2000, 2000] {
            let (pause, expected) = (backoff.next(), Duration::from_millis(expected));
            assert!(expected / 2 <= pause && pause <= expected, "{pause:?} of {expected:?}");
        }
        for _ in 0..100 {
            assert!(backoff.next() <= max);
        }
        backoff.reset();
        assert!(backoff.next() <= min);
    }
}
