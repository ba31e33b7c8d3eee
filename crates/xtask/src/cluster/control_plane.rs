//! etcd, the API server, the controllers and the scheduler.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use super::kubectl;
use super::layout::{CONTROL_PLANE, Layout, PODS, SERVICES};
use super::processes::Processes;

/// A quiet machine takes three seconds.
const DEADLINE: Duration = Duration::from_mins(3);

/// Starts them and waits until the API server is ready.
pub(crate) fn start(layout: &Layout, bin: &Path, processes: &mut Processes) -> Result<()> {
    let mut start = |name: &str, arguments: &[String]| {
        processes.start(name, CONTROL_PLANE, &bin.join(name), arguments)
    };
    start("etcd", &etcd(layout))?;
    start("kube-apiserver", &api_server(layout)?)?;
    start("kube-controller-manager", &controller_manager(layout))?;
    start("kube-scheduler", &scheduler(layout))?;
    processes.until("the API server is ready", DEADLINE, || {
        kubectl(layout, bin, &["get", "--raw=/readyz"]).is_ok()
    })
}

fn etcd(layout: &Layout) -> Vec<String> {
    vec![
        format!("--data-dir={}", layout.etcd().display()),
        "--listen-client-urls=http://127.0.0.1:2379".to_owned(),
        "--advertise-client-urls=http://127.0.0.1:2379".to_owned(),
        "--listen-peer-urls=http://127.0.0.1:2380".to_owned(),
        // Nothing in it is to survive the machine.
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
    ]
}

fn api_server(layout: &Layout) -> Result<Vec<String>> {
    let policy = layout.folder().join("audit-policy.json");
    let rules = json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata"}],
    });
    fs::write(&policy, rules.to_string())
        .with_context(|| format!("write `{}`", policy.display()))?;
    let file = |flag: &str, name: &str| format!("--{flag}={}", layout.certificate(name).display());
    Ok(vec![
        "--etcd-servers=http://127.0.0.1:2379".to_owned(),
        "--bind-address=0.0.0.0".to_owned(),
        "--advertise-address=192.0.2.1".to_owned(),
        format!("--service-cluster-ip-range={SERVICES}"),
        "--allow-privileged=true".to_owned(),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--enable-admission-plugins=NodeRestriction".to_owned(),
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        file("client-ca-file", "authority.crt"),
        file("tls-cert-file", "kube-apiserver.crt"),
        file("tls-private-key-file", "kube-apiserver.key"),
        file("kubelet-certificate-authority", "authority.crt"),
        file("kubelet-client-certificate", "kubelet-client.crt"),
        file("kubelet-client-key", "kubelet-client.key"),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
        file("service-account-key-file", "service-accounts.crt"),
        file("service-account-signing-key-file", "service-accounts.key"),
        format!("--audit-policy-file={}", policy.display()),
        format!("--audit-log-path={}", layout.logs().join("audit.log").display()),
        "--audit-log-maxsize=200".to_owned(),
    ])
}

fn controller_manager(layout: &Layout) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", layout.kubeconfig("kube-controller-manager").display()),
        "--use-service-account-credentials".to_owned(),
        format!("--root-ca-file={}", layout.certificate("authority.crt").display()),
        format!(
            "--service-account-private-key-file={}",
            layout.certificate("service-accounts.key").display()
        ),
        format!("--cluster-cidr={PODS}"),
        "--leader-elect=false".to_owned(),
    ]
}

fn scheduler(layout: &Layout) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", layout.kubeconfig("kube-scheduler").display()),
        "--leader-elect=false".to_owned(),
    ]
}
