//! What the programs asked of the API server in the suite before this one: nothing
//! that they were denied, and every right that the chart gives them.
//!
//! `cargo xtask prove kubernetes`, which runs it behind the suite `kubernetes`.

#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]
#![allow(clippy::print_stdout, reason = "the figures are what this suite is for")]

#[allow(dead_code, reason = "the suite `kubernetes` uses the rest")]
#[path = "kubernetes/cluster.rs"]
mod cluster;

use std::collections::{BTreeMap, BTreeSet};

use cluster::Cluster;
use serde_json::Value;

const ACCOUNTS: &str = "system:serviceaccount:trigpoint:";

/// Rights that no run of some minutes has a use for.
const FOR_OTHER_DAYS: &[(&str, &str)] = &[
    ("controllerrevisions.apps delete", "of revisions beyond `revisionHistoryLimit`"),
    ("measurementfleets.trigpoint.dev get", "before one of those is deleted"),
    ("measurementnodes.trigpoint.dev delete", "of nodes that are gone for a day"),
    ("secrets update", "when a certificate is renewed, after weeks"),
    ("services create", "asked for beside `patch` where an apply makes one"),
    ("controllerrevisions.apps list", "streamed with the watch; listed where a server cannot"),
    ("configmaps list", "likewise"),
    ("daemonsets.apps list", "likewise"),
    ("measurementfleets.trigpoint.dev list", "likewise"),
    ("measurementnodes.trigpoint.dev list", "likewise"),
    ("nodes list", "likewise"),
    ("services list", "likewise"),
];

#[test]
fn nothing_is_denied_and_every_right_is_used() {
    let cluster = Cluster::find();
    let mut is_granted = true;
    let mut used = BTreeSet::new();
    let mut denied = BTreeMap::<String, usize>::new();
    for event in cluster.audit().iter().filter(|event| event["stage"] == "ResponseComplete") {
        let object = &event["objectRef"];
        // A release that goes takes rights away before its programs have ended.
        if object["resource"] == "rolebindings" || object["resource"] == "clusterrolebindings" {
            match event["verb"].as_str().unwrap() {
                "delete" | "deletecollection" => is_granted = false,
                "create" | "patch" | "update" => is_granted = true,
                _ => {}
            }
        }
        let user = event["user"]["username"].as_str().unwrap();
        if !user.starts_with(ACCOUNTS) || object["resource"].is_null() {
            continue;
        }
        let right = right(object, event["verb"].as_str().unwrap());
        if event["annotations"]["authorization.k8s.io/decision"] == "allow" {
            used.insert(right);
        } else if is_granted {
            *denied.entry(format!("{user}: {right}")).or_default() += 1;
        }
    }
    assert!(denied.is_empty(), "denied: {denied:#?}");
    // Nothing is denied to who asks for nothing.
    assert!(used.contains("nodes patch"), "no operator was at work: {used:#?}");
    // The short form does not come to everything.
    if std::env::var_os("TRIGPOINT_PROVE").is_none_or(|form| form != "full") {
        return;
    }
    let granted = granted(&cluster);
    // Nothing is granted by who is not there.
    assert!(granted.contains("nodes patch"), "the release is not installed: {granted:#?}");
    println!("{} rights, {} of them used", granted.len(), granted.intersection(&used).count());
    let reasons: BTreeSet<String> =
        FOR_OTHER_DAYS.iter().map(|(right, _)| (*right).to_owned()).collect();
    let idle: BTreeSet<_> =
        granted.difference(&used).filter(|right| !reasons.contains(*right)).collect();
    assert!(idle.is_empty(), "granted, and neither used nor listed with a reason: {idle:#?}");
}

/// What the roles of the release say.
fn granted(cluster: &Cluster) -> BTreeSet<String> {
    let mut granted = BTreeSet::new();
    for path in ["clusterroles", "roles"] {
        let roles = cluster.list(&format!("/apis/rbac.authorization.k8s.io/v1/{path}"));
        let ours = roles
            .iter()
            .filter(|role| role["metadata"]["labels"]["app.kubernetes.io/instance"] == "trigpoint");
        for rule in ours.flat_map(|role| role["rules"].as_array().cloned().unwrap_or_default()) {
            let each = |member: &str| rule[member].as_array().cloned().unwrap_or_default();
            for group in each("apiGroups") {
                for resource in each("resources") {
                    let resource = resource.as_str().unwrap();
                    let (resource, part) = resource.split_once('/').unwrap_or((resource, ""));
                    for verb in each("verbs") {
                        let object = serde_json::json!({
                            "apiGroup": group, "resource": resource, "subresource": part,
                        });
                        granted.insert(right(&object, verb.as_str().unwrap()));
                    }
                }
            }
        }
    }
    granted
}

/// `resource.group/part verb`.
fn right(object: &Value, verb: &str) -> String {
    let word = |member: &str, before: char| match object[member].as_str() {
        None | Some("") => String::new(),
        Some(text) => format!("{before}{text}"),
    };
    let resource = object["resource"].as_str().unwrap();
    format!("{resource}{}{} {verb}", word("apiGroup", '.'), word("subresource", '/'))
}
