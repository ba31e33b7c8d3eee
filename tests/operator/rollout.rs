//! How a fleet comes about and changes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trigpoint_operator::fleet::Word;
use trigpoint_testkit::Directory;

use crate::cluster::Cluster;
use crate::running::Running;
use crate::{is_up_to_date, three_more_rounds, until};

/// Longer than the operator keeps changed figures back, to write them together.
const FIGURES: Duration = Duration::from_secs(6);
const REVISION: &str = "trigpoint.dev/revision";

#[test]
fn a_fleet_comes_to_every_node_that_it_selects_and_then_is_quiet() {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    for node in ["node-1", "node-2"] {
        cluster.add_node(node, true);
    }
    cluster.add_node("other", false);
    cluster.apply_fleet(&json!({}));
    let operator = Running::start(&cluster, "one");
    let revision = until(&mut cluster, "every selected node serves", |c| is_up_to_date(c, 2));
    assert!(revision.starts_with("stations-"), "{revision}");
    assert_eq!(cluster.label("node-1").as_deref(), Some(revision.as_str()));
    assert_eq!(cluster.label("other"), None);
    assert_eq!(cluster.condition("Ready")["status"], "True");
    let record = cluster.get("measurementnodes/node-1");
    assert_eq!(record["spec"]["assignedRevision"], revision.as_str());
    // As the server of the probe told them.
    let facts = &record["status"]["facts"];
    assert_eq!(facts["virtualization"], "kvm");
    assert_eq!(facts["congestionControls"], json!(["bbr", "cubic"]));
    let service = cluster.get_core("services/stations");
    assert_eq!(service["spec"]["externalTrafficPolicy"], "Local");

    // A node that tells of itself makes rounds, and nothing to write.
    let writes = operator.metric("trigpoint_operator_writes_total");
    let start = Instant::now();
    while start.elapsed() < FIGURES {
        three_more_rounds(&mut cluster, &operator);
    }
    assert_eq!(operator.metric("trigpoint_operator_writes_total"), writes);
    assert_eq!(operator.is_alive(), Ok(()));
    operator.stop();
}

#[test]
fn a_new_image_goes_from_node_to_node_and_no_node_ever_has_two_stations() {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    for node in ["node-1", "node-2", "node-3"] {
        cluster.add_node(node, true);
    }
    cluster.apply_fleet(&json!({}));
    let operator = Running::start(&cluster, "one");
    let before = until(&mut cluster, "the first revision is everywhere", |c| is_up_to_date(c, 3));

    cluster.hold_drains(true);
    cluster.change_fleet(&json!({"template": {"image": "example.org/trigpoint:2"}}));
    let draining = until(&mut cluster, "a station drains", Cluster::draining);
    // It was proven there before it was released.
    assert!(cluster.was_probed(&draining, "example.org/trigpoint:2"));
    assert_eq!(cluster.label(&draining), None);
    // For as long as it drains, the node gets nothing, and no other node is taken.
    three_more_rounds(&mut cluster, &operator);
    assert_eq!(cluster.label(&draining), None);
    assert_eq!(cluster.labelled(), 2);
    // Figures are told together, some seconds later.
    until(&mut cluster, "its step is told", |_| {
        let status = operator.fleet_status();
        (status.contains(&draining) && status.contains("ConfirmGone")).then_some(())
    });

    cluster.hold_drains(false);
    let after = until(&mut cluster, "the second revision is everywhere", |c| is_up_to_date(c, 3));
    assert_ne!(after, before);
    assert_eq!(cluster.most_taken(), 1);
    assert_eq!(cluster.releases(), 3);
    let drain = &cluster.get(&format!("measurementnodes/{draining}"))["status"]["lastDrain"];
    assert_eq!(drain["outcome"], "Clean", "{drain}");
    assert_eq!((&drain["aborted"], &drain["completed"]), (&json!(0), &json!(2)));
    assert_eq!((&drain["flushedRows"], &drain["unflushedRows"]), (&json!(42), &json!(0)));
    let events = cluster.events();
    for reason in ["RolloutStarted", "Claimed", "Verified", "Promoted"] {
        assert!(events.contains(&reason.to_owned()), "{reason} is not in {events:?}");
    }
    // What proved the first revision goes with it, in two requests for however many nodes.
    until(&mut cluster, "its probes and tests are gone", |cluster| {
        let pods = cluster.get_core("pods");
        let is_of = |revision: &str| {
            let has = |pod: &&Value| pod["metadata"]["labels"][REVISION] == revision;
            pods["items"].as_array().unwrap().iter().filter(has).count()
        };
        // Of the second: a station, a probe and a test on each node.
        (is_of(&before) == 0 && is_of(&after) == 9).then_some(())
    });
    let mut deletions = operator.door().seen();
    deletions.retain(|change| change.starts_with("DELETE") && change.contains("/pods"));
    let all = "DELETE /api/v1/namespaces/measurement/pods 200";
    assert_eq!(deletions, [all, all]);
}

