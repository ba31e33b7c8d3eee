//! Facts about a node: what its probes told, and what its labels say.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt as _;
use trigpoint_crd::node::Facts as Stored;
use trigpoint_rollout::Facts;

use super::{pod, probe, self_test};
use crate::names;
use crate::render::SERVER;
use crate::time;
use crate::view::View;

/// The facts that the newest probe of the node told, as JSON in the termination
/// message of its server; what no pod can know comes from the node itself.
pub(crate) fn of_probes(view: &View, node: &Node, uid: &str) -> Option<Stored> {
    let name = node.name_any();
    let newest = probe::of_node(view, &name, uid)
        .filter_map(|pod| Some((pod::ended_at(pod)?, pod::last_words(pod, SERVER)?)))
        .filter_map(|(at, words)| Some((at, serde_json::from_str::<Stored>(words).ok()?)))
        .max_by_key(|(at, _)| *at);
    let (at, told) = newest?;
    let info = node.status.as_ref().and_then(|status| status.node_info.as_ref());
    let labels = node.labels();
    let told_policy = told.cpu_manager_policy;
    Some(Stored {
        kernel: told.kernel.or_else(|| info.map(|info| info.kernel_version.clone())),
        arch: told.arch.or_else(|| info.map(|info| info.architecture.clone())),
        link_mbps: told.link_mbps.or_else(|| number(labels, names::LINK_MBPS)),
        cpu_manager_policy: told_policy.or_else(|| labels.get(names::CPU_MANAGER_POLICY).cloned()),
        // By the kubelet's clock, as all that is compared with it.
        measured_at: Some(time::to_api(at)),
        ..told
    })
}

fn number(labels: &BTreeMap<String, String>, key: &str) -> Option<i64> {
    labels.get(key)?.parse().ok()
}

/// As the planner has them; facts without a date are none.
pub(super) fn facts(view: &View, node: &Node, stored: &Stored) -> Option<Facts> {
    let controls = &stored.congestion_controls;
    Some(Facts {
        measured_at: time::from_api(stored.measured_at.as_ref()?),
        // A kernel has at least one, so an empty list is an unknown one.
        congestion_controls: (!controls.is_empty()).then(|| controls.iter().cloned().collect()),
        clock_offset_micros: stored.clock_offset_micros,
        ipv4: stored.ipv4,
        ipv6: stored.ipv6,
        virtualization: stored.virtualization.clone(),
        link_mbps: stored.link_mbps.and_then(|speed| u64::try_from(speed).ok()),
        cpu_manager_policy: stored.cpu_manager_policy.clone(),
        keeps_client_address: self_test::keeps_client_address(view, node),
    })
}
