//! `trigpoint gate`: whether a revision measures as well as another one, as the
//! operator asks it before the next wave.

use std::time::Duration;

use anyhow::anyhow;
use chrono::{DateTime, Utc};
use clap::ValueEnum;
use serde_json::json;
use trigpoint_process::{Failure, duration};
use trigpoint_query::GateClient;
use trigpoint_wire::gate::measure_request::Bound;
use trigpoint_wire::gate::{self, MeasureRequest, MeasureResponse, Verdict};

use crate::output::Output;
use crate::source::Credentials;

/// Judge a revision by its tests, as a gate of a fleet does
///
/// Prints one sentence. Exit code 0: it passes; 1: it fails, or the tests do not tell;
/// 2: there is no answer.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What is looked at, as in `spec.gates` of a fleet
    #[arg(env = "TRIGPOINT_METRIC", ignore_case = true)]
    metric: Metric,
    /// Revision that is judged, by tests of stations in arm `canary`
    #[arg(long, env = "TRIGPOINT_REVISION", value_name = "REVISION")]
    revision: String,
    /// Revision that it is compared with, by tests of stations in arm `stable`
    #[arg(long, env = "TRIGPOINT_BASELINE_REVISION", value_name = "REVISION")]
    baseline_revision: Option<String>,
    /// Which of them: all, site by site, or the same machines before they changed
    #[arg(
        long,
        env = "TRIGPOINT_BASELINE",
        value_name = "BASELINE",
        default_value = "Stable",
        ignore_case = true
    )]
    baseline: Baseline,
    /// How much worse it may be, in percent of the baseline
    #[arg(
        long,
        env = "TRIGPOINT_MARGIN",
        value_name = "PERCENT",
        required_unless_present = "limit",
        conflicts_with = "limit"
    )]
    margin: Option<u32>,
    /// The largest value that passes, in the metric's unit
    #[arg(long, env = "TRIGPOINT_LIMIT", value_name = "VALUE")]
    limit: Option<f64>,
    /// How far back tests count
    #[arg(
        long,
        env = "TRIGPOINT_WINDOW",
        value_name = "DURATION",
        default_value = "1h",
        value_parser = duration::parse
    )]
    window: Duration,
    /// From when it goes back, such as 2026-11-24T10:00:00Z [default: now]
    #[arg(long, env = "TRIGPOINT_UNTIL", value_name = "TIME")]
    until: Option<DateTime<Utc>>,
    /// Tests below which nothing is said
    #[arg(long, env = "TRIGPOINT_MIN_SAMPLES", value_name = "TESTS", default_value = "100")]
    min_samples: u64,
    /// Site whose tests count, once for each; all without
    #[arg(long = "site", env = "TRIGPOINT_SITES", value_name = "SITE", value_delimiter = ',')]
    sites: Vec<String>,
    /// Count tests that the operator ran itself too
    #[arg(long, env = "TRIGPOINT_SYNTHETIC_TESTS")]
    synthetic_tests: bool,
    /// Query service that has the tests
    #[arg(
        long,
        env = "TRIGPOINT_ENDPOINT",
        value_name = "URL",
        default_value = "grpc://127.0.0.1:9410"
    )]
    endpoint: String,
    #[command(flatten)]
    credentials: Credentials,
    /// How long to wait for the answer
    #[arg(
        long,
        env = "TRIGPOINT_TIMEOUT",
        value_name = "DURATION",
        default_value = "5m",
        value_parser = duration::parse
    )]
    timeout: Duration,
    /// How the answer is printed
    #[arg(long, env = "TRIGPOINT_FORMAT", value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum Metric {
    /// Bits per second; with a margin
    DownloadThroughput,
    /// Bits per second; with a margin
    UploadThroughput,
    /// Microseconds; with a margin
    MinRoundTripTime,
    /// With a margin
    SnapshotsPerSecond,
    /// With a limit
    FailedTestsPerThousand,
    /// With a limit
    AccountingMismatchesPerThousand,
    /// With a limit
    LongestSnapshotGapMilliseconds,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum Baseline {
    /// All stations with the baseline's revision
    Stable,
    /// Those at the same sites, site by site
    SameSite,
    /// The same machines before they changed
    Previous,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// One sentence
    Text,
    /// All figures
    Json,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let (token, certificates) = options.credentials.read()?;
    let unanswered = |error: trigpoint_query::ClientError| Failure::Unanswered(error.into());
    let mut client =
        GateClient::connect(&options.endpoint, token.as_deref(), certificates.as_deref())
            .await
            .map_err(unanswered)?;
    let answer = client.measure(options.question(), options.timeout).await.map_err(unanswered)?;
    let text = match options.format {
        Format::Text => answer.explanation.clone(),
        Format::Json => figures(&answer).to_string(),
    };
    Output::stdout().print(&format!("{text}\n"))?;
    match answer.verdict() {
        Verdict::Pass => Ok(()),
        Verdict::Fail => Err(Failure::Failed(anyhow!("the gate fails"))),
        Verdict::Inconclusive | Verdict::Unspecified => {
            Err(Failure::Failed(anyhow!("the gate does not pass: the tests do not tell")))
        }
    }
}

impl Options {
    fn question(&self) -> MeasureRequest {
        let bound = match (self.margin, self.limit) {
            (Some(percent), _) => Some(Bound::MarginPercent(percent)),
            (None, limit) => limit.map(Bound::Limit),
        };
        let baseline = self.baseline_revision.as_ref().map_or(gate::Baseline::Unspecified, |_| {
            match self.baseline {
                Baseline::Stable => gate::Baseline::Stable,
                Baseline::SameSite => gate::Baseline::SameSite,
                Baseline::Previous => gate::Baseline::Previous,
            }
        });
        MeasureRequest {
            metric: self.metric.of_wire().into(),
            revision: self.revision.clone(),
            baseline: baseline.into(),
            baseline_revision: self.baseline_revision.clone().unwrap_or_default(),
            window_s: self.window.as_secs(),
            until_us: self.until.map_or(0, |until| until.timestamp_micros()),
            min_samples: self.min_samples,
            sites: self.sites.clone(),
            synthetic_tests: self.synthetic_tests,
            bound,
        }
    }
}

impl Metric {
    fn of_wire(self) -> gate::Metric {
        match self {
            Self::DownloadThroughput => gate::Metric::DownloadThroughput,
            Self::UploadThroughput => gate::Metric::UploadThroughput,
            Self::MinRoundTripTime => gate::Metric::MinRoundTripTime,
            Self::SnapshotsPerSecond => gate::Metric::SnapshotsPerSecond,
            Self::FailedTestsPerThousand => gate::Metric::FailedTestsPerThousand,
            Self::AccountingMismatchesPerThousand => gate::Metric::AccountingMismatchesPerThousand,
            Self::LongestSnapshotGapMilliseconds => gate::Metric::LongestSnapshotGapMilliseconds,
        }
    }
}

/// The answer as JSON; a bound that is not known is null.
fn figures(answer: &MeasureResponse) -> serde_json::Value {
    let verdict = answer.verdict().as_str_name().trim_start_matches("VERDICT_").to_lowercase();
    json!({
        "verdict": verdict,
        "value": answer.value,
        "baseline": answer.baseline,
        "samples": answer.samples,
        "baseline_samples": answer.baseline_samples,
        "interval": answer.interval.map(|it| [it.lower, it.estimate, it.upper]),
        "explanation": answer.explanation,
        "versions": answer.versions,
    })
}
