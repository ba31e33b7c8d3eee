//! The DaemonSet of a revision: a pod on each node that carries its label.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetSpec, DaemonSetUpdateStrategy};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use trigpoint_crd::{MeasurementFleet, REVISION_LABEL};
use trigpoint_rollout::Revision;

use super::metadata;
use crate::names;

pub(crate) fn daemon_set(
    fleet: &MeasurementFleet,
    revision: &Revision,
    mut template: PodTemplateSpec,
) -> DaemonSet {
    let selector = BTreeMap::from([(names::REVISION.to_owned(), revision.to_string())]);
    let node = BTreeMap::from([(REVISION_LABEL.to_owned(), revision.to_string())]);
    template.spec.get_or_insert_default().node_selector = Some(node);
    let mut metadata = metadata(fleet, revision.to_string(), names::STATION);
    metadata.labels.get_or_insert_default().extend(selector.clone());
    DaemonSet {
        metadata,
        spec: Some(DaemonSetSpec {
            selector: LabelSelector { match_labels: Some(selector), ..LabelSelector::default() },
            template,
            // Its template is never edited; whoever edits it ends no pod by that.
            update_strategy: Some(DaemonSetUpdateStrategy {
                type_: Some("OnDelete".to_owned()),
                ..DaemonSetUpdateStrategy::default()
            }),
            // Its history is ours.
            revision_history_limit: Some(0),
            ..DaemonSetSpec::default()
        }),
        ..DaemonSet::default()
    }
}
