//! What a probe pod found out.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use trigpoint_rollout::{Probe, ProbeOutcome, Revision};

use super::pod::{self, OneShot};
use crate::names;
use crate::view::View;

/// Probes of one node, by revision: the newest of each.
pub(super) fn probes(view: &View, node: &str, uid: &str) -> BTreeMap<Revision, Probe> {
    let mut pods: Vec<_> = of_node(view, node, uid).collect();
    pods.sort_by_key(|pod| pod::created_at(pod));
    pods.into_iter().map(|pod| (pod::revision(pod), probe(pod))).collect()
}

/// Probe pods of that very node that are not being deleted.
pub(super) fn of_node<'a>(
    view: &'a View,
    node: &'a str,
    uid: &str,
) -> impl Iterator<Item = &'a Arc<Pod>> {
    view.probes_of(uid).filter(move |pod| {
        pod.annotations().get(names::NODE).is_some_and(|name| name == node)
            && pod.metadata.deletion_timestamp.is_none()
    })
}

fn probe(pod: &Pod) -> Probe {
    match pod::one_shot(pod) {
        OneShot::Running => Probe { at: pod::created_at(pod), outcome: ProbeOutcome::Running },
        OneShot::Succeeded(at) => Probe { at, outcome: ProbeOutcome::Passed },
        OneShot::Failed(at, message) => Probe { at, outcome: ProbeOutcome::Failed { message } },
    }
}
