//! How long a station is given to end what runs.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{Duration, duration};

/// The three parts of a pod's grace period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    duration::rule(
        &["self.lameDuck", "self.maxTest", "self.flush"],
        "duration(self.lameDuck) + duration(self.maxTest) + duration(self.flush) <= duration('15m')",
    ).as_str(),
    "drain.lameDuck, drain.maxTest and drain.flush must be at most 15m together: that is how long a node is without a station, at worst",
))]
pub struct Drain {
    /// Time in which clients whose test has just ended here may still start their next one, so that a download and its upload stay together; others are sent away. At most; it ends early when no test comes.
    pub lame_duck: Duration,
    /// The longest that a test may take, from its request to its close.
    #[x_kube(validation = (
        duration::rule(&["self"], "duration(self) >= duration('1s')").as_str(),
        "drain.maxTest must be at least 1s: shorter than a test, and every release would cut one off",
    ))]
    pub max_test: Duration,
    /// Time for the rest of the rows to reach the collector. What is not there by then is lost, counted, and pauses the rollout.
    #[x_kube(validation = (
        duration::rule(&["self"], "duration(self) >= duration('1s')").as_str(),
        "drain.flush must be at least 1s: rows that the collector does not have by then are lost",
    ))]
    pub flush: Duration,
}
