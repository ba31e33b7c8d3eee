//! `MeasurementNode`: what the operator knows and has decided about one node of a fleet.

mod facts;
mod status;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use facts::Facts;
pub use status::{DrainOutcome, Failure, LastDrain, MeasurementNodeStatus, StationPod};

use crate::bounds;

/// What the operator has decided about one node. Written by the operator and by `trigpoint fleet drain`.
#[derive(Clone, Debug, PartialEq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "trigpoint.dev",
    version = "v1alpha1",
    kind = "MeasurementNode",
    namespaced,
    shortname = "mnode",
    category = "trigpoint",
    status = "MeasurementNodeStatus",
    derive = "PartialEq",
    doc = "One node of a fleet: its facts, whether it qualifies, which revision it has, and how its last station ended. Written by the operator; owned by the fleet, and kept for a day after the node is gone.",
    printcolumn(name = "Fleet", type_ = "string", json_path = ".spec.fleet"),
    printcolumn(name = "Assigned", type_ = "string", json_path = ".spec.assignedRevision", description = "Last revision that the node was given"),
    printcolumn(name = "Observed", type_ = "string", json_path = ".status.observedRevision", description = "Revision of the station that runs"),
    printcolumn(name = "Qualified", type_ = "string", json_path = ".status.conditions[?(@.type==\"Qualified\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Qualified\")].reason", description = "Why the node qualifies or does not"),
    printcolumn(name = "Running", type_ = "string", json_path = ".status.conditions[?(@.type==\"Running\")].status"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Kernel", type_ = "string", json_path = ".status.facts.kernel", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Qualified\")].message", priority = 1),
    selectable = ".spec.fleet",
    selectable = ".status.observedRevision",
    validation = (
        "self.metadata.name == self.spec.nodeName",
        "a MeasurementNode has the name of its node",
    )
)]
#[serde(rename_all = "camelCase")]
pub struct MeasurementNodeSpec {
    /// Name of the node.
    #[schemars(schema_with = "bounds::object_name")]
    pub node_name: String,
    /// Uid of the node: another node may come under the same name, and is then looked at anew.
    #[schemars(length(min = 1, max = 64))]
    pub node_uid: String,
    /// Fleet to which the node belongs, in the namespace of this object.
    #[schemars(length(min = 1, max = 40))]
    #[x_kube(validation = (
        "self == oldSelf",
        "spec.fleet cannot be changed: the object goes with its fleet, and the node's next fleet makes its own",
    ))]
    pub fleet: String,
    /// The last revision that the node was given. It stays while the node is without a station, so that one that had a station is told from a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::object_name")]
    pub assigned_revision: Option<String>,
    /// The node is kept without a station, for maintenance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<MaintenanceDrain>,
}

/// Why a node is kept without a station.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MaintenanceDrain {
    /// Why, in at least ten characters: it is all that the next person will have.
    #[schemars(length(min = 10, max = 1024))]
    pub reason: String,
}
