//! What the operator says about a fleet.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{bounds, conditions};

/// What the operator says about a fleet. It is derived anew in each round and holds no decision, so it may be lost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeasurementFleetStatus {
    /// Generation of the fleet that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The last revision that has passed every wave; new nodes get this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::object_name")]
    pub stable_revision: Option<String>,
    /// Revision that the fleet is brought to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::object_name")]
    pub target_revision: Option<String>,
    /// The rollout that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutProgress>,
    /// How many nodes are in which state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<NodeCounts>,
    /// Nodes between two revisions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["node".into()]))]
    pub in_flight: Vec<InFlight>,
    /// The last answer of each gate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub gates: Vec<GateResult>,
    /// Ready, Progressing, Paused, Qualified, GatesPassed, Degraded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions::schema")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// How far a rollout is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutProgress {
    /// Name of the wave that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::short_name")]
    pub wave: Option<String>,
    /// When the rollout began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When the wave began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave_started_at: Option<Time>,
    /// When the gates of the wave are asked, all of its nodes being updated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake_until: Option<Time>,
}

/// How many nodes are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeCounts {
    /// Nodes that the selector finds.
    pub selected: i32,
    /// Those that qualify.
    pub qualified: i32,
    /// Those that do not.
    pub excluded: i32,
    /// Nodes on the target revision.
    pub updated: i32,
    /// Nodes whose station is ready.
    pub ready: i32,
    /// Nodes that the rollout has taken out, or that failed in it.
    pub unavailable: i32,
    /// Nodes that failed to start the target revision.
    pub failed: i32,
    /// Nodes that are NotReady or gone.
    pub lost: i32,
}

/// A node between two revisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InFlight {
    /// Name of the node.
    #[schemars(schema_with = "bounds::object_name")]
    pub node: String,
    /// What is being done. Release: the old station is told to end. ConfirmGone: it ends what runs. Assign: the node is given the new revision. Verify: the new station becomes ready and is tested.
    pub step: HandoffStep,
    /// Since when.
    pub since: Time,
    /// How often this node was tried, from 1 on.
    #[schemars(range(min = 1, max = 1000))]
    pub attempt: i32,
}

/// A step of the way of a node from one revision to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HandoffStep {
    /// The old station is told to end.
    Release,
    /// The old station ends what runs.
    ConfirmGone,
    /// The node is given the new revision.
    Assign,
    /// The new station becomes ready and is tested.
    Verify,
}

/// The last answer of a gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GateResult {
    /// Name of the gate.
    #[schemars(schema_with = "bounds::short_name")]
    pub name: String,
    /// Wave for which it was asked.
    #[schemars(schema_with = "bounds::short_name")]
    pub wave: String,
    /// Pass, Fail, Inconclusive (too few samples) or Error (no answer).
    pub verdict: GateVerdict,
    /// The new revision's figure, in the metric's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub value: Option<f64>,
    /// The baseline's figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub baseline: Option<f64>,
    /// Tests of the new revision that were looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<i64>,
    /// When it was asked.
    pub at: Time,
}

/// What a gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum GateVerdict {
    /// The new revision is not worse.
    Pass,
    /// It is.
    Fail,
    /// Too few samples to say.
    Inconclusive,
    /// No answer.
    Error,
}
