//! A node.

use k8s_openapi::api::core::v1::{Node as ApiNode, NodeCondition};
use kube::ResourceExt as _;
use trigpoint_crd::{MeasurementNode, REVISION_LABEL, conditions};
use trigpoint_rollout::{Node, Presence, Reason, Revision, Time};

use super::{pod, record, waves};
use crate::selector;
use crate::time;
use crate::view::View;

/// A node that is there.
pub(super) fn present(view: &View, node: &ApiNode) -> Node {
    let name = node.name_any();
    let spec = &view.fleet.spec;
    let labels = node.labels();
    let record = view.record(&name);
    Node {
        uid: node.uid().unwrap_or_default(),
        version: node.resource_version().unwrap_or_default(),
        is_selected: selector::matches(&spec.node_selector, labels),
        presence: if is_ready(node) { Presence::Ready } else { Presence::NotReady },
        ready_since: ready_since(node),
        is_cordoned: node.spec.as_ref().is_some_and(|spec| spec.unschedulable == Some(true)),
        label: label(node),
        site: labels.get(&spec.site_label).cloned(),
        kernel: kernel(node),
        waves: waves(view, labels),
        record: record.map(|record| record::record(view, record, Some(node))),
        pods: view.stations_on(&name).map(|pod| pod::pod(view, pod)).collect(),
    }
}

/// A node of which only its record is left.
pub(super) fn vanished(view: &View, record: &MeasurementNode, now: Time) -> Node {
    let pods = view.stations_on(&record.spec.node_name);
    Node {
        uid: record.spec.node_uid.clone(),
        version: String::new(),
        is_selected: false,
        presence: Presence::Vanished { since: vanished_at(record).unwrap_or(now) },
        ready_since: None,
        is_cordoned: false,
        label: None,
        site: None,
        kernel: None,
        waves: waves(view, &std::collections::BTreeMap::new()),
        record: Some(record::record(view, record, None)),
        pods: pods.map(|pod| pod::pod(view, pod)).collect(),
    }
}

/// Since when the node is gone, as its record says.
pub(crate) fn vanished_at(record: &MeasurementNode) -> Option<Time> {
    let conditions = &record.status.as_ref()?.conditions;
    conditions
        .iter()
        .find(|condition| {
            condition.type_ == conditions::node::RUNNING
                && condition.reason == Reason::NodeVanished.as_str()
        })
        .map(|condition| time::from_api(&condition.last_transition_time))
}

/// The value of our label, of whatever fleet.
pub(crate) fn label(node: &ApiNode) -> Option<Revision> {
    node.labels().get(REVISION_LABEL).map(Revision::new)
}

pub(crate) fn is_ready(node: &ApiNode) -> bool {
    ready(node).is_some()
}

fn ready_since(node: &ApiNode) -> Option<Time> {
    ready(node)?.last_transition_time.as_ref().map(time::from_api)
}

fn ready(node: &ApiNode) -> Option<&NodeCondition> {
    let conditions = node.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn kernel(node: &ApiNode) -> Option<String> {
    let info = node.status.as_ref()?.node_info.as_ref()?;
    (!info.kernel_version.is_empty()).then(|| info.kernel_version.clone())
}
