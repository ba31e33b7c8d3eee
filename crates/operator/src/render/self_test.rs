//! A test of a station through its public path, from another node where there is
//! one.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, Container, DownwardAPIVolumeFile, DownwardAPIVolumeSource, Node, NodeAffinity,
    NodeSelectorRequirement, NodeSelectorTerm, ObjectFieldSelector, Pod, PodSecurityContext,
    PodSpec, PreferredSchedulingTerm, ResourceRequirements, SeccompProfile, Service, Volume,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt as _;
use trigpoint_crd::MeasurementFleet;
use trigpoint_crd::fleet::Profile;
use trigpoint_rollout::Revision;

use super::container::restricted;
use super::volumes::{TERMINATION_LOG, mount};
use super::{SPEEDTEST, USER, WS_PORT, metadata};
use crate::names;

const EXECUTABLE: &str = "/usr/bin/trigpoint";
/// Both directions, the start of a pod and the fetching of an image.
const DEADLINE_SECONDS: i64 = 120;
const TOKEN: &str = "token";
const TOKEN_DIRECTORY: &str = "/run/trigpoint-synthetic";

/// The test of the pod with that uid; `image` is its own, and `token` what lets the
/// station mark the test as synthetic.
pub(crate) fn self_test(
    fleet: &MeasurementFleet,
    revision: &Revision,
    image: &str,
    pod_uid: &str,
    node: &Node,
    address: &str,
    token: Option<&str>,
) -> Pod {
    let mut metadata = metadata(fleet, names::self_test(revision, pod_uid), names::SELF_TEST);
    let annotations = [
        (names::NODE, Some(node.name_any())),
        (names::NODE_UID, node.uid()),
        (names::SYNTHETIC_TOKEN, token.map(str::to_owned)),
    ];
    metadata.annotations = Some(
        annotations.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect(),
    );
    let labels = metadata.labels.get_or_insert_default();
    labels.insert(names::REVISION.to_owned(), revision.to_string());
    labels.insert(names::TESTED_POD.to_owned(), pod_uid.to_owned());
    let quantities = |cpu: &str, memory: &str| {
        BTreeMap::from([
            ("cpu".to_owned(), Quantity(cpu.to_owned())),
            ("memory".to_owned(), Quantity(memory.to_owned())),
        ])
    };
    let mut args = vec!["speedtest".to_owned(), "--quiet".to_owned(), format!("ws://{address}")];
    if token.is_some() {
        args.push(format!("--synthetic={TOKEN_DIRECTORY}/{TOKEN}"));
        args.push(format!("--termination-log={TERMINATION_LOG}"));
    }
    let container = Container {
        name: SPEEDTEST.to_owned(),
        image: Some(image.to_owned()),
        command: Some(vec![EXECUTABLE.to_owned()]),
        args: Some(args),
        resources: Some(ResourceRequirements {
            requests: Some(quantities("10m", "16Mi")),
            limits: Some(quantities("1", "128Mi")),
            ..ResourceRequirements::default()
        }),
        security_context: Some(restricted()),
        termination_message_path: Some(TERMINATION_LOG.to_owned()),
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        volume_mounts: token.map(|_| vec![mount(TOKEN, TOKEN_DIRECTORY, true)]),
        ..Container::default()
    };
    let spec = PodSpec {
        active_deadline_seconds: Some(DEADLINE_SECONDS),
        affinity: Some(elsewhere(&node.name_any())),
        automount_service_account_token: Some(false),
        containers: vec![container],
        enable_service_links: Some(false),
        restart_policy: Some("Never".to_owned()),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                ..SeccompProfile::default()
            }),
            ..PodSecurityContext::default()
        }),
        volumes: token.map(|_| vec![token_file()]),
        ..PodSpec::default()
    };
    Pod { metadata, spec: Some(spec), ..Pod::default() }
}

/// The pod's own annotation as a file: a token is good for one station and some
/// minutes, so that it needs no Secret, nor rights to make one.
fn token_file() -> Volume {
    let file = DownwardAPIVolumeFile {
        path: TOKEN.to_owned(),
        field_ref: Some(ObjectFieldSelector {
            field_path: format!("metadata.annotations['{}']", names::SYNTHETIC_TOKEN),
            ..ObjectFieldSelector::default()
        }),
        ..DownwardAPIVolumeFile::default()
    };
    Volume {
        name: TOKEN.to_owned(),
        downward_api: Some(DownwardAPIVolumeSource {
            items: Some(vec![file]),
            ..DownwardAPIVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// Where clients reach the station of that node, as `HOST:PORT`.
pub(crate) fn public_address(
    fleet: &MeasurementFleet,
    service: Option<&Service>,
    node: &Node,
) -> Option<String> {
    let network = &fleet.spec.network;
    let port = match network.profile {
        Profile::Host => WS_PORT,
        Profile::HostPort => network.ports.map_or(80, |ports| ports.ndt7),
        Profile::Service => {
            service?
                .spec
                .as_ref()?
                .ports
                .as_ref()?
                .iter()
                .find(|port| port.name.as_deref() == Some("ndt7"))?
                .node_port?
        }
    };
    let addresses = node.status.as_ref()?.addresses.as_ref()?;
    // From inside the cluster a node's outer address may not be reachable.
    let address = ["InternalIP", "ExternalIP"]
        .iter()
        .find_map(|kind| addresses.iter().find(|address| address.type_ == **kind))?;
    let host = &address.address;
    Some(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
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
