//! Probes per second, at most: a bucket that fills by time.

use std::time::Duration;

/// Part of a second's probes that may be sent at once.
const BURST: u32 = 20;

#[derive(Debug)]
pub(super) struct Rate {
    /// Time that one probe takes.
    interval: Duration,
    /// How much of the future may be used at once.
    burst: Duration,
    /// Up to when probes are paid for.
    paid_until: Duration,
}

impl Rate {
    pub(super) fn new(probes_per_s: u32) -> Self {
        let interval = Duration::from_secs(1) / probes_per_s.max(1);
        Self {
            interval,
            burst: interval.max(Duration::from_secs(1) / BURST),
            paid_until: Duration::ZERO,
        }
    }

    /// When there is room again, if there is none now.
    pub(super) fn empty_until(&mut self, now: Duration) -> Option<Duration> {
        self.paid_until = self.paid_until.max(now);
        let room = self.paid_until + self.interval;
        room.checked_sub(self.burst).filter(|until| *until > now)
    }

    pub(super) fn take(&mut self) {
        self.paid_until += self.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probes that are sent until `end` by whoever always wants to send.
    fn sent(rate: &mut Rate, mut now: Duration, end: Duration) -> u32 {
        let mut sent = 0;
        while now < end {
            if let Some(until) = rate.empty_until(now) {
                now = until;
            } else {
                rate.take();
                sent += 1;
                assert!(sent < 1_000_000, "nothing ever has to wait");
            }
        }
        sent
    }

    #[test]
    fn a_second_has_its_probes_and_a_pause_saves_no_more_than_a_burst() {
        for probes_per_s in [1, 10, 1000, 50_000] {
            let mut rate = Rate::new(probes_per_s);
            let ten = Duration::from_secs(10);
            let of_ten = sent(&mut rate, Duration::ZERO, ten);
            let burst = (probes_per_s / BURST).max(1);
            let expected = 10 * probes_per_s..=10 * probes_per_s + burst + 1;
            assert!(expected.contains(&of_ten), "{probes_per_s}: {of_ten}");
            let later = sent(&mut rate, 10 * ten, 11 * ten);
            assert!(expected.contains(&later), "{probes_per_s}: {later} after a pause");
        }
    }
}
