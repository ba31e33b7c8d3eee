//! What a hop did not answer, and whether that says anything about the path.
//!
//! A router that limits its ICMP errors looks like a lossy path to whoever
//! counts (the commonest misreading of traceroutes), but differs in three ways:
//! its loss ends at a lower rate, comes at the end of each burst, and is not
//! shared by the hops beyond.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::lattice::Outcome;
use crate::{Purpose, Trace};

/// Chance at which a difference is taken for more than chance.
const SIGNIFICANT: f64 = 0.01;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct HopLoss {
    pub(super) probes: u32,
    pub(super) replies: u32,
    pub(super) is_rate_limited: bool,
    pub(super) loss: Option<f64>,
}

/// A probe whose fate is known.
#[derive(Debug, Clone, Copy)]
struct Fate {
    sent: Duration,
    /// How often the hop's rate was halved then.
    level: u8,
    is_answered: bool,
}

pub(super) fn of_hop(trace: &Trace, ttl: usize) -> HopLoss {
    let sent = trace.records().iter().filter(|record| usize::from(record.ttl) == ttl);
    let (probes, replies) = sent.fold((0, 0), |(probes, replies), record| {
        (probes + 1, replies + u32::from(record.is_answered()))
    });
    let hop = trace.lattice().hop(ttl);
    let here = fates(trace, |other| other == ttl);
    let total = Counts::of(&here);
    // A hop with few losses is not suspected of anything.
    let is_rate_limited = total.lost >= 2 && !hop.is_silent() && {
        let beyond = Counts::of(&fates(trace, |other| other > ttl));
        total.is_worse_than(beyond)
            || ends_at_a_lower_rate(&here)
            || ends_bursts(&here, trace.reply_timeout() / 2)
    };
    let is_known = !is_rate_limited && !hop.is_silent() && total.sent() > 0;
    let loss = is_known.then(|| f64::from(total.lost) / f64::from(total.sent()));
    HopLoss { probes, replies, is_rate_limited, loss }
}

/// In the order of sending, without probes to what is silent by itself; a flow
/// that is lost again and again counts once at each rate.
fn fates(trace: &Trace, is_asked_for: impl Fn(usize) -> bool) -> Vec<Fate> {
    let lattice = trace.lattice();
    let mut fates = Vec::new();
    let mut lost = BTreeSet::new();
    for record in trace.records() {
        let ttl = usize::from(record.ttl);
        if !is_asked_for(ttl) || record.epoch != lattice.hop(ttl).epoch {
            continue;
        }
        let is_silence = match lattice.outcome(ttl, record.flow) {
            Outcome::At(vertex) => {
                let vertex = &lattice.hop(ttl).vertices[usize::from(vertex)];
                vertex.address.is_none() && vertex.is_plausible
            }
            _ => false,
        };
        if is_silence || record.purpose == Purpose::PathCheck {
            continue;
        }
        let mut is_first = || {
            record.purpose != Purpose::Discovery
                || lost.insert((record.ttl, record.flow, record.level))
        };
        if record.is_answered() {
            fates.push(Fate { sent: record.sent(), level: record.level, is_answered: true });
        } else if record.is_lost && is_first() {
            fates.push(Fate { sent: record.sent(), level: record.level, is_answered: false });
        }
    }
    fates
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    answered: u32,
    lost: u32,
}

impl Counts {
    fn of(fates: &[Fate]) -> Self {
        let answered = fates.iter().filter(|fate| fate.is_answered).count() as u32;
        Self { answered, lost: fates.len() as u32 - answered }
    }

    fn sent(self) -> u32 {
        self.answered + self.lost
    }

    /// Whether loss this much higher would be rare if both had the same: the
    /// hypergeometric probability of so few losses among the other's probes
    /// (Fisher's exact test, one-sided).
    fn is_worse_than(self, other: Self) -> bool {
        let lost = self.lost + other.lost;
        let sent = self.sent() + other.sent();
        let ways = |lost_there: u32| {
            ln_binomial(other.sent(), lost_there) + ln_binomial(self.sent(), lost - lost_there)
        };
        let fewest = lost.saturating_sub(self.sent());
        let chance: f64 = (fewest..=other.lost)
            .map(|lost_there| (ways(lost_there) - ln_binomial(sent, lost)).exp())
            .sum();
        chance < SIGNIFICANT
    }
}

fn ln_binomial(n: u32, k: u32) -> f64 {
    let k = k.min(n - k);
    (1..=k).map(|i| (f64::from(n - k + i) / f64::from(i)).ln()).sum()
}

fn ends_at_a_lower_rate(fates: &[Fate]) -> bool {
    let slowest = fates.iter().map(|fate| fate.level).max().unwrap_or(0);
    let (slow, fast): (Vec<Fate>, Vec<Fate>) = fates.iter().partition(|fate| fate.level == slowest);
    slowest > 0 && Counts::of(&fast).is_worse_than(Counts::of(&slow))
}

/// Whether, of the probes between two pauses, those that came first were
/// answered: Mann and Whitney's U over all bursts, normal approximation.
fn ends_bursts(fates: &[Fate], pause: Duration) -> bool {
    let (mut excess, mut variance) = (0.0, 0.0);
    for burst in fates.chunk_by(|one, next| next.sent.saturating_sub(one.sent) < pause) {
        let counts = Counts::of(burst);
        let (answered, lost) = (f64::from(counts.answered), f64::from(counts.lost));
        let mut answered_so_far = 0.0;
        for fate in burst {
            if fate.is_answered {
                answered_so_far += 1.0;
            } else {
                excess += answered_so_far;
            }
        }
        excess -= answered * lost / 2.0;
        variance += answered * lost * (answered + lost + 1.0) / 12.0;
    }
    // One-sided, at about one in a hundred.
    variance > 0.0 && excess / f64::sqrt(variance) > 2.4
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Counts, Fate, ends_at_a_lower_rate, ends_bursts};

    const PAUSE: Duration = Duration::from_millis(500);

    /// Probes at once, a second after those of the level before.
    fn burst(level: u8, pattern: &str) -> Vec<Fate> {
        let sent = Duration::from_secs(u64::from(level));
        pattern.chars().map(|fate| Fate { sent, level, is_answered: fate == 'a' }).collect()
    }

    #[test]
    fn a_bucket_answers_the_first_of_each_burst() {
        let limited = [burst(0, "aaaaaalllll"), burst(1, "allll"), burst(2, "alll")].concat();
        assert!(ends_bursts(&limited, PAUSE));
        assert!(!ends_bursts(&burst(0, "alaalaaalaalaaalaaaa"), PAUSE));
    }

    #[test]
    fn loss_that_a_lower_rate_ends_is_the_rates() {
        let limited = [burst(0, "aalalallalll"), burst(1, "aaaaaaaaaaaa")].concat();
        assert!(ends_at_a_lower_rate(&limited));
        let lossy = [burst(0, "aalaaalaaala"), burst(1, "aalaaalaaala")].concat();
        assert!(!ends_at_a_lower_rate(&lossy));
    }

    #[test]
    fn loss_beyond_is_the_paths() {
        let here = Counts { answered: 20, lost: 10 };
        assert!(here.is_worse_than(Counts { answered: 60, lost: 0 }));
        assert!(!here.is_worse_than(Counts { answered: 40, lost: 20 }));
        assert!(!here.is_worse_than(Counts::default()));
    }
}
