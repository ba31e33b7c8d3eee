//! What people do to a fleet while it is brought to a new version.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trigpoint_testkit::eventually;

use crate::cluster::{Cluster, DEADLINE, IMAGE, NEXT_IMAGE, NODES};
use crate::fleet::{Fleet, REVISION, label_nodes};
use crate::release::{NAMESPACE, Release};

const STABLE: &str = NODES[0].name;
const CANARY: &str = NODES[1].name;
/// It does not qualify at first.
const LATE: &str = NODES[2].name;
/// What no pod without privilege can find out of a node.
const LINK: &str = "trigpoint.dev/link-mbps";

#[test]
fn a_rollout_waits_for_people_and_does_what_they_say() {
    let cluster = Cluster::find();
    let _release = Release::install(&cluster, &json!({}));
    cluster.tag_image(NEXT_IMAGE);
    label_nodes(&cluster);
    cluster.label_node(CANARY, "canary", &"true".into());
    for (node, speed) in [(STABLE, "10000"), (CANARY, "10000"), (LATE, "100")] {
        cluster.label_node(node, LINK, &speed.into());
    }
    let fleet = Fleet::create(&cluster, NAMESPACE, "stations", &gated());
    let older = fleet.until_up_to_date(2);
    let listed = cluster.kubectl(["get", "mnode", LATE, "--namespace", NAMESPACE]);
    assert!(listed.expect_code(0).stdout.contains("LinkTooSlow"), "{}", listed.stdout);

    // Too few tests are no pass.
    fleet.change(&json!({"template": {"image": NEXT_IMAGE}}));
    until_paused(&fleet, "GateInconclusive");
    let newer = fleet.label(CANARY).unwrap();
    assert_ne!(newer, older);
    assert_eq!(fleet.label(STABLE).as_ref(), Some(&older));

    // Who comes now, and who comes back, gets the stable revision.
    cluster.label_node(LATE, LINK, &"10000".into());
    until_serves(&fleet, LATE, &older);
    let before = uid(&fleet, STABLE);
    cluster.delete(&path_of_pod(&fleet, STABLE));
    until_serves(&fleet, STABLE, &older);
    assert_ne!(uid(&fleet, STABLE), before);

    // A person's yes to the canary moves nothing in a fleet that is paused.
    say(&fleet, "pause", &[]);
    until_paused(&fleet, "Paused");
    say(&fleet, "approve", &["canary"]);
    until_looked_at(&fleet);
    assert_eq!(
        [STABLE, LATE].map(|node| fleet.label(node)),
        [Some(older.clone()), Some(older.clone())]
    );
    say(&fleet, "resume", &[]);
    assert_eq!(fleet.until_up_to_date(NODES.len()), newer);
    let told = told(&fleet);
    println!("{}", told.join(", "));
    // The first rollout is of two nodes, the second of three, and one joined in between.
    let order =
        ["RolloutStarted", "Claimed", "Verified", "GateInconclusive", "WavePassed", "Promoted"];
    let second = told.iter().rposition(|reason| reason == "RolloutStarted").unwrap();
    assert_eq!(told[second - 1], "Promoted");
    let mut found = told[second..].iter();
    for reason in order {
        assert!(found.any(|told| told == reason), "{reason} is not where it belongs: {told:?}");
    }

    say(&fleet, "rollback", &[]);
    assert_eq!(fleet.until_up_to_date(NODES.len()), older);
    assert_eq!(fleet.pod(CANARY).unwrap()["spec"]["containers"][0]["image"], IMAGE);

    fleet.delete();
    for node in NODES {
        assert_eq!(fleet.label(node.name), None);
    }
    eventually(DEADLINE, "no station is left", || fleet.pods().is_empty().then_some(()));
    assert!(daemon_sets(&cluster).is_empty());
    for node in NODES {
        cluster.label_node(node.name, LINK, &Value::Null);
    }
}

