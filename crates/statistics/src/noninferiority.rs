//! Is the candidate worse than the baseline by more than a margin?
//!
//! Two errors are bounded, not one: that what is worse passes, and that what is
//! not worse fails, each by `alpha`.  Between the two is what the samples do not
//! tell: with more of them it gets narrower.

use crate::{Interval, Proportion, Stratum, hodges_lehmann, rate_difference, stratified_shift};

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is shown not to be worse by more than the margin.
    Pass,
    /// It is shown to be worse by more than the margin.
    Fail,
    /// Neither is shown.
    Inconclusive,
}

/// Which of two values is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// As of throughput.
    Higher,
    /// As of round-trip times.
    Lower,
}

/// How much worse is not worse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Margin {
    /// In the unit of the values.
    Absolute(f64),
    /// As a share of the baseline, between 0 and 1: values are compared by their
    /// ratio, and must be positive.
    Relative(f64),
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Test {
    /// Which way is worse.
    pub better: Better,
    /// By how much it may be.
    pub margin: Margin,
    /// The probability of each of the two errors, at most.
    pub alpha: f64,
    /// With fewer on either side nothing is said.
    pub min_samples: usize,
}

/// The answer and what it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// The answer.
    pub verdict: Verdict,
    /// The candidate less the baseline: in the unit of the values, or, of a
    /// relative margin, the logarithm of their ratio.  `None` without samples.
    pub difference: Option<Interval>,
    /// Samples of the candidate.
    pub candidate: usize,
    /// Samples of the baseline.
    pub baseline: usize,
}

impl Test {
    /// Compares two samples by their Hodges–Lehmann shift.  NaN is no sample.
    pub fn values(&self, candidate: &[f64], baseline: &[f64]) -> Comparison {
        let candidate = self.prepare(candidate);
        let baseline = self.prepare(baseline);
        let difference = hodges_lehmann(&candidate, &baseline, self.alpha);
        self.judge(difference, candidate.len(), baseline.len())
    }

    /// The same where values may be compared within a stratum only, such as those of
    /// one site: by the shift that all have in common ([`stratified_shift`]), over
    /// the samples of those strata that have some of both.  Of each the candidate's
    /// come first.
    pub fn strata<'a>(
        &self,
        strata: impl IntoIterator<Item = (&'a [f64], &'a [f64])>,
    ) -> Comparison {
        let prepared: Vec<_> = strata
            .into_iter()
            .map(|(candidate, baseline)| (self.prepare(candidate), self.prepare(baseline)))
            .filter(|(candidate, baseline)| !candidate.is_empty() && !baseline.is_empty())
            .collect();
        let strata: Vec<_> =
            prepared.iter().map(|(above, below)| Stratum { above, below }).collect();
        let difference = stratified_shift(&strata, self.alpha);
        let candidate = prepared.iter().map(|(candidate, _)| candidate.len()).sum();
        let baseline = prepared.iter().map(|(_, baseline)| baseline.len()).sum();
        self.judge(difference, candidate, baseline)
    }

    /// Compares how often something happens; that it does is bad, whatever
    /// `better` says, and the margin, also a relative one, is a difference of rates:
    /// a share of a rate near zero could never be shown.
    pub fn rates(&self, candidate: Proportion, baseline: Proportion) -> Comparison {
        let (Margin::Absolute(margin) | Margin::Relative(margin)) = self.margin;
        let test = Self { better: Better::Lower, margin: Margin::Absolute(margin), ..*self };
        let difference = rate_difference(candidate, baseline, self.alpha);
        test.judge(difference, candidate.total as usize, baseline.total as usize)
    }

    fn prepare(&self, values: &[f64]) -> Vec<f64> {
        let is_relative = matches!(self.margin, Margin::Relative(_));
        let scaled = |value: &f64| {
            // Of nothing at all there is no ratio, but it is less than anything.
            if is_relative { value.max(f64::MIN_POSITIVE).ln() } else { *value }
        };
        let mut values: Vec<f64> =
            values.iter().filter(|value| !value.is_nan()).map(scaled).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    }

    fn judge(&self, difference: Option<Interval>, candidate: usize, baseline: usize) -> Comparison {
        let verdict = match difference {
            Some(difference) if candidate.min(baseline) >= self.min_samples => {
                self.verdict(difference)
            }
            _ => Verdict::Inconclusive,
        };
        Comparison { verdict, difference, candidate, baseline }
    }

    fn verdict(&self, difference: Interval) -> Verdict {
        // The bounds of how much worse it is.
        let (least, most) = match self.better {
            Better::Higher => (-difference.upper, -difference.lower),
            Better::Lower => (difference.lower, difference.upper),
        };
        let margin = match (self.margin, self.better) {
            (Margin::Absolute(margin), _) => margin,
            (Margin::Relative(margin), Better::Higher) => -(-margin).ln_1p(),
            (Margin::Relative(margin), Better::Lower) => margin.ln_1p(),
        };
        if most < margin {
            Verdict::Pass
        } else if least > margin {
            Verdict::Fail
        } else {
            Verdict::Inconclusive
        }
    }
}

#[cfg(test)]
mod tests;
