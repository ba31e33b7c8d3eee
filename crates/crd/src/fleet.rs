//! `MeasurementFleet`: stations on many nodes, as one wish.

mod drain;
mod gate;
mod network;
mod privilege;
mod qualification;
mod rollout;
mod spool;
mod status;
mod synthetic;
mod template;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

pub use drain::Drain;
pub use gate::{Baseline, Gate, GateMetric};
pub use network::{IpFamily, Network, Ports, Profile, ServiceExposure, ServiceType};
pub use privilege::{Privilege, TracerouteSockets};
pub use qualification::{OnUnqualified, Qualification};
pub use rollout::{Approval, Approve, Day, OnFailure, Rollout, SkipGates, Wave, Window};
pub use spool::Spool;
pub use status::{
    GateResult, GateVerdict, HandoffStep, InFlight, MeasurementFleetStatus, NodeCounts,
    RolloutProgress,
};
pub use synthetic::SyntheticTests;
pub use template::{ContainerTemplate, ImagePullPolicy, StationTemplate, Variable, Verbosity};

use crate::{NodeSelector, bounds};

/// Measurement stations on all nodes that a selector finds and qualification lets through, and how they come to a new version.
///
/// A change of template, network, privilege, drain or spool makes a new revision, which goes from node to node in waves; no other change restarts a station.
#[derive(Clone, Debug, PartialEq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "trigpoint.dev",
    version = "v1alpha1",
    kind = "MeasurementFleet",
    namespaced,
    shortname = "mfleet",
    category = "trigpoint",
    status = "MeasurementFleetStatus",
    derive = "PartialEq",
    doc = "Measurement stations on a set of nodes, and how they come to a new version without harm to a running test.",
    printcolumn(name = "Target", type_ = "string", json_path = ".status.targetRevision", description = "Revision that the fleet is brought to"),
    printcolumn(name = "Wave", type_ = "string", json_path = ".status.rollout.wave", description = "Wave of the rollout that runs"),
    printcolumn(name = "Updated", type_ = "integer", json_path = ".status.nodes.updated", description = "Nodes on the target revision"),
    printcolumn(name = "Ready", type_ = "integer", json_path = ".status.nodes.ready", description = "Nodes whose station is ready"),
    printcolumn(name = "Paused", type_ = "string", json_path = ".status.conditions[?(@.type==\"Paused\")].status", description = "Whether no further node is taken"),
    printcolumn(name = "Status", type_ = "string", json_path = ".status.conditions[?(@.type==\"Progressing\")].reason", description = "What the rollout does or waits for"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Stable", type_ = "string", json_path = ".status.stableRevision", description = "Revision that every gate has passed", priority = 1),
    printcolumn(name = "Image", type_ = "string", json_path = ".spec.template.image", description = "Image of the newest template", priority = 1),
    validation = (
        "size(self.metadata.name) <= 40",
        "metadata.name must have at most 40 characters: labels of nodes and names of DaemonSets carry it with a revision behind it",
    ),
    validation = (
        "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        "metadata.name must begin with a letter and hold only a-z, 0-9 and -: the fleet's Service has this name",
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.rollout.waves.all(w, !has(w.gates) || w.gates.all(g, has(self.gates) && self.gates.exists(x, x.name == g)))",
    "a wave names a gate that spec.gates does not have: add the gate there or take its name out of the wave",
))]
#[x_kube(validation = (
    "!has(self.spool.hostPath) || self.network.profile != 'service'",
    "spool.hostPath needs network.profile hostPort or host: Pod Security restricted, in which profile service runs, refuses host paths",
))]
pub struct MeasurementFleetSpec {
    /// Nodes that get a station, if they qualify.
    #[x_kube(validation = (
        "!has(self.matchLabels) || !('station.trigpoint.node-restriction.kubernetes.io/revision' in self.matchLabels)",
        "nodeSelector must not use the label that the operator sets on nodes itself; choose nodes by a label of your own",
    ))]
    pub node_selector: NodeSelector,
    /// Label of a node whose value is its site. Nodes of one site share a network, so they are compared with each other and not taken out at the same time.
    #[serde(default = "default_site_label")]
    #[schemars(schema_with = "bounds::label_key")]
    pub site_label: String,
    /// What a station runs.
    pub template: StationTemplate,
    /// How clients reach a station.
    pub network: Network,
    /// What a station may do beyond an ordinary pod.
    #[serde(default)]
    pub privilege: Privilege,
    /// How long a station is given to end what runs. The grace period of its pod is the sum.
    pub drain: Drain,
    /// Where a station keeps rows until the collector has them.
    #[serde(default)]
    pub spool: Spool,
    /// What a node must fulfil before it gets a station.
    #[serde(default)]
    pub qualification: Qualification,
    /// How nodes come to a new revision.
    pub rollout: Rollout,
    /// What the new revision is held against before the rollout goes on; waves name them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub gates: Vec<Gate>,
    /// Tests that the operator runs itself where gates lack samples.
    #[serde(default)]
    pub synthetic_tests: SyntheticTests,
    /// Name of the ControllerRevision to be on, to return to it or to stay; the newest template if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::object_name")]
    pub revision: Option<String>,
    /// Revisions that are kept to return to.
    #[serde(default = "default_history")]
    #[schemars(range(min = 2, max = 50))]
    pub revision_history_limit: i32,
}

fn default_site_label() -> String {
    "topology.kubernetes.io/zone".to_owned()
}

fn default_history() -> i32 {
    10
}
