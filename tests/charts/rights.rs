//! What the chart grants: the whole list, so that a further right is a change here.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::render::{case, cases, objects, pod};

/// Of each case: whether pods have their tokens reviewed.
const TOKEN_REVIEW: &[(&str, &[&str])] = &[
    ("bare", &[]),
    ("volume", &["tokenreviews.authentication.k8s.io: create"]),
    ("object-store", &["tokenreviews.authentication.k8s.io: create"]),
];

fn words(value: &Value) -> Vec<String> {
    let mut words: Vec<String> = value
        .as_array()
        .into_iter()
        .flatten()
        .map(|word| word.as_str().unwrap().to_owned())
        .collect();
    words.sort();
    words
}

/// `resource.group/subresource (names): verbs`, one for each resource.
fn rights(role: &Value) -> BTreeSet<String> {
    let mut rights = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        let names = words(&rule["resourceNames"]).join(" ");
        let names = if names.is_empty() { names } else { format!(" ({names})") };
        for group in words(&rule["apiGroups"]) {
            for resource in words(&rule["resources"]) {
                let (resource, part) = match resource.split_once('/') {
                    Some((resource, part)) => (resource.to_owned(), format!("/{part}")),
                    None => (resource, String::new()),
                };
                let group = if group.is_empty() { group.clone() } else { format!(".{group}") };
                let verbs = words(&rule["verbs"]).join(" ");
                rights.insert(format!("{resource}{group}{part}{names}: {verbs}"));
            }
        }
    }
    rights
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["kind"] == kind)
}

fn set(rights: &[&str]) -> BTreeSet<String> {
    rights.iter().map(|&right| right.to_owned()).collect()
}

#[test]
fn the_one_right_is_to_have_tokens_reviewed() {
    for (name, expected) in TOKEN_REVIEW {
        let objects = objects(&case(name));
        assert_eq!(of_kind(&objects, "Role").count(), 0);
        let granted: BTreeSet<String> = of_kind(&objects, "ClusterRole").flat_map(rights).collect();
        assert_eq!(granted, set(expected), "{name}");
    }
}

#[test]
fn only_who_has_rights_has_a_token_of_the_api_server() {
    for case in cases() {
        let objects = objects(&case);
        let bound: BTreeSet<&str> = ["RoleBinding", "ClusterRoleBinding"]
            .iter()
            .flat_map(|kind| of_kind(&objects, kind))
            .flat_map(|binding| binding["subjects"].as_array().unwrap())
            .map(|subject| subject["name"].as_str().unwrap())
            .collect();
        for pod in objects.iter().filter_map(pod) {
            let account = pod["serviceAccountName"].as_str().unwrap();
            let has_no_token = of_kind(&objects, "ServiceAccount").any(|object| {
                object["metadata"]["name"] == account
                    && object["automountServiceAccountToken"] == false
            });
            let has_token = !has_no_token && pod["automountServiceAccountToken"] != false;
            assert_eq!(has_token, bound.contains(account), "{account} in {}", case.display());
        }
    }
}
