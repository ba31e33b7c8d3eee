//! Is something at most what is allowed?
//!
//! As with [`crate::Test`] two errors are bounded: that what is above passes, and
//! that what is not above fails, each by `alpha`.

use crate::{Interval, Proportion, Verdict, quantile_bounds, wilson};

/// What is allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ceiling {
    /// The largest rate (0 to 1), or the largest value of a quantile in the unit of
    /// the values, that passes.
    pub limit: f64,
    /// The probability of each of the two errors, at most.
    pub alpha: f64,
    /// With fewer nothing is said.
    pub min_samples: usize,
}

/// The answer and what it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    /// The answer.
    pub verdict: Verdict,
    /// What was found; `None` without samples.
    pub found: Option<Interval>,
    /// Samples.
    pub samples: usize,
}

impl Ceiling {
    /// How often something happens.  No sample shows that it never does, so a limit
    /// of zero is taken as said: one is too many, and none of enough passes.
    pub fn rate(&self, found: Proportion) -> Finding {
        let interval = wilson(found, self.alpha);
        let samples = found.total as usize;
        if self.limit > 0.0 {
            return self.judge(interval, samples);
        }
        let verdict = match found.count {
            _ if samples < self.min_samples => Verdict::Inconclusive,
            0 => Verdict::Pass,
            _ => Verdict::Fail,
        };
        Finding { verdict, found: interval, samples }
    }

    /// A quantile of values.  NaN is no sample.
    pub fn quantile(&self, values: &[f64], probability: f64) -> Finding {
        let mut values: Vec<f64> = values.iter().copied().filter(|it| !it.is_nan()).collect();
        values.sort_unstable_by(f64::total_cmp);
        self.judge(quantile_bounds(&values, probability, self.alpha), values.len())
    }

    fn judge(&self, found: Option<Interval>, samples: usize) -> Finding {
        let verdict = match found {
            _ if samples < self.min_samples => Verdict::Inconclusive,
            Some(found) if found.upper <= self.limit => Verdict::Pass,
            Some(found) if found.lower > self.limit => Verdict::Fail,
            _ => Verdict::Inconclusive,
        };
        Finding { verdict, found, samples }
    }
}

#[cfg(test)]
mod tests {
    use super::Ceiling;
    use crate::{Proportion, Verdict};

    fn rate(limit: f64, count: u64, total: u64) -> Verdict {
        let ceiling = Ceiling { limit, alpha: 0.05, min_samples: 100 };
        ceiling.rate(Proportion { count, total }).verdict
    }

    #[test]
    fn a_rate_passes_or_fails_when_it_is_shown() {
        // scipy.stats.binomtest(k, n).proportion_ci(.90, 'wilson'): 0 of 300 is at most
        // 0.0089, 1 of 300 at most 0.0148, 8 of 300 at least 0.0151.
        assert_eq!(rate(0.01, 0, 300), Verdict::Pass);
        assert_eq!(rate(0.01, 1, 300), Verdict::Inconclusive);
        assert_eq!(rate(0.01, 8, 300), Verdict::Fail);
        assert_eq!(rate(0.01, 99, 99), Verdict::Inconclusive);
        assert_eq!(rate(0.01, 0, 0), Verdict::Inconclusive);
        assert_eq!(rate(1.0, 300, 300), Verdict::Pass);
    }

    #[test]
    fn a_limit_of_zero_allows_none() {
        assert_eq!(rate(0.0, 0, 100), Verdict::Pass);
        assert_eq!(rate(0.0, 1, 100), Verdict::Fail);
        assert_eq!(rate(0.0, 1, 99), Verdict::Inconclusive);
        assert_eq!(rate(0.0, 0, 99), Verdict::Inconclusive);
    }

    #[test]
    fn a_quantile_passes_or_fails_when_it_is_shown() {
        let ceiling = Ceiling { limit: 100.0, alpha: 0.05, min_samples: 100 };
        let verdict = |above: usize, total: usize| {
            let mut values = vec![200.0; above];
            values.resize(total, 10.0);
            ceiling.quantile(&values, 0.95).verdict
        };
        // The upper bound of 100 is of rank 99, the lower one of rank 91.
        assert_eq!(verdict(1, 100), Verdict::Pass);
        assert_eq!(verdict(2, 100), Verdict::Inconclusive);
        assert_eq!(verdict(9, 100), Verdict::Inconclusive);
        assert_eq!(verdict(10, 100), Verdict::Fail);
        assert_eq!(verdict(99, 99), Verdict::Inconclusive);
        assert_eq!(verdict(0, 0), Verdict::Inconclusive);
        let mut holes = vec![f64::NAN; 50];
        holes.resize(149, 10.0);
        assert_eq!(ceiling.quantile(&holes, 0.95).samples, 99);
    }
}
