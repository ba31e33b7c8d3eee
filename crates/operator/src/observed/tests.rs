//! Objects as an API server gives them, and what the planner sees in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use trigpoint_crd::MeasurementNode;
use trigpoint_crd::node::DrainOutcome;
use trigpoint_rollout::{Observed, Presence, ProbeOutcome, Readiness, Revision, SelfTest, Time};

use super::{Seen, drain_of, observed};
use crate::desired::tests::fleet;
use crate::time::from_text;
use crate::view::View;
use crate::watch::Unreadable;

const REVISION: &str = "stations-0123456789";

fn object<K: DeserializeOwned>(value: Value) -> Arc<K> {
    Arc::new(serde_json::from_value(value).unwrap())
}

fn now() -> Time {
    from_text("2026-11-27T08:00:00Z").unwrap()
}

fn node(name: &str, labels: &Value) -> Arc<Node> {
    object(json!({
        "metadata": {"name": name, "uid": format!("{name}-uid"), "resourceVersion": "7", "labels": labels},
        "spec": {},
        "status": {
            "conditions": [{
                "type": "Ready", "status": "True", "lastTransitionTime": "2026-11-27T07:00:00Z",
            }],
            "nodeInfo": {"kernelVersion": "6.12.94", "architecture": "amd64"},
        },
    }))
}

fn record(name: &str) -> Arc<MeasurementNode> {
    object(json!({
        "apiVersion": "trigpoint.dev/v1alpha1",
        "kind": "MeasurementNode",
        "metadata": {"name": name, "namespace": "measurement"},
        "spec": {"nodeName": name, "nodeUid": format!("{name}-uid"), "fleet": "stations",
                 "assignedRevision": REVISION},
    }))
}

fn pod(component: &str, node: &str, more: &Value) -> Arc<Pod> {
    let mut pod = json!({
        "metadata": {
            "name": format!("{component}-{node}"),
            "namespace": "measurement",
            "uid": format!("{component}-{node}-uid"),
            "creationTimestamp": "2026-11-27T07:00:00Z",
            "labels": {
                "trigpoint.dev/fleet": "stations",
                "app.kubernetes.io/component": component,
                "trigpoint.dev/revision": REVISION,
            },
        },
        "spec": {"nodeName": node, "containers": []},
        "status": {},
    });
    for part in ["metadata", "spec", "status"] {
        for (key, value) in more[part].as_object().into_iter().flatten() {
            if let (Some(inner), Some(added)) = (pod[part][key].as_object_mut(), value.as_object())
            {
                inner.extend(added.clone());
            } else {
                pod[part][key] = value.clone();
            }
        }
    }
    object(pod)
}

fn view(nodes: Vec<Arc<Node>>, records: Vec<Arc<MeasurementNode>>, pods: Vec<Arc<Pod>>) -> View {
    View { nodes, records, pods, ..View::of(Arc::new(fleet(&json!({})))) }
}

fn see(view: &View) -> Observed {
    observed(view, &mut Seen::default(), now()).unwrap()
}

fn one(view: &View) -> trigpoint_rollout::Node {
    see(view).nodes["node-1"].as_ref().clone()
}

fn selected() -> Vec<Arc<Node>> {
    vec![node("node-1", &json!({"station": "true", "topology.kubernetes.io/zone": "lga03"}))]
}

#[test]
fn nodes_are_those_that_are_selected_labelled_or_have_a_pod() {
    let label = trigpoint_crd::REVISION_LABEL;
    let nodes = vec![
        node("selected", &json!({"station": "true"})),
        node("labelled", &json!({label: REVISION})),
        node("with-pod", &json!({})),
        node("foreign", &json!({label: "others-0123456789"})),
        node("other", &json!({"station": "false"})),
    ];
    let seen = see(&view(nodes, Vec::new(), vec![pod("station", "with-pod", &json!({}))]));
    let names: Vec<&str> = seen.nodes.keys().map(String::as_str).collect();
    assert_eq!(names, ["labelled", "selected", "with-pod"]);
    assert_eq!(seen.nodes["labelled"].label, Some(Revision::new(REVISION)));
    assert!(!seen.nodes["labelled"].is_selected && seen.nodes["selected"].is_selected);
}

