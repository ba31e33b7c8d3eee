//! From samples to a verdict.

use trigpoint_statistics::{
    Better, Ceiling, Finding, Interval, Margin, Proportion, Test, Verdict, median, quantile,
};
use trigpoint_wire::gate::measure_request::Bound;
use trigpoint_wire::gate::{self, Metric};

use super::question::Question;
use super::samples::{Samples, together};

/// The probability of each of the two errors: that what is worse passes, and that what
/// is not fails.
const ALPHA: f64 = 0.05;
/// The longest gaps are those of hosts that were suspended and the like: of one test in
/// twenty they say nothing of the revision.
const GAPS_THAT_COUNT: f64 = 0.95;

/// What the samples say; values are in the metric's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    pub(crate) value: Option<f64>,
    pub(crate) baseline: Option<f64>,
    /// Tests that were compared.
    pub(crate) samples: usize,
    pub(crate) baseline_samples: usize,
    /// Of a margin the difference, in percent of the baseline; of a limit the value.
    pub(crate) interval: Option<Interval>,
}

impl Judgement {
    pub(super) fn of(question: &Question, samples: &Samples) -> Self {
        match question.bound {
            Bound::MarginPercent(margin) => compared(question, samples, margin),
            Bound::Limit(limit) => held(question, samples, limit),
        }
    }

    pub(super) fn verdict(&self) -> gate::Verdict {
        match self.verdict {
            Verdict::Pass => gate::Verdict::Pass,
            Verdict::Fail => gate::Verdict::Fail,
            Verdict::Inconclusive => gate::Verdict::Inconclusive,
        }
    }
}

/// The candidate against the baseline, by a margin.
fn compared(question: &Question, samples: &Samples, margin: u32) -> Judgement {
    let better = match question.metric {
        Metric::MinRoundTripTime => Better::Lower,
        _ => Better::Higher,
    };
    let margin = Margin::Relative(f64::from(margin) / 100.0);
    let test = Test { better, margin, alpha: ALPHA, min_samples: question.min_samples };
    let strata = samples.comparable();
    let comparison = test.strata(strata.iter().map(|it| (&it.candidate[..], &it.baseline[..])));
    let candidate = together(strata.iter().map(|it| &it.candidate));
    let baseline = together(strata.iter().map(|it| &it.baseline));
    // The logarithm of a ratio.
    let percent = |change: f64| change.exp_m1() * 100.0;
    Judgement {
        verdict: comparison.verdict,
        value: median(&candidate),
        baseline: median(&baseline),
        samples: candidate.len(),
        baseline_samples: baseline.len(),
        interval: comparison.difference.map(|it| scaled(it, percent)),
    }
}

/// The candidate against a limit; the baseline's figure is only told.
fn held(question: &Question, samples: &Samples, limit: f64) -> Judgement {
    let candidate = together(samples.all().into_iter().map(|it| &it.candidate));
    let baseline = together(samples.all().into_iter().map(|it| &it.baseline));
    let min_samples = question.min_samples;
    let is_gap = question.metric == Metric::LongestSnapshotGapMilliseconds;
    let (Finding { verdict, found, .. }, told) = if is_gap {
        let ceiling = Ceiling { limit, alpha: ALPHA, min_samples };
        (ceiling.quantile(&candidate, GAPS_THAT_COUNT), quantile(&baseline, GAPS_THAT_COUNT))
    } else {
        let ceiling = Ceiling { limit: limit / 1000.0, alpha: ALPHA, min_samples };
        let finding = ceiling.rate(rate(&candidate));
        let found = finding.found.map(|it| scaled(it, |rate| rate * 1000.0));
        let told = rate(&baseline);
        let told = (told.total > 0).then(|| told.count as f64 * 1000.0 / told.total as f64);
        (Finding { found, ..finding }, told)
    };
    Judgement {
        verdict,
        value: found.map(|it| it.estimate),
        baseline: told,
        samples: candidate.len(),
        baseline_samples: baseline.len(),
        interval: found,
    }
}

/// How many have what is 1, and not 0.
fn rate(values: &[f64]) -> Proportion {
    let count = values.iter().filter(|value| **value > 0.5).count();
    Proportion { count: count as u64, total: values.len() as u64 }
}

fn scaled(interval: Interval, scale: impl Fn(f64) -> f64) -> Interval {
    let Interval { lower, estimate, upper } = interval;
    Interval { lower: scale(lower), estimate: scale(estimate), upper: scale(upper) }
}
