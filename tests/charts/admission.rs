//! The operator's right to patch nodes is a right to one label.

use std::time::Duration;

use serde_json::{Value, json};
use trigpoint_testkit::{ApiServer, Directory, Finished, eventually};

use crate::accepted::install;
use crate::render::case;

const OPERATOR: &str = "--as=system:serviceaccount:trigpoint:trigpoint-operator";
const NODE: &str = "node-1";
const LABEL: &str = "station.trigpoint.node-restriction.kubernetes.io/revision";

fn patch(server: &ApiServer, whom: &[&str], kind: &str, patch: &Value) -> Finished {
    let patch = format!("--patch={patch}");
    let arguments = ["patch", "node", NODE, kind, &patch];
    server.kubectl(arguments.iter().chain(whom))
}

fn metadata(members: &Value) -> Value {
    json!({"metadata": members})
}

#[test]
fn of_a_node_the_operator_changes_its_own_label_and_nothing_else() {
    let directory = Directory::new();
    let server = ApiServer::start(&directory);
    install(&server, &directory, &case("quick-start"));
    let node = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": NODE,
            "labels": {"trigpoint.dev/station": "true"},
            "annotations": {"example.org/rack": "7"},
        },
    });
    let (code, answer) = server.request("POST", "/api/v1/nodes", &node);
    assert_eq!(code, 201, "{}", answer["message"]);

    // kubectl, unlike the operator, reads what it patches.
    let role = ["create", "clusterrole", "reads-nodes", "--verb=get", "--resource=nodes"];
    server.kubectl(role).expect_code(0);
    let account = "--serviceaccount=trigpoint:trigpoint-operator";
    let binding = ["create", "clusterrolebinding", "reads", "--clusterrole=reads-nodes", account];
    server.kubectl(binding).expect_code(0);
    eventually(Duration::from_mins(1), "the operator may read nodes", || {
        (server.kubectl(["get", "node", NODE, OPERATOR]).code() == Some(0)).then_some(())
    });
    let refused: &[(Value, &str)] = &[
        (metadata(&json!({"labels": {"other": "x"}})), "no label of a node but"),
        (metadata(&json!({"labels": {"trigpoint.dev/station": null}})), "no label of a node but"),
        (metadata(&json!({"labels": {"trigpoint.dev/station": "x"}})), "no label of a node but"),
        (metadata(&json!({"labels": {LABEL: "x-0123456789", "other": "x"}})), "no label of a node"),
        (metadata(&json!({"annotations": {"other": "x"}})), "annotations of a node"),
        (metadata(&json!({"annotations": {"example.org/rack": null}})), "annotations of a node"),
        (metadata(&json!({"finalizers": ["example.org/x"]})), "finalizers of a node"),
        (json!({"spec": {"unschedulable": true}}), "spec of a node"),
        (json!({"spec": {"taints": [{"key": "x", "effect": "NoExecute"}]}}), "spec of a node"),
    ];
    // A policy is in force a moment after it was made.
    eventually(Duration::from_mins(1), "the policy is in force", || {
        let (foreign, _) = &refused[0];
        let patched = patch(&server, &[OPERATOR], "--type=merge", foreign);
        let back = metadata(&json!({"labels": {"other": null}}));
        patch(&server, &[], "--type=merge", &back).expect_code(0);
        (patched.code() != Some(0)).then_some(())
    });
    for (change, message) in refused {
        let patched = patch(&server, &[OPERATOR], "--type=merge", change);
        assert_ne!(patched.code(), Some(0), "{change} is taken");
        assert!(patched.stderr.contains(message), "{change}: {}", patched.stderr);
    }
    let status = json!({"status": {"phase": "Running"}});
    let of_status = [OPERATOR, "--subresource=status"];
    let patched = patch(&server, &of_status, "--type=merge", &status);
    assert!(patched.stderr.contains("resource \"nodes/status\""), "{}", patched.stderr);

    // As it assigns and releases: only from what it has seen.
    let path = format!("/metadata/labels/{}", LABEL.replace('/', "~1"));
    let assign = json!([
        {"op": "test", "path": path, "value": null},
        {"op": "add", "path": path, "value": "stations-0123456789"},
    ]);
    patch(&server, &[OPERATOR], "--type=json", &assign).expect_code(0);
    let again = patch(&server, &[OPERATOR], "--type=json", &assign);
    assert_ne!(again.code(), Some(0), "a test that fails");
    let release = json!([
        {"op": "test", "path": path, "value": "stations-0123456789"},
        {"op": "remove", "path": path},
    ]);
    patch(&server, &[OPERATOR], "--type=json", &release).expect_code(0);

    // Nobody else is held to it.
    let cordon = json!({"spec": {"unschedulable": true}});
    patch(&server, &[], "--type=merge", &cordon).expect_code(0);
    // And a node that has no label at all is no exception.
    let bare = json!({"metadata": {"labels": null}, "spec": {"unschedulable": null}});
    patch(&server, &[], "--type=merge", &bare).expect_code(0);
    let first = metadata(&json!({"labels": {LABEL: "stations-0123456789"}}));
    patch(&server, &[OPERATOR], "--type=merge", &first).expect_code(0);
}
