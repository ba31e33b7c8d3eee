//! The pod of a station.

use k8s_openapi::DeepMerge as _;
use k8s_openapi::api::core::v1::{PodSecurityContext, PodSpec, PodTemplateSpec, SeccompProfile};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use trigpoint_crd::MeasurementFleet;
use trigpoint_crd::fleet::Profile;
use trigpoint_rollout::Revision;

use super::{USER, container, labels, merge, volumes};
use crate::desired::grace;
use crate::error::Stop;
use crate::names;
use crate::settings::Settings;

/// The template of a revision's pods: inside Pod Security `restricted` in profile
/// `service` without raw sockets.
pub(crate) fn template(
    fleet: &MeasurementFleet,
    revision: &Revision,
    settings: &Settings,
) -> Result<PodTemplateSpec, Stop> {
    let spec = &fleet.spec;
    let is_host = spec.network.profile == Profile::Host;
    // A kubelet makes the directory for root; without capabilities root is nobody
    // else either.
    let user = if spec.spool.host_path.is_some() { 0 } else { USER };
    let mut pod_labels = labels(&fleet.name_any(), names::STATION);
    pod_labels.insert(names::REVISION.to_owned(), revision.to_string());
    let mut template = PodTemplateSpec {
        metadata: Some(ObjectMeta { labels: Some(pod_labels), ..ObjectMeta::default() }),
        spec: Some(PodSpec {
            automount_service_account_token: Some(false),
            service_account_name: settings.station.service_account.clone(),
            containers: vec![
                container::server(spec, revision, settings),
                container::traceroute(spec, revision, settings),
            ],
            dns_policy: is_host.then(|| "ClusterFirstWithHostNet".to_owned()),
            enable_service_links: Some(false),
            host_network: is_host.then_some(true),
            priority_class_name: settings.station.priority_class.clone(),
            security_context: Some(PodSecurityContext {
                run_as_non_root: Some(user != 0),
                run_as_user: Some(user),
                run_as_group: Some(user),
                fs_group: Some(user),
                seccomp_profile: Some(SeccompProfile {
                    type_: "RuntimeDefault".to_owned(),
                    ..SeccompProfile::default()
                }),
                ..PodSecurityContext::default()
            }),
            termination_grace_period_seconds: Some(
                grace(&spec.drain).as_millis().div_ceil(1000) as i64
            ),
            volumes: Some(volumes::volumes(fleet, settings)),
            ..PodSpec::default()
        }),
    };
    if let Some(overrides) = &spec.template.pod_overrides {
        template.merge_from(merge::overrides(overrides)?);
    }
    Ok(template)
}
