//! A new version goes over the nodes while people test their lines there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Instant, SystemTime};

use serde_json::{Value, json};

use crate::cluster::{Cluster, IMAGE, NEXT_IMAGE, NODES};
use crate::faults::Paced;
use crate::fleet::{self, Fleet, Times};
use crate::full;
use crate::release::until_rows;
use crate::sessions::{Away, Clients, expect_unharmed};

/// Three in the short form, and beyond twenty in full.
fn rollouts() -> usize {
    if full() { 7 } else { 1 }
}

#[test]
fn no_session_is_harmed_by_a_handoff() {
    let cluster = Cluster::find();
    let (release, fleet, mut revision) = fleet::install(&cluster);
    cluster.tag_image(NEXT_IMAGE);
    let addresses: Vec<String> = NODES.iter().map(|node| fleet.address(*node)).collect();
    let _lines = Paced::lines(addresses.len());
    let clients = Clients::start(&cluster, "handoff", &addresses);
    let mut times = Times::new();
    let mut away = Vec::new();
    for rollout in 0..rollouts() {
        // Each client is in the middle of its sessions.
        let before = clients.finished();
        fleet.until("sessions go on", |_| (clients.finished() >= before + 6).then_some(()));
        let image = if rollout % 2 == 0 { NEXT_IMAGE } else { IMAGE };
        fleet.change(&json!({"template": {"image": image}}));
        let newer = follow(&fleet, &revision, &mut times, &mut away);
        assert_ne!(newer, revision);
        revision = newer;
    }
    let before = clients.finished();
    fleet.until("sessions go on", |_| (clients.finished() >= before + 6).then_some(()));
    let sessions = clients.stop();
    let account = expect_unharmed(&release, "handoff", &sessions, &away);
    println!(
        "{} handoffs, {}; {} sessions unharmed, {} sent away before they began",
        3 * rollouts(),
        times.figures(),
        account.whole,
        account.sent_away
    );
    for node in NODES {
        let drain = &fleet.node(node.name)["status"]["lastDrain"];
        assert_eq!(drain["outcome"], "Clean", "{drain}");
        assert_eq!((&drain["aborted"], &drain["unflushedRows"]), (&json!(0), &json!(0)), "{drain}");
    }
    // Rows of both revisions, on each node, and of no other.
    let sql = "SELECT machine, count(DISTINCT revision) AS revisions FROM speed_tests \
               WHERE revision IS NOT NULL GROUP BY 1";
    until_rows(&release, "rows of both revisions", sql, |rows| {
        (rows.len() == 3 && rows.iter().all(|row| row["revisions"] == 2)).then_some(())
    });
}

/// Watches a rollout to its end: one node at a time, and never two stations on one.
#[track_caller]
fn follow(fleet: &Fleet<'_>, before: &str, times: &mut Times, away: &mut Vec<Away>) -> String {
    // When a node was found without a label, and when it was looked at before that.
    let mut since = BTreeMap::new();
    let mut done = BTreeSet::new();
    let mut looked = SystemTime::now();
    let newer = fleet.until("the new version is everywhere", |object| {
        let looked_before = std::mem::replace(&mut looked, SystemTime::now());
        let pods = fleet.pods();
        for node in NODES {
            let here: Vec<&Value> =
                pods.iter().filter(|pod| pod["spec"]["nodeName"] == node.name).collect();
            assert!(here.len() <= 1, "two stations on {}: {here:#?}", node.name);
            let label = fleet.label(node.name);
            if label.is_none() {
                since.entry(node.name).or_insert((Instant::now(), looked_before));
            } else if label.as_deref() != Some(before)
                && here.iter().any(|pod| is_ready(pod))
                && done.insert(node.name)
                && let Some((start, since)) = since.get(node.name)
            {
                times.add(*start);
                let (address, until) = (fleet.address(node), SystemTime::now());
                away.push(Away { address, since: *since, until });
            }
        }
        let status = &object["status"];
        let unavailable = NODES.iter().filter(|node| {
            !pods.iter().any(|pod| pod["spec"]["nodeName"] == node.name && is_ready(pod))
        });
        assert!(unavailable.count() <= 1, "more than one station is away: {status:#}");
        let is_there = status["stableRevision"] == status["targetRevision"]
            && status["stableRevision"] != before
            && status["nodes"]["updated"] == NODES.len()
            && status["nodes"]["ready"] == NODES.len();
        is_there.then(|| status["stableRevision"].as_str().unwrap().to_owned())
    });
    assert_eq!(done.len(), NODES.len(), "a handoff was not seen");
    newer
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    pod["metadata"]["deletionTimestamp"].is_null()
        && conditions
            .into_iter()
            .flatten()
            .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}
