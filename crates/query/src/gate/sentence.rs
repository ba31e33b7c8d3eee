//! The verdict in a person's words: one sentence, the same for everybody who asks.

use trigpoint_statistics::{Interval, Verdict};
use trigpoint_wire::gate::Metric;
use trigpoint_wire::gate::measure_request::Bound;

use super::judgement::Judgement;
use super::question::{BaselineKind, Question};
use super::samples::Samples;

pub(super) fn of(question: &Question, samples: &Samples, judgement: &Judgement) -> String {
    let verdict = match judgement.verdict {
        Verdict::Pass => "Pass",
        Verdict::Fail => "Fail",
        Verdict::Inconclusive => "Inconclusive",
    };
    let said = match question.bound {
        _ if is_too_few(question, judgement) => too_few(question, judgement),
        Bound::MarginPercent(margin) => compared(question, judgement, margin),
        Bound::Limit(limit) => held(question, judgement, limit),
    };
    let (places, sampled) = (places(question, samples), sampled(samples, judgement));
    format!("{verdict}: {said}{places}{sampled}")
}

fn is_too_few(question: &Question, judgement: &Judgement) -> bool {
    let of_baseline = match question.bound {
        Bound::MarginPercent(_) => judgement.baseline_samples,
        Bound::Limit(_) => usize::MAX,
    };
    judgement.samples.min(of_baseline) < question.min_samples
}

fn too_few(question: &Question, judgement: &Judgement) -> String {
    let Question { revision, min_samples, .. } = question;
    let Judgement { samples, baseline_samples, .. } = judgement;
    let subject = subject(question.metric);
    match (question.bound, &question.baseline) {
        (Bound::MarginPercent(_), Some(baseline)) => format!(
            "{samples} tests of `{revision}` against {baseline_samples} of `{}` are too few to \
             judge {subject}, where {min_samples} of each are needed",
            baseline.revision
        ),
        _ => format!(
            "{samples} tests of `{revision}` are too few to judge {subject}, where {min_samples} \
             are needed"
        ),
    }
}

fn compared(question: &Question, judgement: &Judgement, margin: u32) -> String {
    let figure = |value: Option<f64>| figure(question.metric, value);
    let allowed = match question.metric {
        Metric::MinRoundTripTime => '+',
        _ => '-',
    };
    let (baseline, before) = match &question.baseline {
        Some(baseline) if baseline.kind == BaselineKind::Previous => {
            (&*baseline.revision, " before")
        }
        Some(baseline) => (&*baseline.revision, ""),
        None => ("", ""),
    };
    let change = judgement.interval.map_or_else(String::new, |it| {
        let Interval { lower, estimate, upper } = it;
        format!(": {estimate:+.1} % ({lower:+.1} to {upper:+.1})")
    });
    let more = match judgement.verdict {
        Verdict::Inconclusive => "; more tests would tell",
        Verdict::Pass | Verdict::Fail => "",
    };
    format!(
        "{} of `{}` is {} against {} of `{baseline}`{before}{change}, where {allowed}{margin} % is \
         allowed; {} tests against {}{more}",
        subject(question.metric),
        question.revision,
        figure(judgement.value),
        figure(judgement.baseline),
        judgement.samples,
        judgement.baseline_samples,
    )
}

fn held(question: &Question, judgement: &Judgement, limit: f64) -> String {
    let figure = |value: Option<f64>| figure(question.metric, value);
    let bounds = judgement.interval.map_or_else(String::new, |it| {
        format!(" ({} to {})", significant(it.lower), significant(it.upper))
    });
    let baseline = question.baseline.as_ref().map_or_else(String::new, |baseline| {
        format!(", of `{}` {}", baseline.revision, figure(judgement.baseline))
    });
    let more = match judgement.verdict {
        Verdict::Inconclusive => "; more tests would tell",
        Verdict::Pass | Verdict::Fail => "",
    };
    format!(
        "{} of `{}` {} {}{bounds}{baseline}, where {limit} is allowed; {} tests{more}",
        subject(question.metric),
        question.revision,
        if question.metric == Metric::LongestSnapshotGapMilliseconds { "is" } else { "are" },
        figure(judgement.value),
        judgement.samples,
    )
}

/// Where the tests were that were compared place by place, if not wherever they could.
fn places(question: &Question, samples: &Samples) -> String {
    let what = match question.baseline.as_ref().map(|baseline| baseline.kind) {
        Some(BaselineKind::SameSite) => "sites",
        Some(BaselineKind::Previous) => "machines",
        Some(BaselineKind::Stable) | None => return String::new(),
    };
    if matches!(question.bound, Bound::Limit(_)) {
        return String::new();
    }
    let (candidates, both) = samples.places();
    format!("; at {both} of {candidates} {what} there are both")
}