#[test]
fn of_two_fleets_that_select_a_node_the_one_with_its_record_has_it() {
    let mut view = view(selected(), Vec::new(), Vec::new());
    view.taken = BTreeMap::from([("node-1".to_owned(), "others".to_owned())]);
    assert!(see(&view).nodes.is_empty());
}

/// As if it had no record, it would be given one, which is refused again and again.
#[test]
fn a_node_whose_record_cannot_be_read_is_not_looked_at_and_the_others_are() {
    let label = trigpoint_crd::REVISION_LABEL;
    let nodes = vec![
        node("node-1", &json!({"station": "true", label: REVISION})),
        node("node-2", &json!({"station": "true"})),
    ];
    let mut view = view(nodes, Vec::new(), vec![pod("station", "node-1", &json!({}))]);
    let metadata = json!({
        "name": "node-1", "namespace": "measurement", "labels": {"trigpoint.dev/fleet": "stations"},
    });
    view.unreadable = vec![Arc::new(Unreadable {
        kind: "MeasurementNode".to_owned(),
        api_version: "trigpoint.dev/v1alpha1".to_owned(),
        metadata: serde_json::from_value(metadata).unwrap(),
        why: "unknown variant `Postponed`".to_owned(),
    })];
    assert_eq!(see(&view).nodes.keys().collect::<Vec<_>>(), ["node-2"]);
    let told = format!("{:?}", crate::status::troubles(&view));
    for word in ["Unreadable", "MeasurementNode `node-1`", "Postponed", "upgrade the operator"] {
        assert!(told.contains(word), "{told}");
    }
}

#[test]
fn a_node_is_what_its_object_says() {
    let seen = one(&view(selected(), Vec::new(), Vec::new()));
    assert_eq!((seen.uid.as_str(), seen.version.as_str()), ("node-1-uid", "7"));
    let since = from_text("2026-11-27T07:00:00Z");
    assert_eq!((seen.presence, seen.ready_since), (Presence::Ready, since));
    assert_eq!(seen.site.as_deref(), Some("lga03"));
    assert_eq!(seen.kernel.as_deref(), Some("6.12.94"));
    let mut away = Node::clone(&selected()[0]);
    away.status.as_mut().unwrap().conditions.as_mut().unwrap()[0].status = "Unknown".to_owned();
    away.spec.as_mut().unwrap().unschedulable = Some(true);
    let seen = one(&view(vec![Arc::new(away)], Vec::new(), Vec::new()));
    assert_eq!((seen.presence, seen.ready_since), (Presence::NotReady, None));
    assert!(seen.is_cordoned);
}

#[test]
fn a_node_that_is_gone_is_gone_since_its_record_says_so() {
    let unknown = see(&view(Vec::new(), vec![record("node-1")], Vec::new()));
    assert_eq!(unknown.nodes["node-1"].presence, Presence::Vanished { since: now() });
    let mut told = MeasurementNode::clone(&record("node-1"));
    told.status = Some(
        serde_json::from_value(json!({"conditions": [{
            "type": "Running", "status": "False", "reason": "NodeVanished", "message": "",
            "lastTransitionTime": "2026-11-27T06:00:00Z",
        }]}))
        .unwrap(),
    );
    let known = see(&view(Vec::new(), vec![Arc::new(told)], Vec::new()));
    let since = from_text("2026-11-27T06:00:00Z").unwrap();
    assert_eq!(known.nodes["node-1"].presence, Presence::Vanished { since });
}

#[test]
fn a_pod_that_is_not_bound_yet_counts_for_the_node_that_it_is_meant_for() {
    let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchFields": [
            {"key": "metadata.name", "operator": "In", "values": ["node-1"]},
        ]}],
    }}});
    let waiting =
        pod("station", "node-1", &json!({"spec": {"nodeName": null, "affinity": affinity}}));
    let seen = one(&view(selected(), Vec::new(), vec![waiting]));
    assert_eq!(seen.pods.len(), 1);
    assert!(seen.pods[0].is_unscheduled);
}

