//! The probe of a node for a revision: the revision's own pod, told only to check
//! its configuration.
//!
//! It fetches the image, mounts what the station would mount, asks the node's kernel
//! for the congestion control, and leaves facts about the node, all before any node
//! is released.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, Container, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm,
    Pod, PodTemplateSpec, ResourceRequirements, Toleration,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use trigpoint_crd::MeasurementFleet;
use trigpoint_rollout::Revision;

use super::{metadata, volumes};
use crate::names;

pub(crate) fn probe(
    fleet: &MeasurementFleet,
    revision: &Revision,
    template: &PodTemplateSpec,
    node: &str,
    node_uid: &str,
) -> Pod {
    let mut metadata = metadata(fleet, names::probe(revision, node_uid), names::PROBE);
    metadata
        .labels
        .get_or_insert_default()
        .insert(names::REVISION.to_owned(), revision.to_string());
    let annotations = [(names::NODE, node), (names::NODE_UID, node_uid)];
    metadata.annotations = Some(
        annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    );
    let mut spec = template.spec.clone().unwrap_or_default();
    spec.containers.iter_mut().for_each(check_only);
    if let Some(mounted) = &mut spec.volumes {
        let asked = volumes::for_probe(mounted);
        spec.containers[0].env.get_or_insert_default().extend(asked);
    }
    spec.restart_policy = Some("Never".to_owned());
    spec.active_deadline_seconds =
        Some(fleet.spec.qualification.probe_timeout.0.as_secs().max(1) as i64);
    spec.termination_grace_period_seconds = Some(1);
    spec.node_selector = None;
    spec.affinity = Some(on(node));
    spec.tolerations.get_or_insert_default().push(unschedulable());
    Pod { metadata, spec: Some(spec), ..Pod::default() }
}

fn check_only(container: &mut Container) {
    container.args.get_or_insert_default().push("--check-config".to_owned());
    // The station beside it has the ports.
    container.ports = None;
    container.readiness_probe = None;
    container.resources = Some(small());
}

/// It must find room beside a station that has all that is left.
fn small() -> ResourceRequirements {
    let quantities = |cpu: &str, memory: &str| {
        BTreeMap::from([
            ("cpu".to_owned(), Quantity(cpu.to_owned())),
            ("memory".to_owned(), Quantity(memory.to_owned())),
        ])
    };
    ResourceRequirements {
        requests: Some(quantities("1m", "8Mi")),
        limits: Some(quantities("500m", "128Mi")),
        ..ResourceRequirements::default()
    }
}

/// That very node, as a DaemonSet's controller asks for it.
pub(super) fn on(node: &str) -> Affinity {
    let field = NodeSelectorRequirement {
        key: "metadata.name".to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![node.to_owned()]),
    };
    let term = NodeSelectorTerm { match_fields: Some(vec![field]), ..NodeSelectorTerm::default() };
    Affinity {
        node_affinity: Some(NodeAffinity {
            required_during_scheduling_ignored_during_execution: Some(NodeSelector {
                node_selector_terms: vec![term],
            }),
            ..NodeAffinity::default()
        }),
        ..Affinity::default()
    }
}

/// A node that is in flight may have been cordoned since.
fn unschedulable() -> Toleration {
    Toleration {
        key: Some("node.kubernetes.io/unschedulable".to_owned()),
        operator: Some("Exists".to_owned()),
        effect: Some("NoSchedule".to_owned()),
        ..Toleration::default()
    }
}
