//! RTT over the polls of one flow, in bounded memory.

use crate::RttSummary;

/// Samples kept: 41 s of polls each 10 ms, more than a test has.
const MAX_SAMPLES: usize = 4_096;

/// Smallest and largest are exact; median and percentile are exact up to
/// [`MAX_SAMPLES`] polls and from then on of every 2nd, 4th, … poll.
#[derive(Debug)]
pub(super) struct RttSamples {
    kept: Vec<u32>,
    /// Every how many samples one is kept: a power of two.
    stride: u64,
    seen: u64,
    min_us: u32,
    max_us: u32,
}

impl RttSamples {
    pub(super) fn new() -> Self {
        Self { kept: Vec::new(), stride: 1, seen: 0, min_us: u32::MAX, max_us: 0 }
    }

    pub(super) fn push(&mut self, rtt_us: u32) {
        self.min_us = self.min_us.min(rtt_us);
        self.max_us = self.max_us.max(rtt_us);
        if self.seen.is_multiple_of(self.stride) {
            if self.kept.len() == MAX_SAMPLES {
                let mut keep = false;
                self.kept.retain(|_| {
                    keep = !keep;
                    keep
                });
                self.stride *= 2;
            }
            self.kept.push(rtt_us);
        }
        self.seen += 1;
    }

    /// `None` without samples.
    pub(super) fn summary(&mut self) -> Option<RttSummary> {
        self.kept.sort_unstable();
        let median = rank(self.kept.len(), 50);
        let p95 = rank(self.kept.len(), 95);
        Some(RttSummary {
            min_us: self.min_us,
            median_us: *self.kept.get(median)?,
            p95_us: *self.kept.get(p95)?,
            max_us: self.max_us,
        })
    }
}

/// Index of a percentile by nearest rank.
fn rank(count: usize, percent: usize) -> usize {
    (count * percent).div_ceil(100).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(samples: impl IntoIterator<Item = u32>) -> Option<RttSummary> {
        let mut rtt = RttSamples::new();
        samples.into_iter().for_each(|sample| rtt.push(sample));
        rtt.summary()
    }

    #[test]
    fn no_sample_is_not_zero() {
        assert_eq!(summary([]), None);
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let expected = RttSummary { min_us: 1, median_us: 50, p95_us: 95, max_us: 100 };
        assert_eq!(summary((1..=100).rev()), Some(expected));
        let one = RttSummary { min_us: 7, median_us: 7, p95_us: 7, max_us: 7 };
        assert_eq!(summary([7]), Some(one));
    }

    #[test]
    fn a_day_of_polls_stays_small_and_close() {
        let mut rtt = RttSamples::new();
        // A sequence without period: the low digits of a linear congruence.
        let polls = 8_640_000_u64;
        (0..polls).for_each(|at| rtt.push((at * 7_919 % 1_000_003) as u32));
        assert!(rtt.kept.capacity() <= MAX_SAMPLES);
        let got = rtt.summary().unwrap();
        assert_eq!((got.min_us, got.max_us), (0, 1_000_002));
        assert!(got.median_us.abs_diff(500_000) < 30_000, "{got:?}");
        assert!(got.p95_us.abs_diff(950_000) < 30_000, "{got:?}");
    }
}
