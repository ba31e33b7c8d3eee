//! The two containers of a station.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction,
    ObjectFieldSelector, Probe, ResourceRequirements, SecurityContext,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use trigpoint_crd::MeasurementFleetSpec;
use trigpoint_crd::fleet::{
    ContainerTemplate, ImagePullPolicy, Ports, Profile, TracerouteSockets, Verbosity,
};
use trigpoint_rollout::Revision;

use super::volumes::{self, EVENT_SOCKET, SYNTHETIC_DIRECTORY, TERMINATION_LOG, TLS_DIRECTORY};
use super::{SERVER, SERVER_ADMIN_PORT, TRACEROUTE, TRACEROUTE_ADMIN_PORT, WS_PORT, WSS_PORT};
use crate::certificates::SYNTHETIC_PUBLIC_KEY;
use crate::settings::Settings;

/// As in the image of `Dockerfile`.
const EXECUTABLE: &str = "/usr/bin/trigpoint-station";
/// Ports of the internet, which profile `hostPort` maps.
const PUBLIC: Ports = Ports { ndt7: 80, ndt7_tls: 443 };

pub(super) fn server(
    spec: &MeasurementFleetSpec,
    revision: &Revision,
    settings: &Settings,
) -> Container {
    let mut args = common(spec, revision, settings, SERVER);
    if spec.network.tls_secret_name.is_some() {
        args.push(format!("--tls-cert={TLS_DIRECTORY}/tls.crt"));
        args.push(format!("--tls-key={TLS_DIRECTORY}/tls.key"));
    }
    if settings.certificates.is_some() {
        args.push(format!("--synthetic-key={SYNTHETIC_DIRECTORY}/{SYNTHETIC_PUBLIC_KEY}"));
    }
    if let Some(control) = &spec.privilege.congestion_control {
        args.push(format!("--congestion-control={control}"));
    }
    let host =
        (spec.network.profile == Profile::HostPort).then(|| spec.network.ports.unwrap_or(PUBLIC));
    let mut container = container(spec, SERVER, &spec.template.server, args, settings);
    container.ports = Some(vec![
        port("ws", WS_PORT, host.map(|ports| ports.ndt7)),
        port("wss", WSS_PORT, host.map(|ports| ports.ndt7_tls)),
        port("admin", SERVER_ADMIN_PORT, None),
    ]);
    // No liveness probe: whatever is wrong with a server, its tests run on.
    container.readiness_probe = Some(readiness(SERVER_ADMIN_PORT));
    container
}

pub(super) fn traceroute(
    spec: &MeasurementFleetSpec,
    revision: &Revision,
    settings: &Settings,
) -> Container {
    let is_raw = spec.privilege.traceroute == TracerouteSockets::Raw;
    let mut args = common(spec, revision, settings, TRACEROUTE);
    // Traces may go on while tests may.
    args.push(format!("--grace={}", spec.drain.max_test));
    if is_raw {
        args.push("--trace-raw".to_owned());
    }
    let mut container = container(spec, TRACEROUTE, &spec.template.traceroute, args, settings);
    container.ports = Some(vec![port("trace-admin", TRACEROUTE_ADMIN_PORT, None)]);
    container.readiness_probe = Some(readiness(TRACEROUTE_ADMIN_PORT));
    if is_raw {
        // A capability that is added to a container reaches its program only if
        // that is root's (kubernetes#56374).
        container.security_context = Some(SecurityContext {
            capabilities: Some(Capabilities {
                add: Some(vec!["NET_RAW".to_owned()]),
                drop: Some(vec!["ALL".to_owned()]),
            }),
            run_as_non_root: Some(false),
            run_as_user: Some(0),
            ..restricted()
        });
    }
    container
}