/// What was left out.
fn sampled(samples: &Samples, judgement: &Judgement) -> String {
    let tests = samples.tests;
    let said = |found: u64, of: usize, what: &str| {
        let is_sample = found > of as u64;
        is_sample.then(|| format!("{of} of the {found} tests {what}"))
    };
    let kept = samples.kept();
    let parts = [
        said(tests.candidate, kept.candidate, "of the new revision"),
        said(tests.baseline, kept.baseline, "of the other")
            .filter(|_| judgement.baseline.is_some()),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        return String::new();
    }
    format!("; by the hash of their flow_id, {}", parts.join(" and "))
}

fn subject(metric: Metric) -> &'static str {
    match metric {
        Metric::DownloadThroughput => "download throughput",
        Metric::UploadThroughput => "upload throughput",
        Metric::MinRoundTripTime => "minimum round-trip time",
        Metric::SnapshotsPerSecond => "rate of snapshots",
        Metric::FailedTestsPerThousand => "failed tests",
        Metric::AccountingMismatchesPerThousand => "tests with bytes that do not add up",
        Metric::LongestSnapshotGapMilliseconds => "longest time without a snapshot",
        Metric::Unspecified => "nothing",
    }
}

/// A value with its unit, as people say it.
fn figure(metric: Metric, value: Option<f64>) -> String {
    let Some(value) = value else { return "unknown".to_owned() };
    match metric {
        Metric::DownloadThroughput | Metric::UploadThroughput => {
            format!("{} Mbit/s", significant(value / 1e6))
        }
        Metric::MinRoundTripTime => format!("{} ms", significant(value / 1e3)),
        Metric::SnapshotsPerSecond => format!("{} per second", significant(value)),
        Metric::LongestSnapshotGapMilliseconds => format!("{} ms", significant(value)),
        _ => format!("{} per thousand", significant(value)),
    }
}

/// Three digits that matter.
fn significant(value: f64) -> String {
    let decimals = if value.abs() >= 100.0 {
        0
    } else if value.abs() >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;
    use crate::gate::question::Baseline;

    fn question(metric: Metric, bound: Bound, kind: BaselineKind) -> Question {
        Question {
            metric,
            revision: "edge-2".to_owned(),
            baseline: Some(Baseline { kind, revision: "edge-1".to_owned() }),
            from: Utc::now(),
            until: Utc::now(),
            bound,
            min_samples: 100,
            sites: Vec::new(),
            counts_synthetic_tests: false,
        }
    }

    fn judgement(verdict: Verdict, value: f64, baseline: f64, interval: [f64; 3]) -> Judgement {
        let [lower, estimate, upper] = interval;
        Judgement {
            verdict,
            value: Some(value),
            baseline: Some(baseline),
            samples: 612,
            baseline_samples: 3014,
            interval: Some(Interval { lower, estimate, upper }),
        }
    }

    #[test]
    fn a_person_reads_what_was_found_and_what_is_allowed() {
        let samples = Samples::default();
        let slow = judgement(Verdict::Fail, 40.12e6, 50.0e6, [-23.14, -19.8, -16.2]);
        let asked =
            question(Metric::DownloadThroughput, Bound::MarginPercent(10), BaselineKind::Stable);
        assert_eq!(
            of(&asked, &samples, &slow),
            "Fail: download throughput of `edge-2` is 40.1 Mbit/s against 50.0 Mbit/s of `edge-1`: \
             -19.8 % (-23.1 to -16.2), where -10 % is allowed; 612 tests against 3014"
        );
        let few = Judgement { verdict: Verdict::Inconclusive, samples: 12, ..slow };
        assert_eq!(
            of(&asked, &samples, &few),
            "Inconclusive: 12 tests of `edge-2` against 3014 of `edge-1` are too few to judge \
             download throughput, where 100 of each are needed"
        );
        let near = judgement(Verdict::Inconclusive, 20.4e3, 20.0e3, [-3.0, 2.0, 7.0]);
        let asked =
            question(Metric::MinRoundTripTime, Bound::MarginPercent(5), BaselineKind::SameSite);
        assert_eq!(
            of(&asked, &samples, &near),
            "Inconclusive: minimum round-trip time of `edge-2` is 20.4 ms against 20.0 ms of \
             `edge-1`: +2.0 % (-3.0 to +7.0), where +5 % is allowed; 612 tests against 3014; more \
             tests would tell; at 0 of 0 sites there are both"
        );
        let good = judgement(Verdict::Pass, 1.63, 2.0, [0.44, 1.63, 5.9]);
        let asked =
            question(Metric::FailedTestsPerThousand, Bound::Limit(10.0), BaselineKind::Stable);
        assert_eq!(
            of(&asked, &samples, &good),
            "Pass: failed tests of `edge-2` are 1.63 per thousand (0.44 to 5.90), of `edge-1` 2.00 \
             per thousand, where 10 is allowed; 612 tests"
        );
    }
}
