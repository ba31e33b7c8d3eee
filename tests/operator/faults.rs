//! An operator that is killed anywhere, and two that both think that they lead.

use std::sync::Arc;

use serde_json::json;
use trigpoint_operator::Error;
use trigpoint_testkit::{Directory, eventually};

use crate::cluster::Cluster;
use crate::running::{DEADLINE, Door, Fate, Running};
use crate::{is_up_to_date, until};

/// Each of these hands every node over once more, to an image of its own.
struct Handoffs {
    cluster: Cluster,
    done: usize,
    _directory: Directory,
}

impl Handoffs {
    fn new() -> Self {
        let directory = Directory::new();
        let mut cluster = Cluster::start(&directory);
        cluster.add_node("node-1", true);
        cluster.apply_fleet(&json!({}));
        let operator = Running::start(&cluster, "one");
        until(&mut cluster, "the fleet serves", |c| is_up_to_date(c, 1));
        operator.kill();
        Self { cluster, done: 0, _directory: directory }
    }

    /// One handoff by an operator that ends at its change `at`, and by its successor;
    /// false if there were not so many.
    fn hand_over(&mut self, at: usize, fate: Fate, wipes_status: bool) -> bool {
        self.done += 1;
        let cluster = &mut self.cluster;
        let image = format!("example.org/trigpoint:handoff-{}", self.done);
        cluster.change_fleet(&json!({"template": {"image": image}}));
        let operator = Running::behind(cluster, "one", Door::killing(at, fate), None);
        let what = format!("the operator is killed at change {at} ({fate:?}), or is done");
        until(cluster, &what, |cluster| {
            let is_over = operator.door().is_killed() || is_up_to_date(cluster, 1).is_some();
            is_over.then_some(())
        });
        let was_killed = operator.door().is_killed();
        let seen = operator.door().seen();
        operator.kill();
        if wipes_status {
            cluster.wipe_statuses();
        }
        let successor = Running::start(cluster, "one");
        until(cluster, &format!("the successor ends it after {seen:?}"), |cluster| {
            let is_there = cluster.image("node-1").as_ref() == Some(&image);
            is_up_to_date(cluster, 1).filter(|_| is_there)
        });
        successor.kill();
        // The node was released once, whoever did it.
        assert_eq!(self.cluster.releases(), self.done, "{what}: {seen:?}");
        was_killed
    }

    /// Up to the last change of a handoff, each or every third.
    fn everywhere(&mut self, wipes_status: bool) {
        let is_full = std::env::var_os("TRIGPOINT_PROVE").is_some_and(|form| form == "full");
        let step = if is_full { 1 } else { 3 };
        let mut at = 1;
        let mut kills = 0;
        while self.hand_over(at, Fate::KilledBefore, wipes_status) {
            kills += 1;
            if self.hand_over(at, Fate::KilledAfter, wipes_status) {
                kills += 1;
            }
            at += step;
        }
        println!("killed {kills} times, at changes 1 to {at}; statuses wiped: {wipes_status}");
        assert!(at > 10, "a handoff has more changes than {at}");
    }
}

#[test]
fn an_operator_that_is_killed_at_any_change_is_gone_on_for() {
    Handoffs::new().everywhere(false);
}

#[test]
fn also_where_every_status_is_lost_with_it() {
    Handoffs::new().everywhere(true);
}

#[test]
fn of_two_operators_one_acts_and_the_other_takes_over() {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    cluster.add_node("node-1", true);
    let first = Running::start(&cluster, "one");
    eventually(DEADLINE, "the first one leads", || {
        (first.metric("trigpoint_operator_leader") > 0).then_some(())
    });
    let second = Running::start(&cluster, "two");
    cluster.apply_fleet(&json!({}));
    until(&mut cluster, "the fleet serves", |c| is_up_to_date(c, 1));
    assert_eq!(second.door().changes(), 0);
    first.stop();
    cluster.change_fleet(&json!({"template": {"image": "example.org/trigpoint:2"}}));
    until(&mut cluster, "the second one goes on", |c| is_up_to_date(c, 1));
    assert_eq!(cluster.releases(), 1);
}

/// A Lease fences nothing: what a leader has sent may arrive long after another one
/// did its work.
#[test]
fn what_a_leader_sent_and_comes_too_late_changes_nothing_and_it_ends_by_itself() {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    cluster.add_node("node-1", true);
    cluster.apply_fleet(&json!({}));
    let door = Door::open();
    let first = Running::behind(&cluster, "one", Arc::clone(&door), None);
    until(&mut cluster, "the fleet serves", |c| is_up_to_date(c, 1));
    // It is about to release the node.
    door.stop_at("PATCH /api/v1/nodes/node-1");
    cluster.change_fleet(&json!({"template": {"image": "example.org/trigpoint:2"}}));
    until(&mut cluster, "its request is under way", |_| door.is_stopped().then_some(()));
    let second = Running::start(&cluster, "two");
    until(&mut cluster, "the second one does it", |c| is_up_to_date(c, 1));
    // It cannot have renewed its Lease for longer than others wait.
    until(&mut cluster, "the first one has ended", |_| first.has_ended().then_some(()));
    let arrived = door.seen().len();
    door.go_on();
    let last = until(&mut cluster, "its request arrives", |_| door.seen().get(arrived).cloned());
    assert_eq!(last, "PATCH /api/v1/nodes/node-1 409");
    assert!(matches!(first.ended(), Err(Error::LeaseLost { .. })));
    assert_eq!(cluster.releases(), 1);
    until(&mut cluster, "the fleet is as it was", |c| is_up_to_date(c, 1));
    second.stop();
}
