//! One wave of a rollout.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Duration, NodeSelector, bounds};

/// Nodes that get the new revision before others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Wave {
    /// Name of the wave.
    #[schemars(schema_with = "bounds::short_name")]
    pub name: String,
    /// Percent of the qualified nodes that have the new revision at the end of this wave, waves before it included (rounded up).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub percent: Option<i32>,
    /// Nodes of this wave, by their labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<NodeSelector>,
    /// Nodes of this wave that may be between two revisions at once. 64 is what status has room for.
    #[serde(default = "default_max_parallel")]
    #[schemars(range(min = 1, max = 64))]
    pub max_parallel: i32,
    /// How long the new revision measures on this wave's nodes before its gates are asked.
    #[serde(default = "default_bake")]
    pub bake: Duration,
    /// Names of the gates that must pass at the end of this wave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(length(max = 32), regex(pattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub gates: Vec<String>,
    /// Who lets the rollout go on behind this wave. Auto: its gates. Manual: its gates and a person, by `trigpoint fleet approve`.
    #[serde(default)]
    pub approval: Approve,
}

fn default_max_parallel() -> i32 {
    1
}

fn default_bake() -> Duration {
    Duration::seconds(600)
}

/// Who lets a rollout go on behind a wave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Approve {
    /// Its gates.
    #[default]
    Auto,
    /// Its gates and a person.
    Manual,
}
