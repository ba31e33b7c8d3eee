//! What a new revision is held against.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Duration, bounds, duration};

/// One question about the rows of the nodes that have the new revision. It passes when the new revision is shown not to be worse; too few samples are no pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.metric in ['DownloadThroughput', 'UploadThroughput', 'MinRoundTripTime', 'SnapshotsPerSecond'] ? has(self.marginPercent) && !has(self.limit) : has(self.limit) && !has(self.marginPercent)",
    "DownloadThroughput, UploadThroughput, MinRoundTripTime and SnapshotsPerSecond are compared with a baseline and need marginPercent; the other metrics need limit; not both",
))]
#[x_kube(validation = (
    duration::rule(&["self.interval"], "duration(self.interval) >= duration('10s')").as_str(),
    "interval of a gate must be at least 10s: each asking is a query over the tables",
))]
#[x_kube(validation = (
    duration::rule(
        &["self.window", "self.interval"],
        "duration(self.window) >= duration(self.interval)",
    ).as_str(),
    "window of a gate must be at least its interval, or rows would go unseen",
))]
pub struct Gate {
    /// Name of the gate, by which waves ask for it.
    #[schemars(schema_with = "bounds::short_name")]
    pub name: String,
    /// What is looked at. Compared with a baseline: DownloadThroughput, UploadThroughput (of tests), MinRoundTripTime (of tests), SnapshotsPerSecond (of tests, while they run). Held against a limit: FailedTestsPerThousand, AccountingMismatchesPerThousand (tests whose bytes differ between the application and TCP_INFO), LongestSnapshotGapMilliseconds (within a test, in all but the worst twentieth of the tests), SpoolAgeSeconds (of the oldest row that the collector does not have).
    pub metric: GateMetric,
    /// What the new revision is compared with, at the same time. Stable: nodes that have the stable revision. SameSite: those at the same site. Previous: the same nodes before they changed.
    #[serde(default)]
    pub baseline: Baseline,
    /// How much worse than the baseline the new revision may be, in percent of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub margin_percent: Option<i32>,
    /// The largest value that passes, in the metric's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub limit: Option<i32>,
    /// Tests of the new revision, and of the baseline, below which the answer is Inconclusive.
    #[serde(default = "default_min_samples")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub min_samples: i32,
    /// How far back rows count.
    #[serde(default = "default_window")]
    pub window: Duration,
    /// Time between two askings.
    #[serde(default = "default_interval")]
    pub interval: Duration,
    /// Failed answers in a row that are let pass.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub failure_limit: i32,
    /// Inconclusive answers in a row after which the rollout pauses.
    #[serde(default = "default_patience")]
    #[schemars(range(min = 0, max = 10_000))]
    pub inconclusive_limit: i32,
    /// Askings in a row without an answer after which the rollout pauses.
    #[serde(default = "default_patience")]
    #[schemars(range(min = 0, max = 10_000))]
    pub error_limit: i32,
}

fn default_min_samples() -> i32 {
    100
}

fn default_window() -> Duration {
    Duration::seconds(3600)
}

fn default_interval() -> Duration {
    Duration::seconds(60)
}

fn default_patience() -> i32 {
    30
}

/// What a gate looks at; units are in the names, and those without a unit are compared with a baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum GateMetric {
    /// Throughput of downloads.
    DownloadThroughput,
    /// Throughput of uploads.
    UploadThroughput,
    /// Smallest round-trip time of each test.
    MinRoundTripTime,
    /// Snapshots of TCP_INFO for each second of a test.
    SnapshotsPerSecond,
    /// Tests that did not end as they should.
    FailedTestsPerThousand,
    /// Tests whose bytes differ between the application and TCP_INFO.
    AccountingMismatchesPerThousand,
    /// Longest time within a test without a snapshot.
    LongestSnapshotGapMilliseconds,
    /// Age of the oldest row that the collector does not have.
    SpoolAgeSeconds,
}

/// What a new revision is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Baseline {
    /// Nodes that have the stable revision.
    #[default]
    Stable,
    /// Those of them at the same site.
    SameSite,
    /// The same nodes before they changed.
    Previous,
}