#[test]
fn a_station_is_ready_since_its_condition_says_so_and_stuck_where_the_kubelet_is() {
    let ready = json!({"status": {"conditions": [
        {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-27T07:30:00Z"},
    ]}});
    let seen = one(&view(selected(), Vec::new(), vec![pod("station", "node-1", &ready)]));
    let since = from_text("2026-11-27T07:30:00Z").unwrap();
    assert_eq!(seen.pods[0].readiness, Readiness::Ready { since });
    assert_eq!(seen.pods[0].failure, None);

    let crashing = json!({"status": {"containerStatuses": [{
        "name": "server", "ready": false, "restartCount": 3, "image": "", "imageID": "",
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
        "lastState": {"terminated": {"exitCode": 64, "message": "error: no such congestion control"}},
    }]}});
    let seen = one(&view(selected(), Vec::new(), vec![pod("station", "node-1", &crashing)]));
    let failure = seen.pods[0].failure.clone().unwrap();
    assert!(failure.contains("CrashLoopBackOff") && failure.contains("`server`"), "{failure}");
    // Why it crashed, and not how long the kubelet waits.
    assert!(failure.contains("no such congestion control"), "{failure}");

    let starting = json!({"status": {"containerStatuses": [{
        "name": "server", "ready": false, "restartCount": 0, "image": "", "imageID": "",
        "state": {"waiting": {"reason": "ContainerCreating"}},
    }]}});
    let seen = one(&view(selected(), Vec::new(), vec![pod("station", "node-1", &starting)]));
    assert_eq!(seen.pods[0].failure, None);
}

fn probe(uid: &str, status: &Value) -> Arc<Pod> {
    let annotations = json!({"trigpoint.dev/node": "node-1", "trigpoint.dev/node-uid": uid});
    pod("probe", "node-1", &json!({"metadata": {"annotations": annotations}, "status": status}))
}

fn ended(phase: &str, code: i32, message: &str) -> Value {
    json!({"phase": phase, "containerStatuses": [{
        "name": "server", "ready": false, "restartCount": 0, "image": "", "imageID": "",
        "state": {"terminated": {
            "exitCode": code, "message": message, "finishedAt": "2026-11-27T07:50:00Z",
        }},
    }]})
}

#[test]
fn a_probe_proves_its_revision_and_tells_facts() {
    let facts = r#"{"congestionControls":["cubic","bbr"],"virtualization":"kvm","ipv6":false}"#;
    let probes = vec![probe("node-1-uid", &ended("Succeeded", 0, facts))];
    let seen = one(&view(selected(), vec![record("node-1")], probes)).record.unwrap();
    let at = from_text("2026-11-27T07:50:00Z").unwrap();
    let proven = &seen.probes[&Revision::new(REVISION)];
    assert_eq!((proven.at, &proven.outcome), (at, &ProbeOutcome::Passed));
    let facts = seen.facts.unwrap();
    // When the kubelet saw it end, whatever a machine's own clock says.
    assert_eq!(facts.measured_at, at);
    assert!(facts.congestion_controls.unwrap().contains("bbr"));
    assert_eq!((facts.ipv4, facts.ipv6), (None, Some(false)));
    // No probe told it, so it is not known.
    assert_eq!(facts.link_mbps, None);
}

#[test]
fn a_probe_that_fails_says_why_and_one_of_an_earlier_node_counts_for_nothing() {
    let failed = |status: &Value| {
        let probes = vec![probe("node-1-uid", status)];
        let record = one(&view(selected(), vec![record("node-1")], probes)).record.unwrap();
        record.probes[&Revision::new(REVISION)].outcome.clone()
    };
    let ProbeOutcome::Failed { message } =
        failed(&ended("Failed", 64, "error: `bbr` is not there"))
    else {
        panic!("it failed")
    };
    assert!(message.contains("ended with 64") && message.contains("`bbr` is not there"));
    // The kubelet tries for ever; the probe need not.
    let pulling = json!({"phase": "Pending", "containerStatuses": [{
        "name": "server", "ready": false, "restartCount": 0, "image": "", "imageID": "",
        "state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}},
    }]});
    assert!(matches!(failed(&pulling), ProbeOutcome::Failed { .. }));
    assert_eq!(failed(&json!({"phase": "Running"})), ProbeOutcome::Running);

    let earlier = vec![probe("another-uid", &ended("Succeeded", 0, "{}"))];
    let seen = one(&view(selected(), vec![record("node-1")], earlier)).record.unwrap();
    assert!(seen.probes.is_empty() && seen.facts.is_none());
}

#[test]
fn the_newest_test_of_a_station_counts() {
    let station = pod("station", "node-1", &json!({}));
    let test = |created: &str, phase: &str| {
        pod(
            "self-test",
            "node-2",
            &json!({
                "metadata": {
                    "creationTimestamp": created,
                    "labels": {"trigpoint.dev/tested-pod": "station-node-1-uid"},
                },
                "status": {"phase": phase},
            }),
        )
    };
    let see = |tests: Vec<Arc<Pod>>| {
        let pods = std::iter::once(Arc::clone(&station)).chain(tests).collect();
        one(&view(selected(), Vec::new(), pods)).pods[0].self_test.clone()
    };
    assert_eq!(see(Vec::new()), SelfTest::NotRun);
    let [early, late] = ["2026-11-27T07:10:00Z", "2026-11-27T07:20:00Z"];
    assert_eq!(see(vec![test(early, "Failed"), test(late, "Succeeded")]), SelfTest::Passed);
    assert_eq!(see(vec![test(late, "Running"), test(early, "Succeeded")]), SelfTest::Running);
}

/// A node whose station left, of which each container said that.
fn departed(said: &[(&str, Value)]) -> View {
    let container = |(name, said): &(&str, Value)| {
        let message = if said.is_null() { String::new() } else { said.to_string() };
        let mut status = ended("Succeeded", 0, &message)["containerStatuses"][0].clone();
        status["name"] = json!(name);
        status
    };
    let containers: Vec<Value> = said.iter().map(container).collect();
    let status = json!({"phase": "Succeeded", "containerStatuses": containers});
    let mut left = view(selected(), vec![record("node-1")], Vec::new());
    left.departed = vec![Pod::clone(&pod("station", "node-1", &json!({"status": status})))];
    left
}

/// As `trigpoint_process::termination` writes it.
fn outcome(aborted: &Value, unflushed: &Value) -> Value {
    json!({
        "at": "2026-11-27T07:49:59Z", "outcome": "Unknown", "version": "0.1.0", "seconds": 12,
        "aborted": aborted, "completed": 2, "flushedRows": 40, "unflushedRows": unflushed,
        "drainMs": 11_000, "flushMs": 500,
    })
}

#[test]
fn what_a_station_says_at_its_end_is_its_drain() {
    let drain = |server: Value, traceroute: Value| {
        let left = departed(&[("server", server), ("traceroute", traceroute)]);
        drain_of(&left, "node-1").unwrap()
    };
    let good = || outcome(&json!(0), &json!(0));
    let clean = drain(good(), outcome(&Value::Null, &json!(0)));
    assert_eq!(clean.outcome, DrainOutcome::Clean);
    assert_eq!((clean.aborted, clean.completed), (Some(0), Some(2)));
    // Of both programs together.
    assert_eq!((clean.flushed_rows, clean.unflushed_rows), (Some(80), Some(0)));
    assert_eq!(clean.seconds, Some(12));
    assert_eq!(drain(outcome(&json!(1), &json!(0)), good()).outcome, DrainOutcome::Cut);
    let lost = drain(outcome(&json!(0), &json!(3)), outcome(&Value::Null, &json!(4)));
    assert_eq!((lost.outcome, lost.unflushed_rows), (DrainOutcome::Cut, Some(7)));
    // Nobody told: unknown, and not none.
    let silent = drain(Value::Null, Value::Null);
    assert_eq!(silent.outcome, DrainOutcome::Unknown);
    assert_eq!((silent.aborted, silent.unflushed_rows), (None, None));
    let half = drain(good(), Value::Null);
    assert_eq!((half.outcome, half.unflushed_rows), (DrainOutcome::Unknown, None));
    let half = drain(outcome(&json!(0), &json!(3)), Value::Null);
    assert_eq!((half.outcome, half.unflushed_rows), (DrainOutcome::Cut, Some(3)));
}

#[test]
fn rows_that_are_left_are_lost_but_for_those_on_a_host_path() {
    let rows = |view: &View| one(view).record.unwrap().last_drain.unwrap().unflushed_rows;
    let left = outcome(&json!(0), &json!(3));
    let mut left = departed(&[("server", left), ("traceroute", outcome(&Value::Null, &json!(0)))]);
    assert_eq!(rows(&left), Some(3));
    left.fleet = Arc::new(fleet(&json!({
        "network": {"profile": "host"}, "spool": {"hostPath": "/var/lib/trigpoint"},
    })));
    assert_eq!(rows(&left), Some(0));
    assert_eq!(drain_of(&left, "node-1").unwrap().outcome, DrainOutcome::Clean);
    assert_eq!(rows(&departed(&[("server", Value::Null)])), None);
}

#[test]
fn a_test_that_finds_addresses_rewritten_is_held_against_its_node() {
    let test = |node_uid: &str, rewritten: &Value| {
        let said = json!({"server": "ws://192.0.2.1:30080", "clientAddressRewritten": rewritten});
        let mut status = ended("Succeeded", 0, &said.to_string());
        status["containerStatuses"][0]["name"] = json!("speedtest");
        let annotations =
            json!({"trigpoint.dev/node": "node-1", "trigpoint.dev/node-uid": node_uid});
        pod(
            "self-test",
            "node-2",
            &json!({
                "metadata": {"annotations": annotations, "labels": {"trigpoint.dev/tested-pod": "gone"}},
                "status": status,
            }),
        )
    };
    let keeps = |test: Arc<Pod>| {
        let probe = probe("node-1-uid", &ended("Succeeded", 0, "{}"));
        let seen = one(&view(selected(), vec![record("node-1")], vec![probe, test]));
        seen.record.unwrap().facts.unwrap().keeps_client_address
    };
    assert_eq!(keeps(test("node-1-uid", &json!(true))), Some(false));
    assert_eq!(keeps(test("node-1-uid", &json!(false))), Some(true));
    assert_eq!(keeps(test("node-1-uid", &Value::Null)), None);
    // It was another node.
    assert_eq!(keeps(test("another-uid", &json!(true))), None);
}

#[test]
fn whatever_changes_of_a_node_is_seen_in_the_next_round() {
    let mut seen = Seen::default();
    let mut look =
        |view: &View| Arc::clone(&observed(view, &mut seen, now()).unwrap().nodes["node-1"]);
    let annotations =
        json!({"trigpoint.dev/node": "node-1", "trigpoint.dev/node-uid": "node-1-uid"});
    let tested = json!({
        "metadata": {
            "annotations": annotations,
            "labels": {"trigpoint.dev/tested-pod": "station-node-1-uid"},
        },
        "status": {"phase": "Succeeded"},
    });
    let mut seeing =
        view(selected(), vec![record("node-1")], vec![pod("station", "node-1", &json!({}))]);
    let first = look(&seeing);
    assert!(Arc::ptr_eq(&first, &look(&seeing)), "it was looked at again for nothing");
    // Each of these is an object of its own.
    seeing =
        View { pods: [seeing.pods, vec![pod("self-test", "node-2", &tested)]].concat(), ..seeing };
    seeing.index.take();
    assert_eq!(look(&seeing).pods[0].self_test, SelfTest::Passed);
    let proven = probe("node-1-uid", &ended("Succeeded", 0, "{}"));
    seeing.pods.push(proven);
    seeing.index.take();
    assert_eq!(look(&seeing).record.as_ref().unwrap().probes.len(), 1);
    seeing.pods.pop();
    seeing.index.take();
    assert_eq!(look(&seeing).record.as_ref().unwrap().probes.len(), 0);
    seeing.pods.remove(0);
    seeing.index.take();
    assert!(look(&seeing).pods.is_empty());
    seeing.records.clear();
    seeing.index.take();
    assert!(look(&seeing).record.is_none());
    seeing.nodes = vec![node("node-1", &json!({"station": "true"}))];
    seeing.index.take();
    assert_eq!(look(&seeing).site, None);
    seeing.fleet = Arc::new(fleet(&json!({"rollout": {"waves": [
        {"name": "canary", "nodes": {"matchLabels": {"station": "true"}}},
        {"name": "everywhere", "percent": 100},
    ]}})));
    assert!(look(&seeing).waves.contains("canary"));
}
