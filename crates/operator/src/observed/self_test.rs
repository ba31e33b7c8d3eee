//! What a test of a station through its public path found out.

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::ResourceExt as _;
use serde::Deserialize;
use trigpoint_rollout::SelfTest;

use super::pod::{self, OneShot};
use crate::names;
use crate::render::SPEEDTEST;
use crate::view::View;

/// What such a test leaves as its termination message (`trigpoint speedtest
/// --synthetic`), as far as it is of interest here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    client_address_rewritten: Option<bool>,
}

/// How the test of the pod with that uid went.
pub(super) fn of_pod(view: &View, uid: &str) -> SelfTest {
    let tests = view.tests_of(uid).filter(|test| test.metadata.deletion_timestamp.is_none());
    match tests.max_by_key(|test| pod::created_at(test)).map(|test| pod::one_shot(test)) {
        None => SelfTest::NotRun,
        Some(OneShot::Running) => SelfTest::Running,
        Some(OneShot::Succeeded(_)) => SelfTest::Passed,
        Some(OneShot::Failed(at, message)) => SelfTest::Failed { at, message },
    }
}

/// Whether stations of that node see their clients' own addresses, as the newest
/// test of one said; that its pod is kept is what remembers it.
pub(super) fn keeps_client_address(view: &View, node: &Node) -> Option<bool> {
    let told = view
        .tests_on(node.metadata.uid.as_deref()?)
        .filter(|test| test.annotations().get(names::NODE) == node.metadata.name.as_ref())
        .filter_map(|test| Some((pod::created_at(test), rewritten(test)?)))
        .max_by_key(|(at, _)| *at);
    told.map(|(_, is_rewritten)| !is_rewritten)
}

/// Whether the station saw another address than the client had, if the test says so.
pub(crate) fn rewritten(test: &Pod) -> Option<bool> {
    let words = pod::last_words(test, SPEEDTEST)?;
    serde_json::from_str::<Told>(words).ok()?.client_address_rewritten
}
