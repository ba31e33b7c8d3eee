//! Nodes that fail, in the three ways in which they do.

use serde_json::json;
use trigpoint_testkit::eventually;

use crate::cluster::{Cluster, DEADLINE, NEXT_IMAGE, NODES, Node};
use crate::faults::{Forbidden, Killed, Paced, kill_containers, link};
use crate::fleet::{self, Fleet, STATION, label_nodes};
use crate::release::{NAMESPACE, Release};
use crate::sessions::{self, Clients, expect_unharmed};

/// The one that fails; the tables are on another.
const LOST: Node = NODES[2];

#[test]
fn tests_go_on_while_the_kubelet_is_away() {
    let cluster = Cluster::find();
    let (release, fleet, _) = fleet::install(&cluster);
    let before = fleet.pod(LOST.name).unwrap();
    let _lines = Paced::lines(1);
    let clients = Clients::start(&cluster, "kubelet", &[fleet.address(LOST)]);
    let kubelet = Killed::now(&cluster, &format!("kubelet-{}", LOST.name));
    let containerd = Killed::now(&cluster, &format!("containerd-{}", LOST.name));
    fleet.until("sessions go on", |_| (clients.finished() >= 5).then_some(()));
    containerd.start_again(&cluster, || true);
    kubelet.start_kubelet_again(&cluster, LOST);
    let finished = clients.finished();
    fleet.until("sessions go on", |_| (clients.finished() >= finished + 5).then_some(()));
    let sessions = clients.stop();
    let account = expect_unharmed(&release, "kubelet", &sessions, &[]);
    assert_eq!(account.sent_away, 0);
    assert_eq!(fleet.pod(LOST.name).unwrap()["metadata"]["uid"], before["metadata"]["uid"]);
}

#[test]
fn a_rollout_goes_on_without_a_node_that_is_lost_and_its_rows_arrive_once_it_is_back() {
    let cluster = Cluster::find();
    let release = Release::install(&cluster, &json!({}));
    cluster.tag_image(NEXT_IMAGE);
    label_nodes(&cluster);
    let rollout = json!({"maxLost": 1, "nodeDeadline": "1m"});
    let fleet = Fleet::create(&cluster, NAMESPACE, "stations", &json!({"rollout": rollout}));
    fleet.until_up_to_date(NODES.len());
    // The collector is out of the node's reach, so that rows stay in its spool.
    let collector = Forbidden::port(LOST, 9400);
    let before = fleet.spooled(LOST);
    let session = sessions::one(&cluster, &fleet.address(LOST), "kept");
    assert!(session.is_whole(), "{session:?}");
    fleet.until("both tests are in the spool", |_| {
        (fleet.spooled(LOST) == before + 2).then_some(())
    });
    let kubelet = Killed::now(&cluster, &format!("kubelet-{}", LOST.name));
    kill_containers(LOST);
    link(LOST, "down");
    drop(collector);
    fleet.until("the node is told to be lost", |_| {
        let running = fleet.node_condition(LOST.name, "Running");
        (running["reason"] == "NodeNotReady" || running["reason"] == "NodeLost").then_some(())
    });

    fleet.change(&json!({"template": {"image": NEXT_IMAGE}}));
    fleet.until("the other two are on the new version", |fleet| {
        (fleet["status"]["nodes"]["updated"] == 2).then_some(())
    });

    link(LOST, "up");
    kubelet.start_kubelet_again(&cluster, LOST);
    fleet.until_up_to_date(NODES.len());
    release.until_both_rows("kept", "direction");
}

#[test]
fn a_node_that_is_gone_in_the_middle_of_its_handoff_is_let_go_of() {
    let cluster = Cluster::find();
    let _release = Release::install(&cluster, &json!({}));
    cluster.tag_image(NEXT_IMAGE);
    label_nodes(&cluster);
    let changes = json!({"drain": {"lameDuck": "30s"}, "rollout": {"maxLost": 1}});
    let fleet = Fleet::create(&cluster, NAMESPACE, "stations", &changes);
    let older = fleet.until_up_to_date(NODES.len());
    // Its lame duck lasts for as long as they come back.
    let clients = Clients::start(&cluster, "vanish", &[fleet.address(LOST)]);
    fleet.until("sessions go on", |_| (clients.finished() >= 2).then_some(()));
    fleet.change(&json!({"template": {"image": NEXT_IMAGE}}));
    fleet.until("its station leaves", |_| fleet.label(LOST.name).is_none().then_some(()));
    assert!(fleet.pod(LOST.name).is_some());
    let kubelet = Killed::now(&cluster, &format!("kubelet-{}", LOST.name));
    let path = format!("/api/v1/nodes/{}", LOST.name);
    cluster.delete(&path);
    fleet.until("it is let go of, and the others go on", |object| {
        let status = &object["status"];
        let is_over = status["nodes"]["updated"] == 2 && status["stableRevision"] != *older;
        let running = fleet.node_condition(LOST.name, "Running");
        (is_over && running["reason"] == "NodeVanished").then_some(())
    });
    clients.stop();
    kubelet.start_kubelet_again(&cluster, LOST);
    eventually(DEADLINE, "the node is registered again", || cluster.get(&path));
    cluster.label_node(LOST.name, STATION, &"true".into());
    assert_ne!(fleet.until_up_to_date(NODES.len()), older);
}

#[test]
fn a_node_that_is_registered_again_is_another_node() {
    let cluster = Cluster::find();
    let (_release, fleet, _) = fleet::install(&cluster);
    let path = format!("/api/v1/nodes/{}", LOST.name);
    let before = cluster.get(&path).unwrap()["metadata"]["uid"].clone();
    let kubelet = Killed::now(&cluster, &format!("kubelet-{}", LOST.name));
    cluster.delete(&path);
    fleet.until("the loss is told, and counted", |object| {
        let running = fleet.node_condition(LOST.name, "Running");
        let is_counted = object["status"]["nodes"]["lost"] == 1;
        (running["reason"] == "NodeVanished" && is_counted).then_some(())
    });
    kubelet.start_kubelet_again(&cluster, LOST);
    let after = eventually(DEADLINE, "the node is registered again", || cluster.get(&path));
    assert_ne!(after["metadata"]["uid"], before);
    cluster.label_node(LOST.name, STATION, &"true".into());
    fleet.until_up_to_date(NODES.len());
    let record = fleet.node(LOST.name);
    assert_eq!(record["spec"]["nodeUid"], after["metadata"]["uid"], "{record}");
    assert_eq!(fleet.node_condition(LOST.name, "Qualified")["status"], "True");
}
