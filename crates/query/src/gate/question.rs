//! What is asked, once it is known to make sense.

use chrono::{DateTime, TimeDelta, Utc};
use tonic::Status;
use trigpoint_wire::gate::measure_request::Bound;
use trigpoint_wire::gate::{self, MeasureRequest, Metric};

/// Longer than any rollout bakes, and few enough partitions to read.
const LONGEST_WINDOW_S: u64 = 31 * 86_400;
/// As many as a fleet may ask for (`spec.gates[].minSamples`).
const MOST_SAMPLES: u64 = 1_000_000;
const MOST_SITES: usize = 1000;
/// A name of Kubernetes.
const LONGEST_NAME: usize = 253;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Question {
    pub(crate) metric: Metric,
    /// The revision that is judged.
    pub(crate) revision: String,
    /// What it is compared with; some for a metric with a margin.
    pub(crate) baseline: Option<Baseline>,
    /// Tests count that ended after this,
    pub(crate) from: DateTime<Utc>,
    /// and not after this.
    pub(crate) until: DateTime<Utc>,
    pub(crate) bound: Bound,
    pub(crate) min_samples: usize,
    /// Empty for all.
    pub(crate) sites: Vec<String>,
    pub(crate) counts_synthetic_tests: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Baseline {
    pub(crate) kind: BaselineKind,
    pub(crate) revision: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BaselineKind {
    Stable,
    SameSite,
    Previous,
}

impl Question {
    pub(crate) fn of(asked: MeasureRequest, now: DateTime<Utc>) -> Result<Self, Status> {
        let metric = asked.metric();
        let kind = asked.baseline();
        let refused = |reason: String| Err(Status::invalid_argument(reason));
        if metric == Metric::Unspecified {
            return refused("the gate names no metric that this service knows".to_owned());
        }
        let Some(bound) = asked.bound else {
            return refused("the gate has neither margin nor limit".to_owned());
        };
        check_bound(metric, bound)?;
        if asked.window_s == 0 || asked.window_s > LONGEST_WINDOW_S {
            let window = asked.window_s;
            return refused(format!(
                "the window of the gate is {window} s, and may be 1 to {LONGEST_WINDOW_S} s"
            ));
        }
        if asked.min_samples == 0 || asked.min_samples > MOST_SAMPLES {
            let samples = asked.min_samples;
            return refused(format!(
                "the gate needs {samples} samples, and may need 1 to {MOST_SAMPLES}"
            ));
        }
        if asked.sites.len() > MOST_SITES {
            let sites = asked.sites.len();
            return refused(format!("the gate names {sites} sites, and may name {MOST_SITES}"));
        }
        for name in [&asked.revision, &asked.baseline_revision].into_iter().chain(&asked.sites) {
            check_name(name)?;
        }
        if asked.revision.is_empty() {
            return refused("the gate names no revision to judge".to_owned());
        }
        let baseline = baseline(kind, asked.baseline_revision)?;
        if baseline.is_none() && is_compared(metric) {
            return refused(
                "the gate compares with a baseline, and names no baseline with its revision"
                    .to_owned(),
            );
        }
        let until = match asked.until_us {
            0 => now,
            until => DateTime::from_timestamp_micros(until)
                .filter(|until| (DateTime::UNIX_EPOCH..=now).contains(until))
                .ok_or_else(|| {
                    Status::invalid_argument("the gate ends in the future, or before 1970")
                })?,
        };
        // Both are within their bounds.
        let window = TimeDelta::seconds(asked.window_s.cast_signed());
        let min_samples = asked.min_samples as usize;
        Ok(Self {
            metric,
            revision: asked.revision,
            baseline,
            from: until - window,
            until,
            bound,
            min_samples,
            sites: asked.sites,
            counts_synthetic_tests: asked.synthetic_tests,
        })
    }
}

/// Whether the metric is compared with a baseline, and not held against a limit.
pub(crate) fn is_compared(metric: Metric) -> bool {
    matches!(
        metric,
        Metric::DownloadThroughput
            | Metric::UploadThroughput
            | Metric::MinRoundTripTime
            | Metric::SnapshotsPerSecond
    )
}

fn check_bound(metric: Metric, bound: Bound) -> Result<(), Status> {
    let reason = match (is_compared(metric), bound) {
        (true, Bound::MarginPercent(1..=100)) => return Ok(()),
        (true, Bound::MarginPercent(_)) => "the margin of the gate must be 1 to 100 percent",
        (true, Bound::Limit(_)) => "the gate compares with a baseline: it needs a margin",
        (false, Bound::MarginPercent(_)) => "the gate is held against a limit: it needs one",
        (false, Bound::Limit(limit)) if limit.is_finite() && limit >= 0.0 => return Ok(()),
        (false, Bound::Limit(_)) => "the limit of the gate must be 0 or more",
    };
    Err(Status::invalid_argument(reason))
}

fn check_name(name: &str) -> Result<(), Status> {
    if name.len() <= LONGEST_NAME && !name.contains(char::is_control) {
        return Ok(());
    }
    Err(Status::invalid_argument(format!(
        "a revision or site of the gate is no name: {LONGEST_NAME} bytes at most that can be printed"
    )))
}

/// None where none is named.
fn baseline(kind: gate::Baseline, revision: String) -> Result<Option<Baseline>, Status> {
    let kind = match kind {
        gate::Baseline::Stable => BaselineKind::Stable,
        gate::Baseline::SameSite => BaselineKind::SameSite,
        gate::Baseline::Previous => BaselineKind::Previous,
        gate::Baseline::Unspecified if revision.is_empty() => return Ok(None),
        gate::Baseline::Unspecified => {
            let reason = "the gate names a revision to compare with, and not how";
            return Err(Status::invalid_argument(reason));
        }
    };
    if revision.is_empty() {
        return Err(Status::invalid_argument("the gate names a baseline without its revision"));
    }
    Ok(Some(Baseline { kind, revision }))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut MeasureRequest);

    fn throughput() -> MeasureRequest {
        MeasureRequest {
            metric: Metric::DownloadThroughput.into(),
            revision: "edge-2".to_owned(),
            baseline: gate::Baseline::Stable.into(),
            baseline_revision: "edge-1".to_owned(),
            window_s: 3600,
            min_samples: 100,
            bound: Some(Bound::MarginPercent(10)),
            ..MeasureRequest::default()
        }
    }

    fn failures() -> MeasureRequest {
        MeasureRequest {
            metric: Metric::FailedTestsPerThousand.into(),
            baseline: 0,
            baseline_revision: String::new(),
            bound: Some(Bound::Limit(10.0)),
            ..throughput()
        }
    }

    #[test]
    fn what_makes_sense_is_taken() {
        let now = Utc::now();
        let question = Question::of(throughput(), now).unwrap();
        assert_eq!((now - question.from).num_seconds(), 3600);
        assert_eq!(question.until, now);
        assert_eq!(Question::of(failures(), now).unwrap().baseline, None);
    }

    #[test]
    fn what_does_not_is_refused_in_words() {
        let of = |change: Change, asked: MeasureRequest| {
            let mut asked = asked;
            change(&mut asked);
            Question::of(asked, Utc::now()).unwrap_err().message().to_owned()
        };
        let cases: [(Change, &str); 11] = [
            (|it| it.metric = 99, "no metric that this service knows"),
            (|it| it.bound = None, "neither margin nor limit"),
            (|it| it.bound = Some(Bound::Limit(1.0)), "it needs a margin"),
            (|it| it.bound = Some(Bound::MarginPercent(0)), "1 to 100 percent"),
            (|it| it.window_s = 0, "1 to 2678400 s"),
            (|it| it.min_samples = 0, "1 to 1000000"),
            (|it| it.sites = vec![String::new(); 1001], "may name 1000"),
            (|it| it.revision.clear(), "no revision to judge"),
            (|it| it.revision = "a\nb".to_owned(), "is no name"),
            (|it| it.baseline_revision.clear(), "a baseline without its revision"),
            (|it| it.baseline = 0, "and not how"),
        ];
        for (change, words) in cases {
            let message = of(change, throughput());
            assert!(message.contains(words), "{message}");
        }
        let none: Change = |it| {
            it.baseline = 0;
            it.baseline_revision.clear();
        };
        assert!(of(none, throughput()).contains("names no baseline with its revision"));
        let message = of(|it| it.bound = Some(Bound::MarginPercent(5)), failures());
        assert!(message.contains("held against a limit"), "{message}");
        let message = of(|it| it.bound = Some(Bound::Limit(f64::NAN)), failures());
        assert!(message.contains("0 or more"), "{message}");
        let until: [Change; 4] = [
            |it| it.until_us = i64::MAX,
            |it| it.until_us = i64::MIN,
            |it| it.until_us = -1,
            |it| it.until_us = Utc::now().timestamp_micros() + 60_000_000,
        ];
        for change in until {
            let message = of(change, failures());
            assert!(message.contains("in the future, or before 1970"), "{message}");
        }
    }
}
