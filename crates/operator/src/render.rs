//! Objects that the operator makes from a fleet.
//!
//! A revision's pod template is rendered once, when the revision is made, and is
//! stored in its ControllerRevision: an operator that renders otherwise gives no
//! running station another pod.

mod container;
mod daemon_set;
mod merge;
mod pod;
mod probe;
mod self_test;
mod service;
mod speedtest;
mod synthetic_test;
#[cfg(test)]
pub(crate) mod tests;
mod volumes;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource as _, ResourceExt as _};
use trigpoint_crd::MeasurementFleet;

use crate::names;

pub(crate) use daemon_set::daemon_set;
pub(crate) use pod::template;
pub(crate) use probe::probe;
pub(crate) use self_test::self_test;
pub(crate) use service::service;
pub(crate) use speedtest::{Tested, public_address};
pub(crate) use synthetic_test::synthetic_test;

/// Container that serves tests and reads TCP_INFO.
pub(crate) const SERVER: &str = "server";
/// Container that traces the paths to clients.
pub(crate) const TRACEROUTE: &str = "traceroute";
/// Container that tests a station.
pub(crate) const SPEEDTEST: &str = "speedtest";

/// In every profile; a Service or host ports map 80 and 443.
pub(crate) const WS_PORT: i32 = 8080;
pub(crate) const WSS_PORT: i32 = 8443;
pub(crate) const SERVER_ADMIN_PORT: i32 = 9990;
pub(crate) const TRACEROUTE_ADMIN_PORT: i32 = 9992;

/// User `nonroot` of the image.
const USER: i64 = 65532;

/// A bare pod of a revision, to be tried as a dry run.
pub(crate) fn trial(fleet: &MeasurementFleet, revision: &str, template: &PodTemplateSpec) -> Pod {
    let mut metadata = template.metadata.clone().unwrap_or_default();
    metadata.name = Some(format!("{revision}-trial"));
    metadata.namespace = fleet.namespace();
    Pod { metadata, spec: template.spec.clone(), ..Pod::default() }
}

/// What every object of a fleet has: it goes with its fleet.
fn metadata(fleet: &MeasurementFleet, name: String, component: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: fleet.namespace(),
        labels: Some(labels(&fleet.name_any(), component)),
        owner_references: fleet.controller_owner_ref(&()).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    }
}

fn labels(fleet: &str, component: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        (names::FLEET.to_owned(), fleet.to_owned()),
        (names::COMPONENT.to_owned(), component.to_owned()),
        (names::MANAGED_BY.to_owned(), names::OPERATOR.to_owned()),
    ])
}

/// Metadata of a revision's record.
pub(crate) fn record_metadata(fleet: &MeasurementFleet, name: String) -> ObjectMeta {
    metadata(fleet, name, names::RECORD)
}
