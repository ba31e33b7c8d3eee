//! What does not fit is told, and harms no station.

use serde_json::json;
use trigpoint_operator::Error;
use trigpoint_testkit::Directory;

use crate::cluster::Cluster;
use crate::running::{Door, Running, settings};
use crate::{is_up_to_date, three_more_rounds, until};

#[test]
fn an_image_that_does_not_start_releases_no_node() {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    for node in ["node-1", "node-2"] {
        cluster.add_node(node, true);
    }
    cluster.apply_fleet(&json!({}));
    let _operator = Running::start(&cluster, "one");
    let good = until(&mut cluster, "the fleet serves", |c| is_up_to_date(c, 2));
    cluster.change_fleet(&json!({"template": {"image": "example.org/trigpoint:broken"}}));
    let said = until(&mut cluster, "the probe's failure is told", |cluster| {
        let condition = cluster.condition("Progressing");
        (condition["reason"] == "ProbeFailed").then(|| condition["message"].clone())
    });
    assert!(said.as_str().unwrap().contains("no such image"), "{said}");
    for node in ["node-1", "node-2"] {
        assert_eq!(cluster.label(node).as_deref(), Some(good.as_str()));
    }
    assert_eq!(cluster.most_taken(), 0);
    assert_eq!(cluster.condition("Ready")["status"], "True");
}

#[test]
fn a_namespace_that_refuses_the_pods_is_told_of_and_no_node_is_touched() {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    cluster.add_node("node-1", true);
    cluster.apply_fleet(&json!({"network": {"profile": "hostPort"}}));
    let _operator = Running::start(&cluster, "one");
    let said = until(&mut cluster, "the refusal is told", |cluster| {
        let condition = cluster.condition("Degraded");
        let is_told = condition["reason"] == "NamespaceNotPrivileged";
        is_told.then(|| condition["message"].as_str().unwrap().to_owned())
    });
    assert!(said.contains("hostPort"), "{said}");
    assert_eq!(cluster.label("node-1"), None);
}

#[test]
fn what_a_person_edits_of_the_operators_own_is_made_again_and_no_station_is_harmed() {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    cluster.add_node("node-1", true);
    cluster.apply_fleet(&json!({}));
    let operator = Running::start(&cluster, "one");
    let revision = until(&mut cluster, "the fleet serves", |c| is_up_to_date(c, 1));
    let set = cluster.daemon_set(&revision);
    cluster.edit_daemon_set(&revision, "example.org/trigpoint:of-somebody");
    let repaired = until(&mut cluster, "the DaemonSet is as it was", |cluster| {
        let now = cluster.daemon_set(&revision);
        (now["spec"] == set["spec"]).then_some(now)
    });
    assert_eq!(repaired["metadata"]["uid"], set["metadata"]["uid"]);
    assert_eq!(cluster.releases(), 0);
    let writes = operator.metric("trigpoint_operator_writes_total");
    three_more_rounds(&mut cluster, &operator);
    // Once, and perhaps the note of it.
    assert!(operator.metric("trigpoint_operator_writes_total") <= writes + 1);
}

#[test]
fn a_node_that_does_not_qualify_gets_no_station_and_says_why() {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    cluster.add_node("node-1", true);
    cluster.apply_fleet(&json!({"qualification": {"requireCongestionControl": ["bbr3"]}}));
    let _operator = Running::start(&cluster, "one");
    let said = until(&mut cluster, "the node's record says why", |cluster| {
        let condition = cluster.node_condition("node-1", "Qualified");
        (condition["status"] == "False").then_some(condition)
    });
    assert_eq!(said["reason"], "CongestionControlMissing", "{said}");
    assert!(said["message"].as_str().unwrap().contains("bbr3"), "{said}");
    assert_eq!(cluster.label("node-1"), None);
}