/// Two nodes at each of two sites, of which a change may take that many.
fn change_of_four(budget: i64) -> (Directory, Cluster, Running) {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    for (node, site) in [("node-1", "a"), ("node-2", "a"), ("node-3", "b"), ("node-4", "b")] {
        cluster.add_node_at(node, site);
    }
    cluster.apply_fleet(&json!({"rollout": {
        "waves": [{"name": "everywhere", "percent": 100, "bake": "0s", "maxParallel": 4}],
        "maxUnavailable": budget,
    }}));
    let operator = Running::start(&cluster, "one");
    until(&mut cluster, "the first revision is everywhere", |c| is_up_to_date(c, 4));
    cluster.hold_drains(true);
    cluster.change_fleet(&json!({"template": {"image": "example.org/trigpoint:2"}}));
    (directory, cluster, operator)
}

#[test]
fn of_each_site_one_station_at_most_is_taken() {
    let (_directory, mut cluster, operator) = change_of_four(4);
    until(&mut cluster, "two stations drain", |cluster| {
        (cluster.all_draining().len() == 2).then_some(())
    });
    three_more_rounds(&mut cluster, &operator);
    assert_eq!(cluster.most_taken(), 2);
    cluster.hold_drains(false);
    until(&mut cluster, "the second revision is everywhere", |c| is_up_to_date(c, 4));
    assert_eq!(cluster.most_taken_of_a_site(), 1);
    assert_eq!(cluster.releases(), 4);
}

#[test]
fn no_more_stations_are_taken_than_the_budget_has() {
    let (_directory, mut cluster, operator) = change_of_four(1);
    until(&mut cluster, "a station drains", Cluster::draining);
    three_more_rounds(&mut cluster, &operator);
    cluster.hold_drains(false);
    until(&mut cluster, "the second revision is everywhere", |c| is_up_to_date(c, 4));
    assert_eq!(cluster.most_taken(), 1);
}

#[test]
fn a_paused_fleet_takes_no_node_and_a_rollback_is_one_word() {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    for node in ["node-1", "node-2"] {
        cluster.add_node(node, true);
    }
    cluster.apply_fleet(&json!({}));
    let operator = Running::start(&cluster, "one");
    let older = until(&mut cluster, "the fleet serves", |c| is_up_to_date(c, 2));
    operator.say(&Word::Pause);
    cluster.change_fleet(&json!({"template": {"image": "example.org/trigpoint:2"}}));
    until(&mut cluster, "the fleet is paused", |cluster| {
        let condition = cluster.condition("Paused");
        (condition["status"] == "True" && condition["reason"] == "Paused").then_some(())
    });
    three_more_rounds(&mut cluster, &operator);
    assert_eq!(cluster.releases(), 0);
    operator.say(&Word::Resume);
    let newer = until(&mut cluster, "the fleet goes on", |c| is_up_to_date(c, 2));
    assert_ne!(newer, older);
    operator.say(&Word::Rollback { revision: None });
    let back = until(&mut cluster, "the fleet is back", |c| is_up_to_date(c, 2));
    assert_eq!(back, older);
    assert_eq!(cluster.image("node-1").as_deref(), Some("example.org/trigpoint:1"));
}

#[test]
fn a_fleet_that_is_deleted_leaves_no_label_behind() {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    cluster.add_node("node-1", true);
    cluster.apply_fleet(&json!({}));
    let _operator = Running::start(&cluster, "one");
    until(&mut cluster, "the fleet serves", |c| is_up_to_date(c, 1));
    cluster.delete_fleet();
    until(&mut cluster, "the fleet is gone", |cluster| {
        cluster.try_get("measurementfleets/stations").is_none().then_some(())
    });
    assert_eq!(cluster.label("node-1"), None);
}
