//! An operator that is killed anywhere, and two that both think that they lead.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use trigpoint_operator::{Error, Settings};
use trigpoint_testkit::{Directory, eventually};

use crate::cluster::Cluster;
use crate::running::{DEADLINE, Door, Fate, Running, settings};
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
#[track_caller]
fn comes_too_late(request: &'static str) {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    cluster.add_node("node-1", true);
    cluster.apply_fleet(&json!({}));
    let door = Door::open();
    let first = Running::behind(&cluster, "one", Arc::clone(&door), None);
    until(&mut cluster, "the fleet serves", |c| is_up_to_date(c, 1));
    door.stop_at(request);
    cluster.change_fleet(&json!({"template": {"image": "example.org/trigpoint:2"}}));
    until(&mut cluster, "its request is under way", |_| door.is_stopped().then_some(()));
    let second = Running::start(&cluster, "two");
    until(&mut cluster, "the second one does it", |c| is_up_to_date(c, 1));
    // It cannot have renewed its Lease for longer than others wait.
    until(&mut cluster, "the first one has ended", |_| first.has_ended().then_some(()));
    let arrived = door.seen().len();
    door.go_on();
    let last = until(&mut cluster, "its request arrives", |_| door.seen().get(arrived).cloned());
    assert_eq!(last, format!("{request} 409"));
    assert!(matches!(first.ended(), Err(Error::LeaseLost { .. })));
    assert_eq!(cluster.releases(), 1);
    until(&mut cluster, "the fleet is as it was", |c| is_up_to_date(c, 1));
    second.stop();
}

#[test]
fn a_release_that_comes_too_late_changes_nothing_and_who_sent_it_ends_by_itself() {
    comes_too_late("PATCH /api/v1/nodes/node-1");
}

#[test]
fn a_claim_that_comes_too_late_changes_nothing_and_who_sent_it_ends_by_itself() {
    comes_too_late("PUT /api/v1/namespaces/measurement/configmaps/stations-ledger");
}

/// No watch needs a bookmark to be known as alive, which come once a minute.
const STREAM_DEADLINE: Duration = Duration::from_secs(30);

#[test]
fn a_watch_that_is_dead_is_renewed_and_where_that_does_not_help_liveness_says_so() {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    cluster.add_node("node-1", true);
    cluster.apply_fleet(&json!({}));
    let door = Door::open();
    let settings = Settings { stream_deadline: STREAM_DEADLINE, ..settings("one") };
    let operator = Running::with(&cluster, settings, Arc::clone(&door), None).unwrap();
    until(&mut cluster, "the fleet serves", |c| is_up_to_date(c, 1));
    let change =
        |image: &str| json!({"template": {"image": format!("example.org/trigpoint:{image}")}});
    let is_there = |cluster: &Cluster, image: &str| {
        let runs = cluster.image("node-1")?;
        runs.ends_with(image).then(|| is_up_to_date(cluster, 1)).flatten()
    };

    // TCP itself would tell in a quarter of an hour.
    door.hush_watches();
    cluster.change_fleet(&change("2"));
    until(&mut cluster, "it looks anew, and sees the change", |cluster| {
        assert_eq!(operator.is_alive(), Ok(()));
        is_there(cluster, "2")
    });

    let quiet_since = Instant::now();
    door.set_deaf(true);
    door.hush_watches();
    let said = until(&mut cluster, "it says that it is blind", |_| operator.is_alive().err());
    let after = quiet_since.elapsed();
    println!("blind: told after {} s, of {} s", after.as_secs(), STREAM_DEADLINE.as_secs());
    assert!(said.contains("the watch of") && said.contains("is silent"), "{said}");
    // For as long as its Lease is renewed nobody else would look.
    assert!(!operator.has_ended());

    door.set_deaf(false);
    until(&mut cluster, "it sees again", |_| operator.is_alive().ok());
    cluster.change_fleet(&change("3"));
    until(&mut cluster, "it goes on", |cluster| is_there(cluster, "3"));
}

/// A short form of twelve minutes without an API server.
#[test]
fn after_the_api_server_was_away_nothing_is_lost_and_there_is_no_burst() {
    const NODES: usize = 8;
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    let nodes: Vec<String> = (1..=NODES).map(|number| format!("node-{number}")).collect();
    for (number, node) in nodes.iter().enumerate() {
        cluster.add_node_at(node, &number.to_string());
    }
    cluster.apply_fleet(&json!({"rollout": {
        "waves": [{"name": "everywhere", "percent": 100, "bake": "0s", "maxParallel": NODES}],
        "maxUnavailable": NODES,
    }}));
    let door = Door::open();
    let first = Running::behind(&cluster, "one", Arc::clone(&door), None);
    until(&mut cluster, "the fleet serves", |c| is_up_to_date(c, NODES as i64));
    // In the middle of it, all of them.
    cluster.hold_drains(true);
    cluster.change_fleet(&json!({"template": {"image": "example.org/trigpoint:2"}}));
    until(&mut cluster, "stations drain", |c| (c.all_draining().len() >= NODES / 2).then_some(()));
    door.set_away(true);
    until(&mut cluster, "it ends with its Lease", |_| first.has_ended().then_some(()));
    assert!(matches!(first.ended(), Err(Error::LeaseLost { .. })));
    // As a kubelet starts it again, which does not help yet.
    let again = Running::with(&cluster, settings("one"), Arc::clone(&door), None);
    assert!(matches!(again.err(), Some(Error::Api { .. })));
    cluster.hold_drains(false);
    cluster.step();

    // It is back, and everybody wants something at once.
    let door = Door::open();
    let settings = Settings { writes_per_second: 5.0, ..settings("one") };
    let second = Running::with(&cluster, settings, Arc::clone(&door), None).unwrap();
    until(&mut cluster, "the second revision is everywhere", |c| is_up_to_date(c, NODES as i64));
    for node in &nodes {
        assert_eq!(cluster.image(node).as_deref(), Some("example.org/trigpoint:2"));
    }
    assert_eq!(cluster.releases(), NODES);
    let writes = door.writes();
    // What is sent on time may arrive together, but not for five seconds.
    let most = writes
        .iter()
        .map(|from| {
            let window = *from..*from + Duration::from_secs(5);
            writes.iter().filter(|write| window.contains(*write)).count()
        })
        .max();
    println!("{} writes, at most {most:?} in 5 s", writes.len());
    assert!(writes.len() > 2 * 5 * 5, "{}", writes.len());
    assert!(most.unwrap() <= 5 * 5 + 2, "{most:?}");
    second.stop();
}
