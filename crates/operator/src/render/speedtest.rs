//! A pod that tests a station through its public path, once.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, Container, DownwardAPIVolumeFile, DownwardAPIVolumeSource, Node, ObjectFieldSelector,
    Pod, PodSecurityContext, PodSpec, ResourceRequirements, SeccompProfile, Service, Volume,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use trigpoint_crd::MeasurementFleet;
use trigpoint_crd::fleet::Profile;
use trigpoint_rollout::Revision;

use super::container::{field, restricted};
use super::volumes::{TERMINATION_LOG, mount};
use super::{SPEEDTEST, USER, WS_PORT};
use crate::names;

const EXECUTABLE: &str = "/usr/bin/trigpoint";
/// Both directions, the start of a pod and the fetching of an image.
const DEADLINE_SECONDS: i64 = 120;
const TOKEN: &str = "token";
/// Many clusters put an address of the node in the place of a pod's own on the way out,
/// as no client's is.
const NODE_ADDRESSES: &str = "TRIGPOINT_NODE_ADDRESSES";
const TOKEN_DIRECTORY: &str = "/run/trigpoint-synthetic";

/// A station to be tested.
pub(crate) struct Tested<'a> {
    /// Uid of its pod.
    pub(crate) uid: &'a str,
    pub(crate) revision: &'a Revision,
    pub(crate) node: &'a Node,
    /// Where clients reach it, as `HOST:PORT`.
    pub(crate) address: &'a str,
}

/// The test of a station by a client out of `image`; `token` lets the station mark the
/// test as synthetic.
pub(super) fn pod(
    mut metadata: ObjectMeta,
    tested: &Tested<'_>,
    image: &str,
    affinity: Affinity,
    token: Option<&str>,
) -> Pod {
    let annotations = [
        (names::NODE, Some(tested.node.name_any())),
        (names::NODE_UID, tested.node.uid()),
        (names::SYNTHETIC_TOKEN, token.map(str::to_owned)),
    ];
    metadata
        .annotations
        .get_or_insert_default()
        .extend(annotations.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    let labels = metadata.labels.get_or_insert_default();
    labels.insert(names::REVISION.to_owned(), tested.revision.to_string());
    labels.insert(names::TESTED_POD.to_owned(), tested.uid.to_owned());
    let quantities = |cpu: &str, memory: &str| {
        BTreeMap::from([
            ("cpu".to_owned(), Quantity(cpu.to_owned())),
            ("memory".to_owned(), Quantity(memory.to_owned())),
        ])
    };
    let mut args =
        vec!["speedtest".to_owned(), "--quiet".to_owned(), format!("ws://{}", tested.address)];
    if token.is_some() {
        args.push(format!("--synthetic={TOKEN_DIRECTORY}/{TOKEN}"));
        args.push(format!("--termination-log={TERMINATION_LOG}"));
    }
    let container = Container {
        name: SPEEDTEST.to_owned(),
        image: Some(image.to_owned()),
        command: Some(vec![EXECUTABLE.to_owned()]),
        args: Some(args),
        // No argument, which an older image would refuse.
        env: token.map(|_| vec![field(NODE_ADDRESSES, "status.hostIPs")]),
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
        affinity: Some(affinity),
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
