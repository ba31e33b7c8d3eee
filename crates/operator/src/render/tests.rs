//! What is rendered from a fleet, looked at as Kubernetes will.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Node, PodSpec};
use serde_json::{Value, json};
use trigpoint_rollout::Revision;

use super::*;
use crate::desired::tests::fleet;
use crate::settings::{Certificates, Collector, Settings, StationDefaults};

pub(crate) fn settings() -> Settings {
    Settings {
        namespaces: vec!["measurement".to_owned()],
        lease_namespace: "trigpoint".to_owned(),
        lease_name: "trigpoint-operator".to_owned(),
        identity: "operator-0".to_owned(),
        collector: Some(Collector {
            uri: "https://collector.trigpoint:9400".to_owned(),
            admin: Some("collector.trigpoint:9401".to_owned()),
            ca_config_map: Some("trigpoint-ca".to_owned()),
            audience: "trigpoint-collector".to_owned(),
        }),
        station: StationDefaults {
            priority_class: Some("trigpoint-station".to_owned()),
            service_account: Some("trigpoint-station".to_owned()),
        },
        certificates: None,
        writes_per_second: 5.0,
        stream_deadline: Duration::from_mins(10),
    }
}

fn revision() -> Revision {
    Revision::new("stations-0123456789")
}

fn pod(changes: &Value) -> PodSpec {
    template(&fleet(changes), &revision(), &settings()).unwrap().spec.unwrap()
}

fn named<'a>(pod: &'a PodSpec, name: &str) -> &'a Container {
    pod.containers.iter().find(|container| container.name == name).unwrap()
}

fn args(container: &Container) -> Vec<&str> {
    container.args.as_ref().unwrap().iter().map(String::as_str).collect()
}

/// Pod Security `restricted`, rule by rule (kubernetes.io/docs/concepts/security/
/// pod-security-standards).
#[test]
fn the_default_pod_fits_pod_security_restricted() {
    let pod = pod(&json!({}));
    assert_eq!((pod.host_network, pod.host_pid, pod.host_ipc), (None, None, None));
    assert_eq!(pod.automount_service_account_token, Some(false));
    let security = pod.security_context.as_ref().unwrap();
    assert_eq!(security.run_as_non_root, Some(true));
    assert_eq!(security.seccomp_profile.as_ref().unwrap().type_, "RuntimeDefault");
    assert!(security.sysctls.is_none());
    for container in &pod.containers {
        let security = container.security_context.as_ref().unwrap();
        assert_eq!(security.allow_privilege_escalation, Some(false));
        let capabilities = security.capabilities.as_ref().unwrap();
        assert_eq!(capabilities.drop, Some(vec!["ALL".to_owned()]));
        assert_eq!(capabilities.add, None);
        assert!(container.ports.iter().flatten().all(|port| port.host_port.is_none()));
    }
    for volume in pod.volumes.iter().flatten() {
        assert!(volume.host_path.is_none(), "{}", volume.name);
    }
}

#[test]
fn the_pod_is_guaranteed_and_ends_within_its_drain() {
    let pod = pod(&json!({"drain": {"lameDuck": "1500ms"}}));
    // 1.5 s + 15 s + 60 s and 5 s to end, and never a part of a second less.
    assert_eq!(pod.termination_grace_period_seconds, Some(82));
    for container in &pod.containers {
        let resources = container.resources.as_ref().unwrap();
        assert_eq!(resources.requests, resources.limits);
        assert_eq!(resources.limits.as_ref().unwrap().len(), 2);
        assert!(container.liveness_probe.is_none());
    }
}

#[test]
fn programs_are_told_where_they_are_and_where_rows_go() {
    let pod = pod(&json!({
        "template": {
            "image": "example.org/trigpoint@sha256:abc",
            "server": {"args": ["--max-tests=5"], "cpu": 2, "memory": "1Gi"},
        },
        "privilege": {"congestionControl": "bbr"},
        "network": {"tlsSecretName": "stations-tls"},
        "spool": {"sizeLimit": "1Gi"},
    }));
    let server = args(named(&pod, SERVER));
    assert_eq!(server[0], "server");
    for wanted in [
        "--revision=stations-0123456789",
        "--image-digest=sha256:abc",
        "--machine=$(NODE_NAME)",
        "--pod=$(POD_NAME)",
        "--congestion-control=bbr",
        "--tls-cert=/etc/trigpoint/tls/tls.crt",
        "--collector=https://collector.trigpoint:9400",
        "--spool-max-bytes=1073741824",
        "--lame-duck=35s",
        "--flush-deadline=1m",
    ] {
        assert!(server.contains(&wanted), "{wanted} in {server:?}");
    }
    // A person's arguments come last, so that they win.
    assert_eq!(server.last(), Some(&"--max-tests=5"));
    // Both ends of one socket.
    for args in [server, args(named(&pod, TRACEROUTE))] {
        assert!(args.contains(&"--event-socket=/run/trigpoint/events.sock"), "{args:?}");
    }
    let spool = pod.volumes.iter().flatten().find(|volume| volume.name == "spool").unwrap();
    let limit = spool.empty_dir.as_ref().unwrap().size_limit.as_ref().unwrap();
    assert!(limit.0.parse::<u64>().unwrap() >= 2 << 30, "{limit:?}");
}

