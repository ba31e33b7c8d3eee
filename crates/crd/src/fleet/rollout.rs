//! How nodes come to a new revision.

mod wave;
mod window;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use wave::{Approve, Wave};
pub use window::{Day, Window};

use crate::{Duration, bounds, duration};

/// How nodes come to a new revision: wave by wave, and node by node within a wave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.waves.all(w, has(w.percent) != has(w.nodes))",
    "each wave needs either percent or nodes, not both",
))]
#[x_kube(validation = (
    "self.waves.filter(w, has(w.percent)).map(w, w.percent).isSorted()",
    "percent of a wave counts the nodes of all waves before it too, so it must not fall from one wave to the next",
))]
#[x_kube(validation = (
    "size(self.waves) == 0 || (has(self.waves[size(self.waves) - 1].percent) && self.waves[size(self.waves) - 1].percent == 100)",
    "the last wave must have percent: 100, or some nodes would never get the new revision",
))]
#[x_kube(validation = (
    duration::rule(
        &["self.nodeDeadline", "self.minReady"],
        "duration(self.nodeDeadline) > duration(self.minReady)",
    ).as_str(),
    "rollout.nodeDeadline must be longer than rollout.minReady: a new station has to be ready for so long within it",
))]
pub struct Rollout {
    /// Waves, in their order; the next begins when the gates of this one have passed.
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub waves: Vec<Wave>,
    /// Nodes, or percent of the qualified ones (rounded up), that the rollout may have taken out at once: those between two revisions and those that failed.
    #[serde(default = "default_max_unavailable")]
    #[schemars(schema_with = "bounds::nodes_or_percent")]
    pub max_unavailable: IntOrString,
    /// Nodes, or percent of the qualified ones (rounded up), that may be NotReady or gone, whatever the reason. With more, the rollout pauses.
    #[serde(default = "default_max_lost")]
    #[schemars(schema_with = "bounds::nodes_or_percent")]
    pub max_lost: IntOrString,
    /// Nodes of one site that may be between two revisions at once.
    #[serde(default = "default_max_parallel_per_site")]
    #[schemars(range(min = 1, max = 64))]
    pub max_parallel_per_site: i32,
    /// Nodes that may fail to start the new revision before the rollout stops.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1000))]
    pub failure_budget: i32,
    /// What follows when a gate or too many nodes fail. Pause: nodes stay as they are until a person decides. Rollback: nodes go back to the stable revision.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// How long a node may be without a station that is ready, beyond the time that the old one is given to drain. Then it has failed.
    #[serde(default = "default_node_deadline")]
    pub node_deadline: Duration,
    /// How long a new station must have been ready before its node counts as updated.
    #[serde(default = "default_min_ready")]
    pub min_ready: Duration,
    /// Whether a new station must also have served a test through its public path before its node counts as updated.
    #[serde(default = "default_self_test")]
    pub self_test: bool,
    /// Times in which nodes may be released; any time if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub windows: Vec<Window>,
    /// Whether no further node is released. Nodes that are between two revisions finish.
    #[serde(default)]
    pub paused: bool,
    /// Goes on without gates, in an emergency. Take it out again when it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_gates: Option<SkipGates>,
    /// What a person has approved of waves with approval Manual, the last approval of each; written by `trigpoint fleet approve`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["wave".into()]))]
    pub approvals: Vec<Approval>,
    /// When a person last let a stopped rollout go on: failures, lost rows and answers of gates before it stop the rollout no longer. Written by `trigpoint fleet resume`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_at: Option<Time>,
}

fn default_max_unavailable() -> IntOrString {
    IntOrString::Int(1)
}

fn default_max_lost() -> IntOrString {
    IntOrString::String("10%".to_owned())
}

fn default_max_parallel_per_site() -> i32 {
    1
}

fn default_node_deadline() -> Duration {
    Duration::seconds(15 * 60)
}

fn default_self_test() -> bool {
    true
}

fn default_min_ready() -> Duration {
    Duration::seconds(10)
}

/// What follows when a gate or too many nodes fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnFailure {
    /// Nodes stay as they are until a person decides.
    #[default]
    Pause,
    /// Nodes go back to the stable revision.
    Rollback,
}

/// Why gates are skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SkipGates {
    /// Why, in at least ten characters: it is all that the next person will have.
    #[schemars(length(min = 10, max = 1024))]
    pub reason: String,
}

/// A person's approval of a wave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Approval {
    /// Revision for which it was; another one needs another approval.
    #[schemars(schema_with = "bounds::object_name")]
    pub revision: String,
    /// Name of the wave behind which the rollout may go on.
    #[schemars(schema_with = "bounds::short_name")]
    pub wave: String,
    /// When it was given; gates that were inconclusive until then count as passed.
    pub at: Time,
}