#[test]
fn what_people_edit_is_made_again_and_what_a_newer_version_says_is_kept() {
    let cluster = Cluster::find();
    let _release = Release::install(&cluster, &json!({}));
    label_nodes(&cluster);
    let fleet = Fleet::create(&cluster, NAMESPACE, "stations", &json!({}));
    let revision = fleet.until_up_to_date(NODES.len());

    // Its pods would be those of somebody else, one by one as they end.
    let stations = fleet.pods();
    let sets = daemon_sets(&cluster);
    let set = &sets[&revision];
    let path = format!("/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets/{revision}");
    let mut template = set["spec"]["template"].clone();
    template["spec"]["containers"][0]["image"] = "localhost/trigpoint:of-somebody".into();
    cluster.change(&path, &json!({"spec": {"template": template}}));
    eventually(DEADLINE, "the DaemonSet is as it was", || {
        (cluster.get(&path).unwrap()["spec"] == set["spec"]).then_some(())
    });
    assert_eq!(uids(&fleet.pods()), uids(&stations));

    // A person's mistake with a label ends that station, and it comes back.
    cluster.label_node(LATE, REVISION, &Value::Null);
    fleet.until("the station is gone, or another one", |_| {
        (fleet.pod(LATE).map(|pod| pod["metadata"]["uid"].clone()) != Some(uid_in(&stations, LATE)))
            .then_some(())
    });
    until_serves(&fleet, LATE, &revision);

    // The definitions of a newer version, which has one more optional field.
    let definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/\
                      measurementfleets.trigpoint.dev";
    let versions = cluster.get(definition).unwrap()["spec"]["versions"].clone();
    let mut wider = versions.clone();
    let spec = "/0/schema/openAPIV3Schema/properties/spec/properties";
    wider.pointer_mut(spec).unwrap()["remark"] = json!({"type": "string"});
    cluster.change(definition, &json!({"spec": {"versions": wider}}));
    fleet.until("the API server keeps the new field", |object| {
        fleet.change(&json!({"remark": "of a newer version"}));
        (object["spec"]["remark"] == "of a newer version").then_some(())
    });
    cluster.tag_image(NEXT_IMAGE);
    fleet.change(&json!({"template": {"image": NEXT_IMAGE}}));
    let newer = fleet.until("the new version is everywhere", |object| {
        let stable = object["status"]["stableRevision"].as_str().unwrap();
        (stable != revision).then(|| stable.to_owned())
    });
    assert_eq!(fleet.until_up_to_date(NODES.len()), newer);
    assert_eq!(fleet.object()["spec"]["remark"], "of a newer version");
    fleet.change(&json!({"remark": Value::Null}));
    cluster.change(definition, &json!({"spec": {"versions": versions}}));
}

/// A canary whose gate wants more tests than there will be.
fn gated() -> Value {
    json!({
        "qualification": {"minLinkMbps": 1000},
        "rollout": {"waves": [
            {"name": "canary", "nodes": {"matchLabels": {"canary": "true"}}, "bake": "2s",
             "gates": ["throughput"]},
            {"name": "everywhere", "percent": 100, "bake": "0s"},
        ]},
        "gates": [{
            "name": "throughput", "metric": "DownloadThroughput", "baseline": "Stable",
            "marginPercent": 20, "minSamples": 1000, "window": "10m", "interval": "10s",
            "inconclusiveLimit": 0,
        }],
        "syntheticTests": {"gigabytesPerDay": 0},
    })
}

#[track_caller]
fn say(fleet: &Fleet<'_>, word: &str, more: &[&str]) {
    let mut command = fleet.cluster.outside(crate::cluster::trigpoint());
    command.args(["fleet", word, fleet.name]).args(more).args(["--namespace", fleet.namespace]);
    trigpoint_testkit::run(&mut command, DEADLINE).expect_code(0);
}

#[track_caller]
fn until_paused(fleet: &Fleet<'_>, reason: &str) {
    fleet.until(reason, |_| (fleet.condition("Paused")["reason"] == reason).then_some(()));
}

#[track_caller]
fn until_serves(fleet: &Fleet<'_>, node: &str, revision: &str) {
    fleet.until(&format!("{node} serves"), |_| {
        let is_there = fleet.label(node).as_deref() == Some(revision);
        (is_there && fleet.node(node)["status"]["pod"]["ready"] == true).then_some(())
    });
}

/// The operator has planned on what the fleet says now.
#[track_caller]
fn until_looked_at(fleet: &Fleet<'_>) {
    fleet.until("the operator has seen it", |object| {
        let seen = &object["status"]["observedGeneration"];
        (*seen == object["metadata"]["generation"]).then_some(())
    });
}

/// Reasons of the fleet's Events, in the order in which they came.
fn told(fleet: &Fleet<'_>) -> Vec<String> {
    let path = format!("/apis/events.k8s.io/v1/namespaces/{}/events", fleet.namespace);
    let mut events = fleet.cluster.list(&path);
    events.retain(|event| event["regarding"]["name"] == fleet.name);
    events.sort_by_key(|event| event["eventTime"].as_str().map(str::to_owned));
    events.iter().map(|event| event["reason"].as_str().unwrap().to_owned()).collect()
}

/// The operator's, by name.
fn daemon_sets(cluster: &Cluster) -> BTreeMap<String, Value> {
    let sets = cluster.list(&format!("/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets"));
    let named = |set: Value| (set["metadata"]["name"].as_str().unwrap().to_owned(), set);
    sets.into_iter().map(named).collect()
}

fn path_of_pod(fleet: &Fleet<'_>, node: &str) -> String {
    let pod = fleet.pod(node).unwrap();
    let name = pod["metadata"]["name"].as_str().unwrap();
    format!("/api/v1/namespaces/{}/pods/{name}", fleet.namespace)
}

fn uid(fleet: &Fleet<'_>, node: &str) -> Value {
    uid_in(&fleet.pods(), node)
}

fn uid_in(pods: &[Value], node: &str) -> Value {
    let pod = pods.iter().find(|pod| pod["spec"]["nodeName"] == node).unwrap();
    pod["metadata"]["uid"].clone()
}

fn uids(pods: &[Value]) -> BTreeMap<String, Value> {
    let named = |pod: &Value| {
        (pod["spec"]["nodeName"].as_str().unwrap().to_owned(), pod["metadata"]["uid"].clone())
    };
    pods.iter().map(named).collect()
}
