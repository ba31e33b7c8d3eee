//! A real API server takes what the chart renders, also where it holds pods to Pod
//! Security `restricted`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use trigpoint_testkit::{ApiServer, Directory};

use crate::render::{Helm, NAMESPACE, cases};

/// Applies a case as its release would be, in a namespace that admits only pods
/// without privilege.
pub(crate) fn install(server: &ApiServer, directory: &Directory, case: &Path) {
    let namespace = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": {
            "pod-security.kubernetes.io/enforce": "restricted",
            "pod-security.kubernetes.io/warn": "restricted",
        }},
    });
    let (code, answer) = server.request("POST", "/api/v1/namespaces", &namespace);
    assert!([201, 409].contains(&code), "{}", answer["message"]);
    let file = directory.join("release.yaml");
    fs::write(&file, &Helm::Four.template(case, false).expect_code(0).stdout).unwrap();
    let arguments = ["apply", "--server-side", "--filename", file.to_str().unwrap()];
    let applied = server.kubectl(arguments);
    // A DaemonSet, Deployment or StatefulSet whose pods would be refused is taken with
    // no more than a warning.
    assert!(!applied.expect_code(0).stderr.contains("Warning"), "{}", applied.stderr);
}

#[test]
fn every_case_is_taken_without_a_warning() {
    let directory = Directory::new();
    let server = ApiServer::start(&directory);
    for case in cases() {
        install(&server, &directory, &case);
        // The pod of `helm test` cannot change.
        let pods = format!("/api/v1/namespaces/{NAMESPACE}/pods");
        let (_, list) = server.request("GET", &pods, &Value::Null);
        for pod in list["items"].as_array().unwrap() {
            let name = pod["metadata"]["name"].as_str().unwrap();
            let path = format!("{pods}/{name}?gracePeriodSeconds=0");
            assert_eq!(server.request("DELETE", &path, &Value::Null).0, 200);
        }
    }
}
