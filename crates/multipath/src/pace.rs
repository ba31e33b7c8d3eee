//! How fast one hop is probed.
//!
//! Routers limit the ICMP errors that they send: a token bucket answers the
//! first probes of a burst and none of the others.  So a hop that answers, and
//! loses some, is asked at half the rate, until nothing is lost, or until it
//! shows that the rate is not the reason: then it is asked at the first rate
//! again, and what is lost is lost.

use std::time::Duration;

/// Halvings: from 500 per second to one, which is Linux's default limit.
const SLOWEST: usize = 9;
/// Probes at lower rates that show whether the rate matters.
const TELLING: u16 = 50;

/// Answers and losses at one rate.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    answered: u16,
    lost: u16,
}

impl Tally {
    fn total(self) -> u16 {
        self.answered + self.lost
    }

    fn loss(self) -> f64 {
        f64::from(self.lost) / f64::from(self.total().max(1))
    }
}

/// The rate of one hop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pace {
    /// Nothing is sent to the hop before.
    pub(crate) earliest: Duration,
    /// How often the rate was halved.
    level: u8,
    tallies: [Tally; SLOWEST + 1],
    /// How often the rate was halved since the last answer.
    unheard: u8,
    /// The rate is not why probes are lost.
    is_settled: bool,
}

impl Pace {
    /// How often the rate is halved at present.
    pub(crate) fn level(&self) -> u8 {
        self.level
    }

    /// A probe is sent.
    pub(crate) fn on_send(&mut self, now: Duration, rate_per_s: u32) {
        let first = Duration::from_secs(1) / rate_per_s.max(1);
        self.earliest = now + first * (1 << self.level);
    }

    /// A probe that was sent at `level` was answered in time.
    pub(crate) fn on_answer(&mut self, level: u8) {
        self.tallies[usize::from(level)].answered += 1;
        self.unheard = 0;
    }

    /// A probe that was sent at `level` was lost.  True if its loss, and that
    /// of all others so far, is laid to the rate, which is lower now.
    pub(crate) fn on_loss(&mut self, level: u8) -> bool {
        self.tallies[usize::from(level)].lost += 1;
        level != self.level || self.review()
    }

    /// Whether the rate was lowered.
    fn review(&mut self) -> bool {
        let level = usize::from(self.level);
        let here = self.tallies[level];
        let has_answered = self.tallies.iter().any(|tally| tally.answered > 0);
        // One loss is repeated as it is; the rate takes more to be suspected.
        let is_lossy = here.lost >= 2 && here.loss() >= 0.1;
        if self.is_settled || !has_answered || !is_lossy {
            return false;
        }
        if self.is_indifferent() {
            self.is_settled = true;
            self.level = 0;
            return false;
        }
        if level == SLOWEST {
            return false;
        }
        self.level += 1;
        self.unheard += 1;
        true
    }

    /// Slower was no better: either as lossy over many probes, or twice silent,
    /// where a bucket would have had a token.
    fn is_indifferent(&self) -> bool {
        let first = self.tallies[0];
        let slower = self.tallies[1..].iter().fold(Tally::default(), |sum, tally| Tally {
            answered: sum.answered + tally.answered,
            lost: sum.lost + tally.lost,
        });
        let is_as_lossy = slower.total() >= TELLING
            && (0.5 * first.loss()..1.5 * first.loss()).contains(&slower.loss());
        self.unheard >= 2 || is_as_lossy
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;
    use std::time::Duration;

    fn round(pace: &mut Pace, answered: u16, lost: u16) -> bool {
        let level = pace.level();
        for _ in 0..answered + lost {
            pace.on_send(Duration::ZERO, 500);
        }
        for _ in 0..answered {
            pace.on_answer(level);
        }
        // No short circuit: every loss is told.
        (0..lost).map(|_| pace.on_loss(level)).fold(false, |lowered, one| lowered | one)
    }

    #[test]
    fn the_first_rate_is_one_probe_every_two_milliseconds() {
        let mut pace = Pace::default();
        pace.on_send(Duration::from_secs(7), 500);
        assert_eq!(pace.earliest, Duration::from_millis(7_002));
    }

    #[test]
    fn a_bucket_halves_the_rate_until_nothing_is_lost() {
        let mut pace = Pace::default();
        assert!(round(&mut pace, 6, 5));
        assert!(round(&mut pace, 1, 4));
        assert!(round(&mut pace, 2, 2));
        assert!(!round(&mut pace, 2, 1));
        assert_eq!(pace.level(), 3);
        pace.on_send(Duration::ZERO, 500);
        assert_eq!(pace.earliest, Duration::from_millis(16));
    }

    #[test]
    fn a_silent_hop_and_a_single_loss_change_nothing() {
        for (answered, lost) in [(0, 12), (12, 1)] {
            let mut pace = Pace::default();
            assert!(!round(&mut pace, answered, lost));
            assert_eq!(pace.level(), 0);
        }
    }

    #[test]
    fn loss_that_stays_is_loss_and_the_rate_comes_back() {
        let mut pace = Pace::default();
        for _ in 0..9 {
            round(&mut pace, 6, 2);
        }
        assert_eq!(pace.level(), 0);
        assert!(!round(&mut pace, 6, 2));
    }

    #[test]
    fn siblings_that_never_answer_do_not_slow_the_others_for_long() {
        let mut pace = Pace::default();
        round(&mut pace, 15, 5);
        round(&mut pace, 0, 5);
        round(&mut pace, 0, 5);
        assert_eq!(pace.level(), 0);
        assert!(!round(&mut pace, 0, 5));
    }
}
