//! What the chart takes, and refuses.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use trigpoint_testkit::Directory;

use crate::render::{Helm, ROOT, read};

fn chart(file: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join("charts/trigpoint").join(file)).unwrap()
}

fn schema() -> Value {
    serde_json::from_str(&chart("values.schema.json")).unwrap()
}

/// A schema, behind its reference.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

/// Every object with named members: its place, and values in which it has one more.
fn objects(root: &Value, schema: &Value, place: &[String], found: &mut Vec<(String, Value)>) {
    let schema = resolved(root, schema);
    if let Some(members) = schema["properties"].as_object() {
        assert_eq!(schema["additionalProperties"], false, "at {}", place.join("."));
        let mut inside = json!({"unknown": true});
        for required in schema["required"].as_array().into_iter().flatten() {
            inside[required.as_str().unwrap()] = json!("x");
        }
        let values = place.iter().rev().fold(inside, |inside, key| match key.as_str() {
            "[]" => json!([inside]),
            key => json!({key: inside}),
        });
        found.push((place.join("."), values));
        for (name, member) in members {
            objects(root, member, &[place, &[name.clone()][..]].concat(), found);
        }
    }
    if !schema["items"].is_null() {
        objects(root, &schema["items"], &[place, &["[]".to_owned()][..]].concat(), found);
    }
}

fn refusal(directory: &Directory, values: &Value) -> String {
    let file: PathBuf = directory.join("values.json");
    fs::write(&file, values.to_string()).unwrap();
    let [three, four] = Helm::BOTH.map(|helm| {
        let finished = helm.template(&file, false);
        assert_ne!(finished.code(), Some(0), "{values} is taken");
        finished.stderr
    });
    assert!(three.contains("values don't meet"), "{three}");
    four
}

#[test]
fn every_unknown_value_is_refused_by_its_name() {
    let directory = Directory::new();
    let schema = schema();
    let mut places = Vec::new();
    objects(&schema, &schema, &[], &mut places);
    assert!(places.len() > 15, "{places:?}");
    for (place, values) in places {
        let said = refusal(&directory, &values);
        assert!(said.contains("'unknown' not allowed"), "at `{place}`: {said}");
    }
}

#[test]
fn a_wrong_value_is_refused_with_its_place() {
    let directory = Directory::new();
    for (values, place) in [
        (json!({"lake": {"mode": "disk"}}), "/lake/mode"),
        (json!({"lake": {"mode": "objectStore"}}), "/lake/objectStore/url"),
        (json!({"lake": {"objectStore": {"url": "http://store"}}}), "/lake/objectStore/url"),
        (json!({"lake": {"pvc": {"size": "lots"}}}), "/lake/pvc/size"),
        (json!({"image": {"digest": "sha256:short"}}), "/image/digest"),
        (json!({"image": {"pullPolicy": "Sometimes"}}), "/image/pullPolicy"),
        (json!({"operator": {"replicas": 0}}), "/operator/replicas"),
        (json!({"operator": {"extraArgs": ["check-config"]}}), "/operator/extraArgs/0"),
        (json!({"query": {"memory": "2GB"}}), "/query/memory"),
        (json!({"query": {"time": "5 minutes"}}), "/query/time"),
        (json!({"collector": {"keepDays": 0}}), "/collector/keepDays"),
        (json!({"collector": {"service": {"type": "ExternalName"}}}), "/collector/service/type"),
        (json!({"stationNamespaces": ["edge"]}), "/stationNamespaces/0"),
        (json!({"stationNamespaces": [{"create": true}]}), "/stationNamespaces/0"),
        (
            json!({"networkPolicy": {"clusterRanges": ["10.0.0.1"]}}),
            "/networkPolicy/clusterRanges/0",
        ),
        (json!({"networkPolicy": {"apiServerPorts": [0]}}), "/networkPolicy/apiServerPorts/0"),
        (json!({"networkPolicy": {"dnsPorts": []}}), "/networkPolicy/dnsPorts"),
        (json!({"stationPriority": 2_000_000_000}), "/stationPriority"),
        (json!({"test": {"server": "station.example"}}), "/test/server"),
        (json!({"test": {"server": "ws://station.example/?key=value"}}), "/test/server"),
        (json!({"operator": {"enabled": false}}), "/certificates/secretName"),
        (json!({"operator": {"enabled": false}}), "/collector/accountsSecret"),
        (json!({"certificates": {"secretName": "given"}}), "/certificates/configMap"),
    ] {
        let said = refusal(&directory, &values);
        assert!(said.contains(place), "{values}: {said}");
    }
}

/// The schema knows exactly the values that `values.yaml` explains, and the README
/// names each.
#[test]
fn schema_defaults_and_readme_know_the_same_values() {
    let defaults = read(&chart("values.yaml"));
    let schema = schema();
    let mut known = BTreeSet::new();
    leaves(&schema, &schema, "", &mut known);
    let mut given = BTreeSet::new();
    given_leaves(&defaults[0], "", &known, &mut given);
    known.remove("global");
    assert_eq!(known, given);
    let readme = chart("README.md");
    for place in known {
        let name = place.rsplit('.').next().unwrap();
        let is_named = readme.contains(&format!("`{place}`"))
            || readme.contains(&format!("`.{name}`"))
            || readme.contains(&format!("`{name}`"))
            || readme.contains(&format!("`{name}[]."));
        assert!(is_named, "`{place}` is not in the README");
    }
}

fn leaves(root: &Value, schema: &Value, place: &str, found: &mut BTreeSet<String>) {
    match resolved(root, schema)["properties"].as_object() {
        // As in Kubernetes.
        Some(_) if place.ends_with("resources") => {
            found.insert(place.to_owned());
        }
        Some(members) => {
            for (name, member) in members {
                leaves(root, member, &joined(place, name), found);
            }
        }
        None => {
            found.insert(place.to_owned());
        }
    }
}

fn given_leaves(
    values: &Value,
    place: &str,
    known: &BTreeSet<String>,
    found: &mut BTreeSet<String>,
) {
    match values.as_object() {
        Some(members) if !known.contains(place) => {
            for (name, member) in members {
                given_leaves(member, &joined(place, name), known, found);
            }
        }
        _ => {
            found.insert(place.to_owned());
        }
    }
}

fn joined(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}
