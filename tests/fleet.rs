//! `trigpoint operator` and `trigpoint fleet` as people and charts start them, against
//! a real API server; what the operator decides is shown by the suite `operator`.
//!
//! `cargo xtask prove operator`.

#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]

#[allow(dead_code, reason = "the suite `operator` uses the rest")]
#[path = "operator/cluster.rs"]
mod cluster;
#[path = "operator/program.rs"]
mod program;

use cluster::Cluster;
use program::{DEADLINE, Operator};
use rustix::process::Signal;
use serde_json::json;
use trigpoint_testkit::{Directory, eventually, run};

/// Lets kubelets and controllers do their part until something is so.
#[track_caller]
fn until<T>(
    cluster: &mut Cluster,
    operators: &[&Operator],
    what: &str,
    mut look: impl FnMut(&Cluster) -> Option<T>,
) -> T {
    let mut last = String::new();
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually(DEADLINE, what, || {
            cluster.step();
            last = cluster.fleet_status().to_string();
            look(cluster)
        })
    }));
    found.unwrap_or_else(|_| {
        let said: Vec<String> = operators.iter().map(|operator| operator.said()).collect();
        panic!("not within {DEADLINE:?}: {what}\nstatus: {last}\n{}", said.join("\n---\n"))
    })
}

fn is_up_to_date(cluster: &Cluster, nodes: i64) -> Option<String> {
    let status = cluster.fleet_status();
    let is_so = status["nodes"]["ready"] == nodes
        && status["nodes"]["updated"] == nodes
        && cluster.condition("Progressing")["reason"] == "UpToDate"
        && status["stableRevision"] == status["targetRevision"];
    is_so.then(|| status["stableRevision"].as_str().unwrap().to_owned())
}

#[test]
fn an_operator_does_not_work_with_definitions_older_than_its_own() {
    let directory = Directory::new();
    let cluster = Cluster::start(&directory);
    cluster.age_definitions();
    let finished = run(&mut Operator::command(&cluster, "one"), DEADLINE);
    finished.expect_code(64);
    assert!(finished.stderr.contains("schema version 0"), "{}", finished.stderr);
    assert!(finished.stderr.contains("upgrade the chart `trigpoint-crds`"), "{}", finished.stderr);
}

#[test]
fn a_plan_is_told_from_a_file_without_a_cluster() {
    let directory = Directory::new();
    let cluster = Cluster::start(&directory);
    cluster.add_node("node-1", true);
    cluster.apply_fleet(&json!({}));
    let kinds = "mfleet,mnode,nodes,pods,controllerrevisions,daemonsets,services,configmaps";
    let objects = cluster.kubectl(["get", kinds, "--namespace", "measurement", "--output", "json"]);
    let file = directory.join("objects.json");
    std::fs::write(&file, objects).unwrap();
    let mut plan = program::trigpoint();
    plan.args(["fleet", "plan", "--file"]).arg(&file);
    let planned = run(&mut plan, DEADLINE);
    let text = &planned.expect_code(0).stdout;
    assert!(text.contains("next: store revision stations-"), "{text}");
    assert!(text.contains("next: make the record of node-1"), "{text}");
}

#[test]
fn a_person_drains_a_node_and_pauses_a_fleet_by_a_word() {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    for node in ["node-1", "node-2"] {
        cluster.add_node(node, true);
    }
    cluster.apply_fleet(&json!({}));
    let operator = Operator::start(&cluster, "one");
    until(&mut cluster, &[&operator], "the fleet serves", |c| is_up_to_date(c, 2));

    program::say(&cluster, &["drain", "node-1", "--reason", "a new disk comes"]);
    until(&mut cluster, &[&operator], "the node is empty", |cluster| {
        (cluster.label("node-1").is_none() && cluster.draining().is_none()).then_some(())
    });
    let status = program::say(&cluster, &["status"]);
    assert!(status.contains("fleet stations: target") && status.contains("node-1"), "{status}");
    program::say(&cluster, &["undrain", "node-1"]);
    until(&mut cluster, &[&operator], "the node serves again", |c| is_up_to_date(c, 2));

    program::say(&cluster, &["pause"]);
    cluster.change_fleet(&json!({"template": {"image": "example.org/trigpoint:2"}}));
    until(&mut cluster, &[&operator], "the fleet is paused", |cluster| {
        let condition = cluster.condition("Paused");
        (condition["status"] == "True" && condition["reason"] == "Paused").then_some(())
    });
    assert_eq!(cluster.releases(), 1);
    program::say(&cluster, &["resume"]);
    let newer = until(&mut cluster, &[&operator], "the fleet goes on", |cluster| {
        is_up_to_date(cluster, 2).filter(|_| cluster.releases() == 3)
    });
    program::say(&cluster, &["rollback"]);
    let older = until(&mut cluster, &[&operator], "the fleet is back", |cluster| {
        is_up_to_date(cluster, 2).filter(|revision| *revision != newer)
    });
    assert_eq!(cluster.label("node-1"), Some(older));
}

/// It cannot know for how long it was stopped: whatever it wants to write next, its
/// time is over by a clock that ran on.
#[test]
fn a_leader_that_was_stopped_finds_another_one_leading_and_exits() {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    cluster.add_node("node-1", true);
    cluster.apply_fleet(&json!({}));
    let first = Operator::start(&cluster, "one");
    until(&mut cluster, &[&first], "the fleet serves", |c| is_up_to_date(c, 1));
    first.signal(Signal::STOP);
    cluster.change_fleet(&json!({"template": {"image": "example.org/trigpoint:2"}}));
    let second = Operator::start(&cluster, "two");
    until(&mut cluster, &[&second], "the second one goes on", |c| {
        is_up_to_date(c, 1).filter(|_| c.releases() == 1)
    });
    first.signal(Signal::CONT);
    let finished = first.finished();
    finished.expect_code(1);
    assert!(
        finished.stderr.contains("the lease `trigpoint-operator` is lost"),
        "{}",
        finished.stderr
    );
    let rounds = second.metric("trigpoint_operator_rounds_total");
    until(&mut cluster, &[&second], "three more rounds", |cluster| {
        cluster.touch_node("node-1");
        (second.metric("trigpoint_operator_rounds_total") >= rounds + 3.0).then_some(())
    });
    assert_eq!(cluster.releases(), 1);
}
