//! Every case, in both Helms.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::render::{Helm, case, cases, faults, identity, read};

/// A case, and what its notes warn of.
const WARNINGS: &[(&str, &[&str])] = &[
    (
        "bare",
        &[
            "admissionPolicy.enabled is false",
            "networkPolicy.enabled is false",
            "query.enabled is false",
            "charts/trigpoint-crds",
        ],
    ),
    ("quick-start", &["networkPolicy.clusterRanges is empty"]),
    ("stations-elsewhere", &[]),
    ("several-namespaces", &["Namespace backbone is Pod Security `privileged`"]),
];

fn by_identity(yaml: &str) -> BTreeMap<String, Value> {
    let objects = read(yaml);
    let count = objects.len();
    let map: BTreeMap<_, _> =
        objects.into_iter().map(|object| (identity(&object), object)).collect();
    assert_eq!(map.len(), count, "two objects of one name");
    map
}

fn is_monitoring(object: &Value) -> bool {
    object["apiVersion"] == "monitoring.coreos.com/v1"
}

fn name(case: &Path) -> String {
    case.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn every_case_passes_the_linter_and_is_the_same_in_both_helms() {
    for case in cases() {
        let [three, four] = Helm::BOTH.map(|helm| {
            helm.lint(&case).expect_code(0);
            by_identity(&helm.template(&case, true).expect_code(0).stdout)
        });
        assert_eq!(three, four, "{}", name(&case));
    }
}

#[test]
fn every_object_fits_the_schemas_of_kubernetes() {
    // Together, since the schemas take a while to load.
    let rendered: String =
        cases().iter().map(|case| Helm::Four.template(case, true).stdout).collect();
    assert_eq!(faults(&rendered), [] as [Value; 0]);
}

#[test]
fn a_field_that_kubernetes_does_not_know_would_be_found() {
    let service = "{apiVersion: v1, kind: Service, metadata: {name: x}, spec: {prots: []}}";
    assert!(!faults(service).is_empty());
}

#[test]
fn without_the_prometheus_operator_nothing_but_its_kinds_is_missing() {
    for case in cases() {
        let [mut with, without] = [true, false].map(|is_monitored| {
            by_identity(&Helm::Four.template(&case, is_monitored).expect_code(0).stdout)
        });
        assert!(!without.values().any(is_monitoring));
        with.retain(|_, object| !is_monitoring(object));
        assert_eq!(with, without, "{}", name(&case));
    }
}

#[test]
fn what_measures_and_what_was_measured_stays_when_the_release_goes() {
    let kept = ["PersistentVolumeClaim", "PriorityClass", "Namespace"];
    let mut found = Vec::new();
    for case in cases() {
        for object in by_identity(&Helm::Four.template(&case, true).stdout).into_values() {
            let kind = object["kind"].as_str().unwrap().to_owned();
            let is_kept = object["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep";
            let is_of_stations = object["metadata"]["name"].as_str().unwrap().ends_with("-station");
            let is_to_stay = kept.contains(&kind.as_str()) || is_of_stations;
            assert_eq!(is_kept, is_to_stay, "{}", identity(&object));
            found.push(kind);
        }
    }
    assert!(kept.iter().all(|kind| found.iter().any(|found| found == kind)), "{found:?}");
}

/// Loudly, and with the remedy.
#[test]
fn notes_warn_of_what_a_case_leaves_open() {
    for (name, warnings) in WARNINGS {
        let installed = Helm::Four.install(&case(name));
        let (_, notes) = installed.expect_code(0).stdout.split_once("\nNOTES:\n").unwrap();
        for warning in *warnings {
            let is_there =
                notes.lines().any(|line| line.starts_with("!!! ") && line.contains(warning));
            assert!(is_there, "{name}: `{warning}` is not in:\n{notes}");
        }
    }
}