#[test]
fn a_node_whose_clients_come_with_other_addresses_loses_its_station() {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    cluster.add_node("node-1", true);
    cluster.rewrite_addresses(true);
    cluster.apply_fleet(&json!({}));
    let operator = Running::start(&cluster, "one");
    until(&mut cluster, "the node does not qualify, and is empty", |cluster| {
        let condition = cluster.node_condition("node-1", "Qualified");
        let is_told = condition["status"] == "False";
        let is_empty = cluster.label("node-1").is_none() && cluster.image("node-1").is_none();
        (is_told && is_empty && condition["reason"] == "ClientAddressRewritten").then_some(())
    });
    // The test that found it is kept, or the node would be tried again at once.
    three_more_rounds(&mut cluster, &operator);
    assert_eq!(cluster.label("node-1"), None);
}

#[test]
fn an_operator_does_not_work_with_definitions_older_than_its_own() {
    let directory = Directory::new();
    let cluster = Cluster::start(&directory);
    cluster.age_definitions();
    let refused = Running::with(&cluster, settings("one"), Door::open(), None);
    assert!(matches!(refused.err(), Some(Error::DefinitionTooOld { found: 0, .. })));
}

#[test]
fn of_two_fleets_that_select_a_node_one_has_it_and_the_other_says_so() {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    cluster.add_node("node-1", true);
    cluster.apply_fleet(&json!({}));
    let operator = Running::start(&cluster, "one");
    let revision = until(&mut cluster, "the first fleet serves", |c| is_up_to_date(c, 1));
    cluster.apply_fleet_as("others", &json!({}));
    let said = until(&mut cluster, "the second one says so", |cluster| {
        let condition = cluster.condition_of("others", "Degraded");
        (condition["reason"] == "OwnedByOtherFleet").then(|| condition["message"].clone())
    });
    let said = said.as_str().unwrap();
    for word in ["`node-1`", "`stations`", "selector"] {
        assert!(said.contains(word), "{said}");
    }
    three_more_rounds(&mut cluster, &operator);
    assert_eq!(cluster.label("node-1"), Some(revision));
    assert_eq!(cluster.condition("Degraded")["status"], "False");
    // As it says.
    cluster.change_fleet(&json!({"nodeSelector": {"matchLabels": {"station": "none"}}}));
    until(&mut cluster, "the second one has the node, and says no more", |cluster| {
        let condition = cluster.condition_of("others", "Degraded");
        let has_it = cluster.label("node-1").is_some_and(|label| label.starts_with("others-"));
        (has_it && condition["status"] == "False").then_some(())
    });
    // It was let go of as a node that is there.
    assert!(!cluster.events().contains(&"NodeVanished".to_owned()));
    assert!(cluster.events().contains(&"NotSelected".to_owned()));
}

#[test]
fn what_a_newer_version_wrote_keeps_no_other_fleet_from_its_stations() {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    cluster.add_node("node-1", true);
    cluster.widen_definitions();
    cluster.apply_newer_fleet("listed");
    cluster.apply_fleet(&json!({}));
    let operator = Running::start(&cluster, "one");
    until(&mut cluster, "the other fleet serves", |c| is_up_to_date(c, 1));
    let unreadable = "trigpoint_operator_unreadable_objects";
    assert_eq!(operator.metric(unreadable), 1);
    // One that comes while it is watched, and a status of one that it can read.
    cluster.apply_newer_fleet("watched");
    cluster.say_of_drain("node-1", "Postponed");
    until(&mut cluster, "the second one is told of", |cluster| {
        let told = cluster.events().iter().filter(|reason| *reason == "Unreadable").count();
        (told == 2 && operator.metric(unreadable) == 2).then_some(())
    });
    cluster.change_fleet(&json!({"template": {"image": "example.org/trigpoint:2"}}));
    until(&mut cluster, "the other fleet goes on", |cluster| {
        let is_there = cluster.image("node-1").as_deref() == Some("example.org/trigpoint:2");
        is_up_to_date(cluster, 1).filter(|_| is_there)
    });
    let drain = &cluster.get("measurementnodes/node-1")["status"]["lastDrain"];
    assert_eq!(drain["outcome"], "Clean", "{drain}");
    // Each was named once.
    three_more_rounds(&mut cluster, &operator);
    let told = cluster.events().iter().filter(|reason| *reason == "Unreadable").count();
    assert_eq!(told, 2);
}
