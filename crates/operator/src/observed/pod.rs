//! A pod of a fleet.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod as ApiPod};
use kube::ResourceExt as _;
use trigpoint_rollout::{Pod, Readiness, Revision, Time};

use super::self_test;
use crate::names;
use crate::time;
use crate::view::View;

/// Why a kubelet does not start a container, and goes on trying: the pod will
/// not become ready before somebody changes something.
const STUCK: &[&str] = &[
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
];

/// A station's pod.
pub(super) fn pod(view: &View, pod: &ApiPod) -> Pod {
    let uid = pod.uid().unwrap_or_default();
    Pod {
        revision: revision(pod),
        created_at: created_at(pod),
        is_terminating: pod.metadata.deletion_timestamp.is_some(),
        is_unscheduled: pod.spec.as_ref().is_none_or(|spec| spec.node_name.is_none()),
        readiness: readiness(pod),
        failure: stuck(pod),
        // What is hoped for, until it is asked: `asked::Asked::apply_to`.
        spool_age: Some(Duration::ZERO),
        self_test: self_test::of_pod(view, &uid),
        uid,
    }
}

/// The revision that a pod says it is of.
pub(crate) fn revision(pod: &ApiPod) -> Revision {
    Revision::new(pod.labels().get(names::REVISION).map(String::as_str).unwrap_or_default())
}

pub(crate) fn created_at(pod: &ApiPod) -> Time {
    pod.creation_timestamp().as_ref().map(time::from_api).unwrap_or_default()
}

/// The node that it is on or, as a DaemonSet's controller asks for it, is to be on.
pub(crate) fn node(pod: &ApiPod) -> Option<&str> {
    let spec = pod.spec.as_ref()?;
    if let Some(node) = &spec.node_name {
        return Some(node);
    }
    let required = spec
        .affinity
        .as_ref()?
        .node_affinity
        .as_ref()?
        .required_during_scheduling_ignored_during_execution
        .as_ref()?;
    required
        .node_selector_terms
        .iter()
        .flat_map(|term| term.match_fields.iter().flatten())
        .find(|field| field.key == "metadata.name")
        .and_then(|field| field.values.as_ref()?.first())
        .map(String::as_str)
}

fn readiness(pod: &ApiPod) -> Readiness {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let condition = conditions.and_then(|all| all.iter().find(|c| c.type_ == "Ready"));
    let since = condition
        .and_then(|condition| condition.last_transition_time.as_ref())
        .map_or_else(|| created_at(pod), time::from_api);
    match condition {
        Some(condition) if condition.status == "True" => Readiness::Ready { since },
        _ => Readiness::NotReady { since },
    }
}

pub(crate) fn is_ready(pod: &ApiPod) -> bool {
    matches!(readiness(pod), Readiness::Ready { .. })
}

/// What all of its containers say, those that only initialise first.
fn containers(pod: &ApiPod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let initial = status.and_then(|status| status.init_container_statuses.as_ref());
    let others = status.and_then(|status| status.container_statuses.as_ref());
    initial.into_iter().chain(others).flatten()
}

/// Why one of its containers does not start, where the kubelet gave up for now.
pub(crate) fn stuck(pod: &ApiPod) -> Option<String> {
    containers(pod).find_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting.reason.as_deref().filter(|reason| STUCK.contains(reason))?;
        // The kubelet's words for a crash loop are only how long it waits; why it
        // crashed is in how it ended last.
        let last = container.last_state.as_ref().and_then(ended);
        let said = last.or(waiting.message.as_deref()).unwrap_or("it does not say why");
        Some(format!("{reason} (container `{}`): {}", container.name, said.trim()))
    })
}

/// What a container said at its end.
fn ended(state: &ContainerState) -> Option<&str> {
    let terminated = state.terminated.as_ref()?;
    terminated.message.as_deref().or(terminated.reason.as_deref())
}

/// The termination message of a container.
pub(crate) fn last_words<'a>(pod: &'a ApiPod, container: &str) -> Option<&'a str> {
    containers(pod)
        .find(|status| status.name == container)?
        .state
        .as_ref()?
        .terminated
        .as_ref()?
        .message
        .as_deref()
}

/// When the last of its containers ended, if all have.
pub(crate) fn ended_at(pod: &ApiPod) -> Option<Time> {
    let ends: Vec<Option<Time>> = containers(pod)
        .map(|container| {
            let terminated = container.state.as_ref()?.terminated.as_ref()?;
            terminated.finished_at.as_ref().map(time::from_api)
        })
        .collect();
    ends.into_iter().collect::<Option<Vec<Time>>>()?.into_iter().max()
}

/// How a pod that runs once stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OneShot {
    /// It has not ended.
    Running,
    /// Every container ended well.
    Succeeded(Time),
    /// One did not, or cannot start.
    Failed(Time, String),
}

pub(crate) fn one_shot(pod: &ApiPod) -> OneShot {
    let at = ended_at(pod).unwrap_or_else(|| created_at(pod));
    let status = pod.status.as_ref();
    match status.and_then(|status| status.phase.as_deref()) {
        Some("Succeeded") => OneShot::Succeeded(at),
        Some("Failed") => OneShot::Failed(at, failure(pod)),
        _ => match stuck(pod) {
            Some(message) => OneShot::Failed(created_at(pod), message),
            None => OneShot::Running,
        },
    }
}

fn failure(pod: &ApiPod) -> String {
    let of_container = containers(pod).find_map(|container| {
        let terminated = container.state.as_ref()?.terminated.as_ref()?;
        let said = terminated.message.as_deref().or(terminated.reason.as_deref());
        (terminated.exit_code != 0).then(|| {
            let said = said.unwrap_or("it does not say why").trim();
            format!("container `{}` ended with {}: {said}", container.name, terminated.exit_code)
        })
    });
    // A deadline or an eviction is the pod's own matter.
    let of_pod = pod.status.as_ref().and_then(|status| {
        let reason = status.reason.as_deref()?;
        Some(format!("{reason}: {}", status.message.as_deref().unwrap_or_default()))
    });
    of_pod.or(of_container).unwrap_or_else(|| "it does not say why".to_owned())
}
