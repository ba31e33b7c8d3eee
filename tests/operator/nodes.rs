//! Nodes that come, go, and are taken out of service.

use serde_json::json;
use trigpoint_operator::fleet::Word;
use trigpoint_testkit::Directory;

use crate::cluster::Cluster;
use crate::running::Running;
use crate::{is_up_to_date, three_more_rounds, until};

#[test]
fn a_node_that_vanishes_while_it_is_taken_is_let_go_of_and_another_of_its_name_is_new() {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    for node in ["node-1", "node-2", "node-3"] {
        cluster.add_node(node, true);
    }
    cluster.apply_fleet(&json!({}));
    let _operator = Running::start(&cluster, "one");
    until(&mut cluster, "the fleet serves", |c| is_up_to_date(c, 3));
    cluster.hold_drains(true);
    cluster.change_fleet(&json!({"template": {"image": "example.org/trigpoint:2"}}));
    let lost = until(&mut cluster, "a station drains", Cluster::draining);
    cluster.remove_node(&lost);
    cluster.hold_drains(false);
    until(&mut cluster, "the others have the new revision", |c| is_up_to_date(c, 2));
    let condition = cluster.node_condition(&lost, "Running");
    assert_eq!(condition["reason"], "NodeVanished", "{condition}");

    cluster.add_node(&lost, true);
    let revision = until(&mut cluster, "it serves again", |c| is_up_to_date(c, 3));
    assert_eq!(cluster.label(&lost), Some(revision));
    let record = cluster.get(&format!("measurementnodes/{lost}"));
    assert_eq!(record["spec"]["nodeUid"], cluster.node_uid(&lost));
}

#[test]
fn a_node_that_a_person_drains_is_empty_until_it_is_given_back() {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    for node in ["node-1", "node-2"] {
        cluster.add_node(node, true);
    }
    cluster.apply_fleet(&json!({}));
    let operator = Running::start(&cluster, "one");
    until(&mut cluster, "the fleet serves", |c| is_up_to_date(c, 2));
    let (node, reason) = ("node-1".to_owned(), "a new disk comes".to_owned());
    operator.say(&Word::Drain { node: node.clone(), reason });
    until(&mut cluster, "the node is empty", |cluster| {
        (cluster.label("node-1").is_none() && cluster.image("node-1").is_none()).then_some(())
    });
    three_more_rounds(&mut cluster, &operator);
    assert_eq!(cluster.label("node-1"), None);
    assert_eq!(cluster.labelled(), 1);
    operator.say(&Word::Undrain { node });
    until(&mut cluster, "the node serves again", |c| is_up_to_date(c, 2));
    assert_eq!(cluster.releases(), 1);
}

#[test]
fn a_node_that_joins_in_the_middle_of_a_rollout_never_gets_two_stations() {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    cluster.add_node("node-1", true);
    cluster.apply_fleet(&json!({}));
    let _operator = Running::start(&cluster, "one");
    until(&mut cluster, "the fleet serves", |c| is_up_to_date(c, 1));
    cluster.hold_drains(true);
    cluster.change_fleet(&json!({"template": {"image": "example.org/trigpoint:2"}}));
    until(&mut cluster, "a station drains", Cluster::draining);
    cluster.add_node("node-2", true);
    cluster.hold_drains(false);
    let revision = until(&mut cluster, "both have the new revision", |c| is_up_to_date(c, 2));
    assert_eq!(cluster.label("node-2"), Some(revision));
}