#[test]
fn each_profile_opens_the_ports_that_it_needs() {
    let ports = |changes: &Value| -> Vec<(i32, Option<i32>)> {
        let pod = pod(changes);
        let ports = named(&pod, SERVER).ports.clone().unwrap();
        ports.iter().map(|port| (port.container_port, port.host_port)).take(2).collect()
    };
    assert_eq!(ports(&json!({})), [(8080, None), (8443, None)]);
    let host_port = json!({"network": {"profile": "hostPort"}});
    assert_eq!(ports(&host_port), [(8080, Some(80)), (8443, Some(443))]);
    let host = pod(&json!({"network": {"profile": "host"}}));
    assert_eq!(host.host_network, Some(true));
    assert_eq!(host.dns_policy.as_deref(), Some("ClusterFirstWithHostNet"));
    assert!(service(&fleet(&host_port)).is_none());
}

#[test]
fn the_service_keeps_the_clients_address() {
    let service = service(&fleet(&json!({
        "network": {"ports": {"ndt7": 30080, "ndt7Tls": 30443}, "ipFamilies": ["IPv6"]},
    })))
    .unwrap();
    let spec = service.spec.unwrap();
    assert_eq!(spec.external_traffic_policy.as_deref(), Some("Local"));
    let ports = spec.ports.unwrap();
    assert_eq!(
        ports.iter().map(|port| port.node_port).collect::<Vec<_>>(),
        [Some(30080), Some(30443)]
    );
    assert_eq!(spec.ip_family_policy.as_deref(), Some("SingleStack"));
    // Neither probes nor self-tests are stations.
    assert_eq!(spec.selector.unwrap()[names::COMPONENT], names::STATION);
}

#[test]
fn raw_sockets_are_given_to_the_traceroute_alone() {
    let pod = pod(&json!({"privilege": {"traceroute": "Raw"}}));
    let added = |name: &str| {
        let security = named(&pod, name).security_context.clone().unwrap();
        security.capabilities.unwrap().add
    };
    assert_eq!(added(SERVER), None);
    assert_eq!(added(TRACEROUTE), Some(vec!["NET_RAW".to_owned()]));
    assert!(args(named(&pod, TRACEROUTE)).contains(&"--trace-raw"));
}

/// A kubelet makes that directory for root, and no group of the pod changes that.
#[test]
fn a_spool_on_the_host_can_be_written_to() {
    let pod = pod(&json!({
        "network": {"profile": "hostPort"}, "spool": {"hostPath": "/var/lib/trigpoint"},
    }));
    let volume = pod.volumes.iter().flatten().find(|volume| volume.name == "spool").unwrap();
    let directory = volume.host_path.as_ref().unwrap();
    assert_eq!(directory.path, "/var/lib/trigpoint/measurement-stations");
    assert_eq!(pod.security_context.as_ref().unwrap().run_as_user, Some(0));
    let security = named(&pod, SERVER).security_context.clone().unwrap();
    assert_eq!(security.capabilities.unwrap().drop, Some(vec!["ALL".to_owned()]));
}

#[test]
fn overrides_are_merged_by_kubernetes_rules() {
    let pod = pod(&json!({"template": {"podOverrides": {"spec": {
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "imagePullSecrets": [{"name": "registry"}],
        "containers": [{"name": "server", "env": [{"name": "RUST_BACKTRACE", "value": "1"}]}],
    }}}}));
    assert_eq!(pod.containers.len(), 2);
    let server = named(&pod, SERVER);
    let env: Vec<_> = server.env.iter().flatten().map(|variable| variable.name.as_str()).collect();
    assert_eq!(env, ["NODE_NAME", "POD_NAME", "RUST_BACKTRACE"]);
    assert_eq!(server.image.as_deref(), Some("example.org/trigpoint:1"));
    assert_eq!(pod.tolerations.as_ref().unwrap().len(), 1);
    assert_eq!(pod.image_pull_secrets.as_ref().unwrap()[0].name, "registry");

    let wrong = fleet(&json!({"template": {"podOverrides": {"spec": {"tolerations": "all"}}}}));
    let error = template(&wrong, &revision(), &settings()).unwrap_err().to_string();
    assert!(error.contains("template.podOverrides"), "{error}");
}

