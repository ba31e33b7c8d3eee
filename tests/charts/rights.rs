//! What the chart grants: the whole list, so that a further right is a change here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::render::{case, cases, objects, pod};

/// Beyond namespaces.
const CLUSTER: &[(&str, &[&str])] = &[
    (
        "operator",
        &[
            "customresourcedefinitions.apiextensions.k8s.io \
             (measurementfleets.trigpoint.dev measurementnodes.trigpoint.dev): get",
            "nodes: list patch watch",
        ],
    ),
    ("token-review", &["tokenreviews.authentication.k8s.io: create"]),
];

/// Of the operator, in its own namespace.
const OWN: &[&str] = &[
    "events.events.k8s.io: create",
    "leases.coordination.k8s.io (trigpoint-operator): get update",
    "leases.coordination.k8s.io: create",
    "secrets (trigpoint-authority trigpoint-tls): get update",
    "secrets: create",
];

/// Of the operator, in each namespace of stations.
const STATIONS: &[&str] = &[
    "configmaps: create get list update watch",
    "controllerrevisions.apps: create delete list patch watch",
    "daemonsets.apps: create delete list patch update watch",
    "events.events.k8s.io: create",
    "measurementfleets.trigpoint.dev/status: update",
    "measurementfleets.trigpoint.dev: get list patch watch",
    "measurementnodes.trigpoint.dev/status: patch update",
    "measurementnodes.trigpoint.dev: create delete list patch watch",
    "pods: create delete deletecollection get list watch",
    "services: create list patch watch",
];

/// Of the collector, in each namespace of stations.
const RECORDS: &[&str] =
    &["measurementfleets.trigpoint.dev: list", "measurementnodes.trigpoint.dev: get"];

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
fn the_rights_are_these_and_no_others() {
    let objects = objects(&case("quick-start"));
    let of = |kind: &str| -> BTreeMap<String, BTreeSet<String>> {
        of_kind(&objects, kind)
            .map(|role| (role["metadata"]["name"].as_str().unwrap().to_owned(), rights(role)))
            .collect()
    };
    let cluster: BTreeMap<_, _> = CLUSTER
        .iter()
        .map(|(name, rights)| (format!("trigpoint-trigpoint-{name}"), set(rights)))
        .collect();
    assert_eq!(of("ClusterRole"), cluster);
    let roles = [
        ("trigpoint-collector", RECORDS),
        ("trigpoint-operator", OWN),
        ("trigpoint-stations", STATIONS),
    ]
    .map(|(name, rights)| (name.to_owned(), set(rights)));
    assert_eq!(of("Role"), BTreeMap::from(roles));
}

#[test]
fn rights_in_namespaces_end_where_stations_end() {
    let objects = objects(&case("several-namespaces"));
    for kind in ["Role", "RoleBinding"] {
        let places: BTreeSet<(&str, &str)> = of_kind(&objects, kind)
            .map(|role| {
                let metadata = &role["metadata"];
                (metadata["name"].as_str().unwrap(), metadata["namespace"].as_str().unwrap())
            })
            .collect();
        let expected = [
            ("measurement-operator", "trigpoint"),
            ("measurement-stations", "edge"),
            ("measurement-stations", "backbone"),
            ("measurement-collector", "edge"),
            ("measurement-collector", "backbone"),
        ];
        assert_eq!(places, BTreeSet::from(expected), "{kind}");
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

/// Whoever has no station in the cluster gives no right but to review the tokens of
/// those that ask.
#[test]
fn without_the_operator_there_is_one_right() {
    let objects = objects(&case("stations-elsewhere"));
    assert_eq!(of_kind(&objects, "Role").count(), 0);
    let of_cluster: Vec<_> = of_kind(&objects, "ClusterRole").map(rights).collect();
    assert_eq!(of_cluster, [set(&["tokenreviews.authentication.k8s.io: create"])]);
}

/// Made certificates need rights that given ones do not.
#[test]
fn given_certificates_take_every_right_on_secrets_away() {
    let objects = objects(&case("cloud-identity"));
    for kind in ["Role", "ClusterRole"] {
        for role in of_kind(&objects, kind) {
            assert!(!rights(role).iter().any(|right| right.starts_with("secrets")), "{role}");
        }
    }
}
