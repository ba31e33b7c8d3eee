//! The definitions of `charts/trigpoint-crds` in a real API server: it accepts
//! the examples, and refuses what is wrong in them with words that help.
//!
//! `cargo xtask prove definitions`.

#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]

#[path = "definitions/broken.rs"]
mod broken;
#[path = "definitions/kinds.rs"]
mod kinds;
#[path = "definitions/rules.rs"]
mod rules;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use broken::{broken, messages_of_rules};
use kinds::{Kind, node};
use rules::{On, RULES, merge};
use serde_json::{Value, json};
use trigpoint_crd::MeasurementFleet;
use trigpoint_testkit::{ApiServer, Directory, eventually};

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/trigpoint-crds");

/// A server with the definitions of the chart.
fn server(directory: &Directory) -> ApiServer {
    let server = ApiServer::start(directory);
    let files = format!("{CHART}/files");
    server.kubectl(["apply", "--server-side", "--filename", &files]).expect_code(0);
    for kind in Kind::ALL {
        eventually(Duration::from_mins(1), "a definition is established", || {
            let path = format!("{}?limit=1", kind.collection());
            (server.request("GET", &path, &Value::Null).0 == 200).then_some(())
        });
    }
    server
}

/// A file of the chart as the server would store it, with its defaults.
fn stored(server: &ApiServer, example: &str) -> Value {
    let file = format!("{CHART}/examples/{example}");
    let applied =
        server.kubectl(["apply", "--dry-run=server", "--output=json", "--filename", &file]);
    let mut object: Value = serde_json::from_str(&applied.expect_code(0).stdout).unwrap();
    object["metadata"] = json!({"name": object["metadata"]["name"]});
    object
}

/// An object of which every part is legal, and which has nearly all of them.
fn whole(server: &ApiServer, kind: Kind) -> Value {
    match kind {
        Kind::Fleet => merge(&stored(server, "fleet.yaml"), &kind.status()),
        Kind::Node => merge(&node(), &kind.status()),
    }
}

fn refused(answer: (u16, Value), what: &str) -> String {
    let (code, status) = answer;
    let message = status["message"].as_str().unwrap_or_default().to_owned();
    assert!([400, 422].contains(&code), "{what}: {code} {message}");
    message
}

#[test]
fn examples_are_accepted_and_are_what_the_types_read_and_write() {
    let directory = Directory::new();
    let server = server(&directory);
    for file in PathBuf::from(CHART).join("examples").read_dir().unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let accepted = stored(&server, &name);
        let fleet: MeasurementFleet = serde_json::from_value(accepted).unwrap();
        let written = serde_json::to_value(&fleet).unwrap();
        let path = format!("{}?dryRun=All&fieldValidation=Strict", Kind::Fleet.collection());
        let (code, answer) = server.request("POST", &path, &written);
        assert_eq!(code, 201, "{name}: {}", answer["message"]);
        assert_eq!(serde_json::from_value::<MeasurementFleet>(answer).unwrap().spec, fleet.spec);
    }
}

/// Each bound, pattern, type, enumeration and required field, at the place where
/// it applies, is broken once; the answer names the place and what is asked of it.
#[test]
fn what_breaks_a_schema_is_refused_with_its_place() {
    let directory = Directory::new();
    let server = server(&directory);
    for kind in Kind::ALL {
        let schema = kind.schema(&server);
        let whole = whole(&server, kind);
        let (code, created) = server.request("POST", &kind.collection(), &whole);
        assert_eq!(code, 201, "{}", created["message"]);
        let revision =
            json!({"metadata": {"resourceVersion": created["metadata"]["resourceVersion"]}});
        let mut places = BTreeSet::new();
        for case in broken(&schema, &whole) {
            let object = merge(&case.object, &revision);
            // The server ignores the status in writes of the rest, and the rest in writes of it.
            let part = if case.place.starts_with("status") { "/status" } else { "" };
            let path = format!("{}{part}?dryRun=All&fieldValidation=Strict", kind.object());
            let what = format!("{} {}: {}", kind.plural(), case.place, case.keyword);
            let message = refused(server.request("PUT", &path, &object), &what);
            assert!(message.contains(&case.place), "{what}: {message}");
            assert!(message.contains(case.says), "{what}: {message}");
            assert!(!message.contains("evaluating rule"), "{what}: {message}");
            places.insert(case.place);
        }
        assert!(places.len() > 40, "only {} places of {} were broken", places.len(), kind.plural());
    }
}

#[test]
fn what_breaks_a_rule_is_refused_with_its_message() {
    let directory = Directory::new();
    let server = server(&directory);
    let mut unshown: BTreeSet<String> = BTreeSet::new();
    for kind in Kind::ALL {
        let (code, created) = server.request("POST", &kind.collection(), &whole(&server, kind));
        assert_eq!(code, 201, "{}", created["message"]);
        unshown.extend(messages_of_rules(&kind.schema(&server)));
    }
    for rule in RULES {
        let change: Value = serde_json::from_str(rule.change).unwrap();
        let whole = whole(&server, rule.kind);
        let answer = match rule.on {
            On::Create => {
                let path = format!("{}?dryRun=All&fieldValidation=Strict", rule.kind.collection());
                let another = merge(&whole, &rule.kind.another());
                server.request("POST", &path, &merge(&another, &change))
            }
            On::Update => {
                let path = format!("{}?dryRun=All&fieldValidation=Strict", rule.kind.object());
                let (_, now) = server.request("GET", &rule.kind.object(), &Value::Null);
                server.request("PUT", &path, &merge(&now, &change))
            }
        };
        let message = refused(answer, rule.change);
        assert!(message.contains(rule.says), "{}: {message}", rule.change);
        unshown.remove(rule.says);
    }
    assert_eq!(unshown, BTreeSet::new(), "rules without an example that breaks them");
}

#[test]
fn people_find_fleets_and_nodes_by_short_names_and_fields() {
    let directory = Directory::new();
    let server = server(&directory);
    for kind in Kind::ALL {
        let whole = whole(&server, kind);
        let (code, created) = server.request("POST", &kind.collection(), &whole);
        assert_eq!(code, 201, "{}", created["message"]);
        let status = merge(&created, &kind.status());
        let path = format!("{}/status", kind.object());
        let (code, answer) = server.request("PUT", &path, &status);
        assert_eq!(code, 200, "{}", answer["message"]);
    }
    let fleets = server.kubectl(["get", "mfleet"]);
    let header: Vec<&str> = fleets.stdout.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["NAME", "TARGET", "WAVE", "UPDATED", "READY", "PAUSED", "STATUS", "AGE"]);
    let row: Vec<&str> = fleets.stdout.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(
        row[..7],
        ["stations", "stations-0a1b2c3d4e", "canary", "3", "9", "False", "CanaryBaking"]
    );
    for (selector, found) in [
        (
            "spec.fleet=stations,status.observedRevision=stations-0a1b2c3d4e",
            "measurementnode.trigpoint.dev/node-1\n",
        ),
        ("spec.fleet=others", ""),
    ] {
        let nodes = server.kubectl(["get", "mnode", "--field-selector", selector, "--output=name"]);
        assert_eq!(nodes.expect_code(0).stdout, found);
    }
    let all = server.kubectl(["get", "trigpoint", "--output=name"]);
    assert_eq!(all.expect_code(0).stdout.lines().count(), 2);
}