#[test]
fn a_daemon_set_takes_pods_of_its_revision_only() {
    let fleet = fleet(&json!({}));
    let template = template(&fleet, &revision(), &settings()).unwrap();
    let set = daemon_set(&fleet, &revision(), template);
    let spec = set.spec.unwrap();
    let selector = spec.selector.match_labels.unwrap();
    let labels = spec.template.metadata.unwrap().labels.unwrap();
    assert!(selector.iter().all(|(key, value)| labels.get(key) == Some(value)));
    assert_eq!(selector[names::REVISION], "stations-0123456789");
    let node_selector = spec.template.spec.unwrap().node_selector.unwrap();
    assert_eq!(node_selector[trigpoint_crd::REVISION_LABEL], "stations-0123456789");
    assert_eq!(spec.update_strategy.unwrap().type_.as_deref(), Some("OnDelete"));
    // Else its controller would adopt and prune the revision's record.
    let record = record_metadata(&fleet, revision().to_string()).labels.unwrap();
    assert!(!selector.iter().all(|(key, value)| record.get(key) == Some(value)));
}

#[test]
fn a_probe_is_the_stations_pod_that_only_checks() {
    let fleet = fleet(&json!({
        "network": {"profile": "hostPort"},
        "spool": {"hostPath": "/var/lib/trigpoint"},
        "qualification": {"probeTimeout": "90s"},
    }));
    let template = template(&fleet, &revision(), &settings()).unwrap();
    let probe = probe(&fleet, &revision(), &template, "node-1", "node-uid");
    assert_eq!(probe.metadata.annotations.as_ref().unwrap()[names::NODE], "node-1");
    assert_eq!(probe.metadata.labels.as_ref().unwrap()[names::COMPONENT], names::PROBE);
    assert_eq!(crate::observed::pod::node(&probe), Some("node-1"));
    let spec = probe.spec.unwrap();
    assert_eq!(spec.active_deadline_seconds, Some(90));
    assert_eq!(spec.restart_policy.as_deref(), Some("Never"));
    for name in [SERVER, TRACEROUTE] {
        assert_eq!(args(named(&spec, name)).last(), Some(&"--check-config"));
    }
    for container in &spec.containers {
        // The station beside it has the ports.
        assert!(container.ports.is_none() && container.readiness_probe.is_none());
    }
    // And the spool.
    assert!(spec.volumes.unwrap().iter().all(|volume| volume.host_path.is_none()));
    // Facts are in the server's termination message.
    assert_eq!(spec.containers.len(), 2);
    let server = spec.containers.iter().find(|container| container.name == SERVER).unwrap();
    assert!(args(server).contains(&"--termination-log=/dev/termination-log"));
}

/// A pod that waits for a volume says nothing in its status; one that lacks the
/// value of a variable says which.
#[test]
fn a_probe_says_which_secret_is_missing() {
    let fleet = fleet(&json!({"network": {"tlsSecretName": "stations-tls"}}));
    let template = template(&fleet, &revision(), &settings()).unwrap();
    let probe = probe(&fleet, &revision(), &template, "node-1", "node-uid").spec.unwrap();
    let secret = |pod: &PodSpec| {
        let tls = pod.volumes.iter().flatten().find(|volume| volume.name == "tls").cloned();
        tls.unwrap().secret.unwrap()
    };
    assert_eq!(secret(&probe).optional, Some(true));
    assert_eq!(secret(&template.spec.unwrap()).optional, None);
    let asked = named(&probe, SERVER)
        .env
        .iter()
        .flatten()
        .find_map(|variable| variable.value_from.as_ref()?.secret_key_ref.clone());
    assert_eq!(asked.unwrap().name, "stations-tls");
}

#[test]
fn an_operator_with_keys_marks_its_tests_and_stations_know_the_mark() {
    let mut with_keys = settings();
    with_keys.certificates = Some(Certificates {
        namespace: "trigpoint".to_owned(),
        authority: "trigpoint-authority".to_owned(),
        bundle: "trigpoint-ca".to_owned(),
        servers: Vec::new(),
    });
    let fleet = fleet(&json!({}));
    let pod = template(&fleet, &revision(), &with_keys).unwrap().spec.unwrap();
    let key = "--synthetic-key=/etc/trigpoint/synthetic/synthetic.pub";
    assert!(args(named(&pod, SERVER)).contains(&key));
    assert!(!args(named(&pod, TRACEROUTE)).contains(&key));
    let node: Node =
        serde_json::from_value(json!({"metadata": {"name": "node-1", "uid": "u"}})).unwrap();
    let revision = revision();
    let tested =
        Tested { uid: "pod-uid", revision: &revision, node: &node, address: "192.0.2.1:30080" };
    let test = |token| self_test(&fleet, &tested, "image", token);
    let marked = test(Some("a.b.c"));
    assert_eq!(marked.annotations()[names::SYNTHETIC_TOKEN], "a.b.c");
    assert_eq!(marked.annotations()[names::NODE], "node-1");
    let spec = marked.spec.unwrap();
    assert!(args(&spec.containers[0]).contains(&"--synthetic=/run/trigpoint-synthetic/token"));
    let unmarked = test(None).spec.unwrap();
    assert_eq!(args(&unmarked.containers[0]), ["speedtest", "--quiet", "ws://192.0.2.1:30080"]);
}
