//! What the operator sees of one node.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Facts;
use crate::{bounds, conditions};

/// What the operator sees of one node. It is derived anew in each round and holds no decision, so it may be lost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeasurementNodeStatus {
    /// Generation of this object that the status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Revision of the station that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::object_name")]
    pub observed_revision: Option<String>,
    /// What is known of the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Facts>,
    /// The station's pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<StationPod>,
    /// How the node's last station ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_drain: Option<LastDrain>,
    /// Why the node does not run a revision that it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Qualified, Running, Draining, Failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions::schema")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// The pod of a station.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StationPod {
    /// Name of the pod.
    #[schemars(schema_with = "bounds::object_name")]
    pub name: String,
    /// Uid of the pod.
    #[schemars(length(max = 64))]
    pub uid: String,
    /// Whether all of its containers are ready.
    pub ready: bool,
}

/// How a station ended. A figure is absent, never 0, where nobody told it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastDrain {
    /// When its pod was gone.
    pub at: Time,
    /// Clean: every test and every row was finished. Cut: a test was cut off or rows were lost. Unknown: neither the station's row nor its termination message was seen.
    pub outcome: DrainOutcome,
    /// Tests that were cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aborted: Option<i64>,
    /// Tests that ended by themselves after the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<i64>,
    /// Rows that reached the collector after the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flushed_rows: Option<i64>,
    /// Rows that did not, and are lost with an emptyDir.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unflushed_rows: Option<i64>,
    /// Seconds from the release until the pod was gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<i64>,
}

/// How a station ended, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DrainOutcome {
    /// Every test and every row was finished.
    Clean,
    /// A test was cut off or rows were lost.
    Cut,
    /// Nobody told.
    Unknown,
}

/// Why a node does not run a revision that it was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The revision.
    #[schemars(schema_with = "bounds::object_name")]
    pub revision: String,
    /// Reason in one word, as in the condition Failed.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// How often it was tried.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub count: i32,
    /// When it is tried again; not by itself if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Time>,
}
