//! A test of a station through its public path, from another node where there is
//! one.

use k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, NodeSelectorRequirement, NodeSelectorTerm, Pod, PreferredSchedulingTerm,
};
use kube::ResourceExt as _;
use trigpoint_crd::MeasurementFleet;

use super::metadata;
use super::speedtest::{self, Tested};
use crate::names;

/// Shows whether a new station serves; `image` is its own.
pub(crate) fn self_test(
    fleet: &MeasurementFleet,
    tested: &Tested<'_>,
    image: &str,
    token: Option<&str>,
) -> Pod {
    let name = names::self_test(tested.revision, tested.uid);
    let metadata = metadata(fleet, name, names::SELF_TEST);
    speedtest::pod(metadata, tested, image, elsewhere(&tested.node.name_any()), token)
}

/// A cluster of one node has no other.
fn elsewhere(node: &str) -> Affinity {
    let field = NodeSelectorRequirement {
        key: "metadata.name".to_owned(),
        operator: "NotIn".to_owned(),
        values: Some(vec![node.to_owned()]),
    };
    let preference =
        NodeSelectorTerm { match_fields: Some(vec![field]), ..NodeSelectorTerm::default() };
    Affinity {
        node_affinity: Some(NodeAffinity {
            preferred_during_scheduling_ignored_during_execution: Some(vec![
                PreferredSchedulingTerm { preference, weight: 100 },
            ]),
            ..NodeAffinity::default()
        }),
        ..Affinity::default()
    }
}