/// Flags that both programs have.
fn common(
    spec: &MeasurementFleetSpec,
    revision: &Revision,
    settings: &Settings,
    program: &str,
) -> Vec<String> {
    let mut args = vec![
        program.to_owned(),
        format!("--data-dir={}", volumes::data_directory(program)),
        format!("--spool-max-bytes={}", volumes::bytes(&spec.spool.size_limit)),
        format!("--event-socket={EVENT_SOCKET}"),
        "--machine=$(NODE_NAME)".to_owned(),
        "--pod=$(POD_NAME)".to_owned(),
        format!("--revision={revision}"),
        format!("--lame-duck={}", spec.drain.lame_duck),
        format!("--flush-deadline={}", spec.drain.flush),
        format!("--termination-log={TERMINATION_LOG}"),
        "--log-format=json".to_owned(),
    ];
    if let Some((_, digest)) = spec.template.image.split_once('@') {
        args.push(format!("--image-digest={digest}"));
    }
    if let Some(collector) = &settings.collector {
        args.push(format!("--collector={}", collector.uri));
        args.push(format!("--token-file={}", volumes::TOKEN_FILE));
        if collector.ca_config_map.is_some() {
            args.push(format!("--collector-ca={}", volumes::CA_FILE));
        }
    }
    args
}

fn container(
    spec: &MeasurementFleetSpec,
    name: &str,
    template: &ContainerTemplate,
    mut args: Vec<String>,
    settings: &Settings,
) -> Container {
    args.push(format!("--log={}", filter(template.verbosity)));
    args.extend(template.args.iter().cloned());
    let mut env = vec![field("NODE_NAME", "spec.nodeName"), field("POD_NAME", "metadata.name")];
    env.extend(template.env.iter().map(|variable| EnvVar {
        name: variable.name.clone(),
        value: Some(variable.value.clone()),
        ..EnvVar::default()
    }));
    Container {
        name: name.to_owned(),
        image: Some(spec.template.image.clone()),
        image_pull_policy: Some(pull_policy(spec.template.image_pull_policy).to_owned()),
        command: Some(vec![EXECUTABLE.to_owned()]),
        args: Some(args),
        env: Some(env),
        resources: Some(resources(template)),
        security_context: Some(restricted()),
        termination_message_path: Some(TERMINATION_LOG.to_owned()),
        // The line that a program ends with when it is refused its configuration.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        volume_mounts: Some(volumes::mounts(spec, name, settings)),
        ..Container::default()
    }
}

/// As Pod Security `restricted` asks for.
pub(super) fn restricted() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { add: None, drop: Some(vec!["ALL".to_owned()]) }),
        read_only_root_filesystem: Some(true),
        ..SecurityContext::default()
    }
}

/// Requests are limits, so that the pod is Guaranteed.
fn resources(template: &ContainerTemplate) -> ResourceRequirements {
    let cpu = match &template.cpu {
        IntOrString::Int(whole) => whole.to_string(),
        IntOrString::String(text) => text.clone(),
    };
    let both = BTreeMap::from([
        ("cpu".to_owned(), Quantity(cpu)),
        ("memory".to_owned(), Quantity(template.memory.clone())),
    ]);
    ResourceRequirements {
        limits: Some(both.clone()),
        requests: Some(both),
        ..ResourceRequirements::default()
    }
}

fn port(name: &str, number: i32, host: Option<i32>) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: number,
        host_port: host,
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

/// A terminating pod gets traffic only while it is ready, and it is ready until it
/// drains.
fn readiness(port: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some("/readyz".to_owned()),
            port: IntOrString::Int(port),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(2),
        timeout_seconds: Some(2),
        failure_threshold: Some(3),
        ..Probe::default()
    }
}

pub(super) fn field(name: &str, path: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                field_path: path.to_owned(),
                ..ObjectFieldSelector::default()
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}

fn pull_policy(policy: ImagePullPolicy) -> &'static str {
    match policy {
        ImagePullPolicy::Always => "Always",
        ImagePullPolicy::IfNotPresent => "IfNotPresent",
        ImagePullPolicy::Never => "Never",
    }
}

fn filter(verbosity: Verbosity) -> &'static str {
    match verbosity {
        Verbosity::Error => "trigpoint=error",
        Verbosity::Warn => "trigpoint=warn",
        Verbosity::Info => "trigpoint=info",
        Verbosity::Debug => "trigpoint=debug",
        Verbosity::Trace => "trigpoint=trace",
    }
}
