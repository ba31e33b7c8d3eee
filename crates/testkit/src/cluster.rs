//! What a cluster has beside its API server, played: namespaces and definitions,
//! nodes, and what kubelets say of pods.

mod kubelets;
pub mod pod_status;
mod queue;

use std::time::Duration;

use serde_json::{Value, json};

use crate::{ApiServer, eventually};

pub use kubelets::Kubelets;

/// Where fleets are.
pub const NAMESPACE: &str = "measurement";
/// Label of a node, by which a station comes and goes.
pub const REVISION_LABEL: &str = "station.trigpoint.node-restriction.kubernetes.io/revision";
/// Label of a pod: what it is for.
pub const COMPONENT: &str = "app.kubernetes.io/component";
/// Label of a pod: its revision.
pub const REVISION: &str = "trigpoint.dev/revision";

const DEFINITIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/trigpoint-crds/files");
/// The kubelet tells of so many, unless it is told otherwise.
const IMAGES: usize = 50;

/// Our definitions, and a namespace that takes only what the strictest lets in.
#[track_caller]
pub fn prepare(server: &ApiServer) {
    server.kubectl(["apply", "--server-side", "--filename", DEFINITIONS]).expect_code(0);
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    let namespace = json!({"metadata": {"name": NAMESPACE, "labels": labels}});
    create(server, "/api/v1/namespaces", &namespace);
    // Else by the controller of service accounts, without which no pod is let in.
    create(server, &core("serviceaccounts"), &json!({"metadata": {"name": "default"}}));
    for kind in ["measurementfleets", "measurementnodes"] {
        eventually(Duration::from_mins(1), "a definition is established", || {
            (server.request("GET", &ours(kind), &Value::Null).0 == 200).then_some(())
        });
    }
}

#[track_caller]
fn create(server: &ApiServer, path: &str, object: &Value) {
    let (code, answer) = server.request("POST", path, object);
    assert_eq!(code, 201, "{path}: {}", answer["message"]);
}

/// Path of a kind of Kubernetes' own in the namespace.
pub fn core(path: &str) -> String {
    format!("/api/v1/namespaces/{NAMESPACE}/{path}")
}

/// Path of a kind of ours in it.
pub fn ours(path: &str) -> String {
    format!("/apis/trigpoint.dev/v1alpha1/namespaces/{NAMESPACE}/{path}")
}

/// A node that is ready, with as much to tell as a real one.
pub fn node(name: &str, labels: &Value) -> Value {
    let image = |number: usize| {
        let digest = format!("{number:064x}");
        json!({
            "names": [
                format!("registry.example.org/some/program-{number}@sha256:{digest}"),
                format!("registry.example.org/some/program-{number}:1.{number}.0"),
            ],
            "sizeBytes": 50_000_000 + number,
        })
    };
    let condition = |type_: &str, status: &str| {
        json!({
            "type": type_, "status": status, "reason": "KubeletSaysSo",
            "message": "kubelet has something to say of it",
            "lastHeartbeatTime": pod_status::now(), "lastTransitionTime": pod_status::now(),
        })
    };
    let resources = json!({
        "cpu": "8", "memory": "32874512Ki", "pods": "110", "ephemeral-storage": "102350Mi",
        "hugepages-1Gi": "0", "hugepages-2Mi": "0",
    });
    json!({
        "metadata": {"name": name, "labels": labels},
        "status": {
            "conditions": [
                condition("MemoryPressure", "False"), condition("DiskPressure", "False"),
                condition("PIDPressure", "False"), condition("Ready", "True"),
            ],
            "addresses": [
                {"type": "InternalIP", "address": "192.0.2.1"},
                {"type": "Hostname", "address": name},
            ],
            "capacity": resources.clone(),
            "allocatable": resources,
            "images": (0..IMAGES).map(image).collect::<Vec<_>>(),
            "nodeInfo": {
                "machineID": "5f1b1c2c5d0e4d2b9c6f1f3a7f9a2b11",
                "systemUUID": "5f1b1c2c-5d0e-4d2b-9c6f-1f3a7f9a2b11",
                "bootID": "0d9be8f0-6c1c-4d37-8c1d-6a4c0ad0a0a1", "kernelVersion": "6.12.94",
                "osImage": "Debian GNU/Linux 13 (trixie)",
                "containerRuntimeVersion": "containerd://2.1.4", "kubeletVersion": "v1.34.0",
                "kubeProxyVersion": "", "operatingSystem": "linux", "architecture": "amd64",
            },
        },
    })
}
