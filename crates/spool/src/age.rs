//! How long batches wait, in little memory however many they are.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Marks that are kept at most; beyond it every second one is forgotten, so an
/// age stays right within a few hundredths of itself.
const MAX_MARKS: usize = 256;
/// Batches that come within this time of each other share a mark.
const FINEST: Duration = Duration::from_millis(100);

/// The time at which each batch came, to within the time between two marks.
#[derive(Debug)]
pub(crate) struct Ages {
    /// The last number and the time of the first of the batches that share it.
    marks: VecDeque<(u64, Instant)>,
    apart: Duration,
}

impl Default for Ages {
    fn default() -> Self {
        Self { marks: VecDeque::new(), apart: FINEST }
    }
}

impl Ages {
    /// A batch came; numbers and times rise.
    pub(crate) fn appended(&mut self, seq: u64, now: Instant) {
        if let Some((last_seq, since)) = self.marks.back_mut()
            && now.saturating_duration_since(*since) < self.apart
        {
            *last_seq = seq;
            return;
        }
        self.marks.push_back((seq, now));
        if self.marks.len() > MAX_MARKS {
            self.apart *= 2;
            let pairs: Vec<_> = self.marks.drain(..).collect();
            self.marks.extend(pairs.chunks(2).map(|pair| {
                let last_seq = pair.last().map_or(pair[0].0, |mark| mark.0);
                (last_seq, pair[0].1)
            }));
        }
    }

    /// Nobody waits for the batches up to `seq` any more.
    pub(crate) fn settled(&mut self, seq: u64) {
        while self.marks.pop_front_if(|mark| mark.0 <= seq).is_some() {}
        if self.marks.is_empty() {
            self.apart = FINEST;
        }
    }

    /// Since when the oldest batch waits.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.marks.front().map(|mark| mark.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_the_first_that_is_not_settled() {
        let start = Instant::now();
        let mut ages = Ages::default();
        assert_eq!(ages.oldest(), None);
        for seq in 1..=10 {
            ages.appended(seq, start + Duration::from_secs(seq));
        }
        assert_eq!(ages.oldest(), Some(start + Duration::from_secs(1)));
        ages.settled(4);
        assert_eq!(ages.oldest(), Some(start + Duration::from_secs(5)));
        ages.settled(10);
        assert_eq!(ages.oldest(), None);
    }

    #[test]
    fn a_month_of_batches_takes_few_marks_and_keeps_ages_right() {
        let start = Instant::now();
        let mut ages = Ages::default();
        let month = 30 * 24 * 3600;
        for seq in 1..=month {
            ages.appended(seq, start + Duration::from_secs(seq));
        }
        assert!(ages.marks.len() <= MAX_MARKS);
        assert_eq!(ages.oldest(), Some(start + Duration::from_secs(1)));
        // A third is settled: an age is never too low, and hardly too high.
        ages.settled(month / 3);
        let since = ages.oldest().unwrap().duration_since(start).as_secs();
        assert!(since <= month / 3 + 1);
        assert!(since >= month / 3 - month / 50, "{since} of {}", month / 3);
    }
}
