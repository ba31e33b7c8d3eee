//! Gates: the questions of a fleet as whoever has the rows is asked them.

mod questions;

use std::fmt;

use futures::future::BoxFuture;
use trigpoint_crd::fleet::{Baseline, Gate, GateMetric};
use trigpoint_rollout::{Measurement, Revision, Time, Verdict};
use trigpoint_wire::gate;
use trigpoint_wire::gate::measure_request::Bound;
use trigpoint_wire::gate::{MeasureRequest, MeasureResponse};

pub(crate) use questions::{About, Questions};

/// Who measures gates: a query service.
///
/// What links it links the engine of its queries; the operator need not.
pub trait Gates: fmt::Debug + Send + Sync {
    /// Measures a gate, in a minute at most.
    fn measure(&self, asked: MeasureRequest) -> Answering<'_>;
}

/// An answer to come; an error says why there is none.
pub type Answering<'a> = BoxFuture<'a, Result<MeasureResponse, String>>;

/// What is asked of the rows; none of a metric that is not in them.
pub(crate) fn question(
    asked: &Gate,
    revision: &Revision,
    stable: Option<&Revision>,
) -> Option<MeasureRequest> {
    let metric = match asked.metric {
        GateMetric::DownloadThroughput => gate::Metric::DownloadThroughput,
        GateMetric::UploadThroughput => gate::Metric::UploadThroughput,
        GateMetric::MinRoundTripTime => gate::Metric::MinRoundTripTime,
        GateMetric::SnapshotsPerSecond => gate::Metric::SnapshotsPerSecond,
        GateMetric::FailedTestsPerThousand => gate::Metric::FailedTestsPerThousand,
        GateMetric::AccountingMismatchesPerThousand => {
            gate::Metric::AccountingMismatchesPerThousand
        }
        GateMetric::LongestSnapshotGapMilliseconds => gate::Metric::LongestSnapshotGapMilliseconds,
        GateMetric::SpoolAgeSeconds => return None,
    };
    let baseline = match asked.baseline {
        // Without a stable revision there is nothing to compare with.
        _ if stable.is_none() => gate::Baseline::Unspecified,
        Baseline::Stable => gate::Baseline::Stable,
        Baseline::SameSite => gate::Baseline::SameSite,
        Baseline::Previous => gate::Baseline::Previous,
    };
    let margin = asked.margin_percent.and_then(|percent| u32::try_from(percent).ok());
    let bound = margin
        .map(Bound::MarginPercent)
        .or_else(|| asked.limit.map(|limit| Bound::Limit(f64::from(limit))));
    Some(MeasureRequest {
        metric: metric.into(),
        revision: revision.to_string(),
        baseline: baseline.into(),
        baseline_revision: stable.map(ToString::to_string).unwrap_or_default(),
        window_s: asked.window.0.as_secs(),
        until_us: 0,
        min_samples: u64::try_from(asked.min_samples).unwrap_or(0),
        sites: Vec::new(),
        synthetic_tests: true,
        bound,
    })
}

/// The answer as the ledger has it.
pub(crate) fn measurement(answer: Result<MeasureResponse, String>, at: Time) -> Measurement {
    let answer = match answer {
        Ok(answer) => answer,
        Err(said) => {
            let verdict = Verdict::Error;
            return Measurement { verdict, value: None, baseline: None, samples: 0, said, at };
        }
    };
    let verdict = match answer.verdict() {
        gate::Verdict::Pass => Verdict::Pass,
        gate::Verdict::Fail => Verdict::Fail,
        gate::Verdict::Inconclusive => Verdict::Inconclusive,
        gate::Verdict::Unspecified => Verdict::Error,
    };
    Measurement {
        verdict,
        value: answer.value,
        baseline: answer.baseline,
        samples: answer.samples,
        said: answer.explanation,
        at,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::desired::tests::fleet;
    use crate::time::from_text;

    fn asked(changes: &Value) -> Gate {
        let mut gate = json!({"name": "gate", "metric": "FailedTestsPerThousand", "limit": 5});
        for (name, value) in changes.as_object().unwrap() {
            gate[name] = value.clone();
        }
        fleet(&json!({"gates": [gate]})).spec.gates[0].clone()
    }

    fn revisions() -> [Revision; 2] {
        ["stations-bbbbbbbbbb", "stations-aaaaaaaaaa"].map(Revision::new)
    }

    #[test]
    fn what_a_fleet_asks_is_what_the_rows_are_asked() {
        let [target, stable] = revisions();
        let throughput = asked(&json!({
            "metric": "DownloadThroughput", "limit": null, "marginPercent": 10,
            "baseline": "SameSite", "window": "2h", "minSamples": 300,
        }));
        let question = question(&throughput, &target, Some(&stable)).unwrap();
        assert_eq!(question.metric(), gate::Metric::DownloadThroughput);
        assert_eq!(question.baseline(), gate::Baseline::SameSite);
        assert_eq!((question.window_s, question.min_samples), (7200, 300));
        assert_eq!(question.bound, Some(Bound::MarginPercent(10)));
        assert_eq!(question.revision, "stations-bbbbbbbbbb");
        assert_eq!(question.baseline_revision, "stations-aaaaaaaaaa");
    }

    #[test]
    fn a_limit_is_asked_without_a_baseline_where_there_is_none() {
        let [target, _] = revisions();
        let question = question(&asked(&json!({})), &target, None).unwrap();
        assert_eq!(question.baseline(), gate::Baseline::Unspecified);
        assert_eq!(question.baseline_revision, "");
        assert_eq!(question.bound, Some(Bound::Limit(5.0)));
        assert!(
            super::question(&asked(&json!({"metric": "SpoolAgeSeconds"})), &target, None).is_none()
        );
    }

    #[test]
    fn no_answer_is_an_error_and_never_a_pass() {
        let at = from_text("2026-11-27T08:00:00Z").unwrap();
        let none = measurement(Err("nobody is there".to_owned()), at);
        assert_eq!(
            (none.verdict, none.samples, none.said.as_str()),
            (Verdict::Error, 0, "nobody is there")
        );
        // As a service of tomorrow may answer.
        let unknown = measurement(Ok(MeasureResponse::default()), at);
        assert_eq!(unknown.verdict, Verdict::Error);
        let mut told = MeasureResponse { value: Some(3.0), samples: 40, ..Default::default() };
        told.set_verdict(gate::Verdict::Inconclusive);
        let few = measurement(Ok(told), at);
        assert_eq!((few.verdict, few.value, few.samples), (Verdict::Inconclusive, Some(3.0), 40));
    }
}
