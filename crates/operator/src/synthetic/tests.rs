//! Who is tested next, from where, and when enough was moved.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use trigpoint_rollout::{GateRecord, Measurement, Wait};

use super::*;
use crate::desired::tests::fleet;
use crate::time::from_text;

const STABLE: &str = "stations-aaaaaaaaaa";
const TARGET: &str = "stations-bbbbbbbbbb";

fn now() -> Time {
    from_text("2026-11-27T08:00:00Z").unwrap()
}

fn object<K: DeserializeOwned>(value: Value) -> Arc<K> {
    Arc::new(serde_json::from_value(value).unwrap())
}

fn node(name: &str, revision: Option<&str>, site: &str) -> Arc<Node> {
    let mut node = json!({
        "metadata": {"name": name, "uid": name, "labels": {"topology.kubernetes.io/zone": site}},
        "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    });
    if let Some(revision) = revision {
        node["metadata"]["labels"][trigpoint_crd::REVISION_LABEL] = revision.into();
    }
    object(node)
}

fn station(node: &str, revision: &str) -> Arc<Pod> {
    object(json!({
        "metadata": {
            "name": format!("station-{node}"), "namespace": "measurement", "uid": format!("pod-{node}"),
            "labels": {
                "trigpoint.dev/fleet": "stations", "app.kubernetes.io/component": "station",
                "trigpoint.dev/revision": revision,
            },
        },
        "spec": {"nodeName": node, "containers": []},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }))
}

/// A canary and two others, one of them at the canary's site.
fn view(gate: &Value) -> View {
    let mut gates =
        json!([{"name": "throughput", "metric": "DownloadThroughput", "marginPercent": 10}]);
    gates[0].as_object_mut().unwrap().extend(gate.as_object().unwrap().clone());
    let stations = [("canary", TARGET, "a"), ("node-1", STABLE, "a"), ("node-2", STABLE, "b")];
    View {
        nodes: stations.iter().map(|(name, has, site)| node(name, Some(has), site)).collect(),
        pods: stations.iter().map(|(name, has, _)| station(name, has)).collect(),
        ..View::of(Arc::new(fleet(&json!({
            "gates": gates,
            "rollout": {"waves": [
                {"name": "canary", "nodes": {"matchLabels": {"canary": "true"}},
                 "gates": ["throughput"]},
                {"name": "everywhere", "percent": 100},
            ]},
        }))))
    }
}

fn report(verdict: Verdict) -> FleetReport {
    let last = Measurement {
        verdict,
        value: None,
        baseline: None,
        samples: 3,
        said: String::new(),
        at: now(),
    };
    FleetReport {
        stable: Some(Revision::new(STABLE)),
        target: Revision::new(TARGET),
        wave: Some("canary".to_owned()),
        selected: 3,
        qualified: 3,
        excluded: 0,
        updated: 1,
        ready: 3,
        unavailable: 0,
        lost: 0,
        failed: 0,
        in_flight: Vec::new(),
        gates: vec![GateRecord {
            gate: "throughput".to_owned(),
            wave: "canary".to_owned(),
            revision: Revision::new(TARGET),
            failed: 0,
            in_a_row: 1,
            since: now(),
            last,
        }],
        paused: None,
        progressing: Wait { reason: Reason::GatePending, message: String::new(), until: None },
    }
}

fn lacks() -> FleetReport {
    report(Verdict::Inconclusive)
}

/// Whom the next test is of, and from where.
fn chosen(view: &View) -> Option<(String, String)> {
    match next(view, &lacks(), now()) {
        Turn::Test(test) => Some((test.tested.node.name_any(), test.from.name_any())),
        Turn::Rest | Turn::Wait(_) => None,
    }
}

fn is_rest(view: &View, report: &FleetReport) -> bool {
    matches!(next(view, report, now()), Turn::Rest)
}

/// A test of that number, of the same day, that moved so many bytes after others.
fn test(number: u64, before: u64, moved: Option<u64>, at: &str) -> Arc<Pod> {
    let account = json!({"number": number, "day": &at[..10], "bytes": before, "most": 0});
    let words =
        moved.map_or_else(|| "no route".to_owned(), |bytes| json!({"bytes": bytes}).to_string());
    object(json!({
        "metadata": {
            "name": format!("stations-synthetic-test-{number}"), "namespace": "measurement",
            "uid": number.to_string(), "creationTimestamp": at,
            "labels": {
                "trigpoint.dev/fleet": "stations",
                "app.kubernetes.io/component": "synthetic-test",
            },
            "annotations": {"trigpoint.dev/synthetic-account": account.to_string()},
        },
        "spec": {"containers": []},
        "status": {
            "phase": if moved.is_some() { "Succeeded" } else { "Failed" },
            "containerStatuses": [{
                "name": "speedtest", "ready": false, "restartCount": 0, "image": "", "imageID": "",
                "state": {"terminated": {"exitCode": 0, "message": words, "finishedAt": at}},
            }],
        },
    }))
}

fn running(number: u64, at: &str) -> Arc<Pod> {
    let mut pod = Pod::clone(&test(number, 0, Some(1), at));
    pod.status = Some(serde_json::from_value(json!({"phase": "Running"})).unwrap());
    Arc::new(pod)
}

const EARLIER: &str = "2026-11-27T07:00:00Z";

/// The tests that follow on each other.
fn sequence(view: &mut View, length: u64) -> Vec<(String, String)> {
    (0..length)
        .map(|number| {
            let next = chosen(view).unwrap();
            view.pods.push(test(number, 0, Some(1), EARLIER));
            next
        })
        .collect()
}

fn pairs(told: &[(String, String)]) -> Vec<(&str, &str)> {
    told.iter().map(|(tested, from)| (tested.as_str(), from.as_str())).collect()
}

#[test]
fn canary_and_baseline_take_turns_and_a_pair_comes_from_one_place() {
    let mut with_stable = view(&json!({}));
    let told = sequence(&mut with_stable, 4);
    assert_eq!(
        pairs(&told),
        [("canary", "node-2"), ("node-1", "node-2"), ("canary", "node-1"), ("node-2", "node-1")]
    );
    // A node without a station disturbs none.
    let mut with_spare = view(&json!({}));
    with_spare.nodes.push(node("spare", None, "b"));
    let told = sequence(&mut with_spare, 2);
    assert_eq!(pairs(&told), [("canary", "spare"), ("node-1", "spare")]);
}

#[test]
fn a_baseline_is_where_the_gate_has_it() {
    let mut same_site = view(&json!({"baseline": "SameSite"}));
    let told: Vec<_> = sequence(&mut same_site, 4).into_iter().map(|(tested, _)| tested).collect();
    assert_eq!(told, ["canary", "node-1", "canary", "node-1"]);
    // What was before cannot be tested any more.
    let mut previous = view(&json!({"baseline": "Previous"}));
    let told: Vec<_> = sequence(&mut previous, 2).into_iter().map(|(tested, _)| tested).collect();
    assert_eq!(told, ["canary", "canary"]);
}

#[test]
fn two_nodes_test_each_other_and_one_has_nobody_to_ask() {
    let mut two = view(&json!({}));
    two.nodes.pop();
    two.pods.pop();
    let told = sequence(&mut two, 2);
    assert_eq!(pairs(&told), [("canary", "node-1"), ("node-1", "canary")]);
    let mut one = view(&json!({}));
    one.nodes.truncate(1);
    one.pods.truncate(1);
    assert_eq!(chosen(&one), None);
}

#[test]
fn nothing_is_tested_that_no_gate_wants() {
    let wanted = view(&json!({}));
    assert!(!is_rest(&wanted, &lacks()));
    for verdict in [Verdict::Pass, Verdict::Fail, Verdict::Error] {
        assert!(is_rest(&wanted, &report(verdict)), "{verdict:?}");
    }
    let of_another_wave = FleetReport { wave: Some("everywhere".to_owned()), ..lacks() };
    assert!(is_rest(&wanted, &of_another_wave));
    let without_waves = FleetReport { wave: None, ..lacks() };
    assert!(is_rest(&wanted, &without_waves));
    let paused = |reason| FleetReport {
        paused: Some(Wait { reason, message: String::new(), until: None }),
        ..lacks()
    };
    assert!(is_rest(&wanted, &paused(Reason::Paused)));
    // That is what they are to mend.
    assert!(!is_rest(&wanted, &paused(Reason::GateInconclusive)));
    let spool = json!({"metric": "SpoolAgeSeconds", "marginPercent": null, "limit": 60});
    assert!(is_rest(&view(&spool), &lacks()));
    let mut off = view(&json!({}));
    Arc::make_mut(&mut off.fleet).spec.synthetic_tests.gigabytes_per_day = 0;
    assert!(is_rest(&off, &lacks()));
}

#[test]
fn stations_and_nodes_that_are_not_well_are_left_alone() {
    let mut unready = view(&json!({}));
    Arc::make_mut(&mut unready.pods[0]).status = None;
    assert_eq!(chosen(&unready), None);
    let mut tainted = view(&json!({}));
    Arc::make_mut(&mut tainted.nodes[2]).spec = Some(
        serde_json::from_value(json!({"taints": [{"key": "k", "effect": "NoSchedule"}]})).unwrap(),
    );
    let (tested, from) = chosen(&tainted).unwrap();
    assert_eq!((tested.as_str(), from.as_str()), ("canary", "node-1"));
}

#[test]
fn one_runs_at_a_time_and_one_that_does_not_end_is_given_up() {
    let wait = |view: &View| match next(view, &lacks(), now()) {
        Turn::Wait(until) => Some(until),
        Turn::Rest | Turn::Test(_) => None,
    };
    let mut busy = view(&json!({}));
    busy.pods.push(running(0, "2026-11-27T07:58:00Z"));
    assert_eq!(wait(&busy), from_text("2026-11-27T08:03:00Z"));
    let mut stuck = view(&json!({}));
    stuck.pods.push(running(0, "2026-11-27T07:55:00Z"));
    assert!(chosen(&stuck).is_some());
    let mut failed = view(&json!({}));
    failed.pods.push(test(0, 0, None, "2026-11-27T07:59:30Z"));
    assert_eq!(wait(&failed), from_text("2026-11-27T08:00:30Z"));
}

#[test]
fn what_was_moved_today_ends_it_until_tomorrow() {
    let gigabytes = |before: u64, moved: Option<u64>, at: &str| {
        let mut view = view(&json!({}));
        Arc::make_mut(&mut view.fleet).spec.synthetic_tests.gigabytes_per_day = 10;
        view.pods.push(test(7, before * GIGABYTE, moved.map(|moved| moved * GIGABYTE), at));
        match next(&view, &lacks(), now()) {
            Turn::Test(test) => Ok(test.account),
            Turn::Wait(until) => Err(Some(until)),
            Turn::Rest => Err(None),
        }
    };
    let account = gigabytes(5, Some(2), EARLIER).unwrap();
    assert_eq!((account.number, account.bytes, account.most), (8, 7 * GIGABYTE, 2 * GIGABYTE));
    // Another one of that size would go beyond it.
    assert_eq!(gigabytes(7, Some(2), EARLIER), Err(from_text("2026-11-28T00:00:00Z")));
    // A day is another budget, and what one test moves is known all the same.
    let account = gigabytes(9, Some(2), "2026-11-26T23:00:00Z").unwrap();
    assert_eq!((account.bytes, account.most), (0, 2 * GIGABYTE));
}

#[test]
fn a_test_that_broke_off_counts_as_much_as_the_largest() {
    let mut account = Account::of(&test(1, 40, None, EARLIER)).unwrap();
    account.most = 9;
    let mut broken = Pod::clone(&test(1, 40, None, EARLIER));
    broken.annotations_mut().insert(names::SYNTHETIC_ACCOUNT.to_owned(), account.to_text());
    assert_eq!(Account::after(Some(&broken), now()).bytes, 49);
}

#[test]
fn only_the_newest_test_is_of_use_and_for_a_day() {
    let mut view = view(&json!({}));
    let [older, newer] = [test(9, 0, Some(1), EARLIER), test(10, 0, Some(1), EARLIER)];
    view.pods.extend([Arc::clone(&newer), Arc::clone(&older)]);
    assert!(is_waste(&view, &older, now()));
    assert!(!is_waste(&view, &newer, now()));
    assert!(is_waste(&view, &newer, now() + TimeDelta::hours(24)));
}

#[test]
fn a_station_in_flight_gives_no_samples() {
    let view = view(&json!({}));
    let flight = trigpoint_rollout::InFlight {
        node: "canary".to_owned(),
        step: trigpoint_rollout::Step::Verify,
        since: now(),
        attempt: 1,
    };
    assert!(is_rest(&view, &FleetReport { in_flight: vec![flight], ..lacks() }));
}
