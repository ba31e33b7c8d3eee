//! What the rows say decides whether a rollout goes on.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::sync::watch;
use trigpoint_operator::fleet::Word;
use trigpoint_operator::{Answering, Gates, Settings};
use trigpoint_testkit::{Directory, merge};
use trigpoint_wire::gate::{MeasureRequest, MeasureResponse, Verdict};

use crate::cluster::Cluster;
use crate::running::{Door, Running, certificates, settings};
use crate::{is_up_to_date, three_more_rounds, until};

/// A query service that answers the same until it is told otherwise.
#[derive(Debug)]
struct Service {
    verdict: Mutex<Verdict>,
    /// Answers as long as this is not set.
    is_silent: watch::Sender<bool>,
    asked: Mutex<Vec<MeasureRequest>>,
}

impl Gates for Service {
    fn measure(&self, asked: MeasureRequest) -> Answering<'_> {
        self.asked.lock().unwrap().push(asked);
        let mut answer = MeasureResponse {
            value: Some(9.0),
            samples: 120,
            explanation: "9 of 1,000 tests failed".to_owned(),
            ..MeasureResponse::default()
        };
        answer.set_verdict(*self.verdict.lock().unwrap());
        let mut is_silent = self.is_silent.subscribe();
        Box::pin(async move {
            is_silent.wait_for(|is_silent| !is_silent).await.unwrap();
            Ok(answer)
        })
    }
}

struct Canary {
    cluster: Cluster,
    operator: Running,
    service: Arc<Service>,
    stable: String,
    _directory: Directory,
}

/// A fleet whose canary has a new image, and is judged so.
fn canary(verdict: Verdict, changes: &Value) -> Canary {
    canary_of(verdict, &json!({"rollout": changes}), settings("one"))
}

fn canary_of(verdict: Verdict, changes: &Value, settings: Settings) -> Canary {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    cluster.add_node_with("canary", &json!({"station": "true", "canary": "true"}));
    cluster.add_node("node-1", true);
    let mut spec = json!({
        "rollout": {"waves": [
            {"name": "canary", "nodes": {"matchLabels": {"canary": "true"}}, "bake": "0s",
             "gates": ["failures"]},
            {"name": "everywhere", "percent": 100, "bake": "0s"},
        ]},
        "gates": [{
            "name": "failures", "metric": "FailedTestsPerThousand", "limit": 5,
            "inconclusiveLimit": 0,
        }],
    });
    merge(&mut spec, changes);
    cluster.apply_fleet(&spec);
    let service = Arc::new(Service {
        verdict: Mutex::new(verdict),
        is_silent: watch::Sender::new(false),
        asked: Mutex::default(),
    });
    let gates: Arc<dyn Gates> = Arc::<Service>::clone(&service);
    let operator = Running::with(&cluster, settings, Door::open(), Some(gates)).unwrap();
    // Nothing is judged before there is something to compare with.
    let stable = until(&mut cluster, "the fleet serves", |c| is_up_to_date(c, 2));
    assert!(service.asked.lock().unwrap().is_empty());
    cluster.change_fleet(&json!({"template": {"image": "example.org/trigpoint:2"}}));
    Canary { cluster, operator, service, stable, _directory: directory }
}

#[track_caller]
fn until_paused(canary: &mut Canary, reason: &str) -> String {
    until(&mut canary.cluster, "the fleet is paused", |cluster| {
        let condition = cluster.condition("Paused");
        let is_so = condition["status"] == "True" && condition["reason"] == reason;
        is_so.then(|| condition["message"].as_str().unwrap().to_owned())
    })
}

#[test]
fn a_canary_that_fails_its_gate_pauses_the_fleet_and_no_other_node_is_touched() {
    let mut canary = canary(Verdict::Fail, &json!({}));
    let said = until_paused(&mut canary, "GateFailed");
    assert!(said.contains("`failures`") && said.contains('9'), "{said}");
    three_more_rounds(&mut canary.cluster, &canary.operator);
    assert_eq!(canary.cluster.label("node-1"), Some(canary.stable.clone()));
    assert_eq!(canary.cluster.image("canary").as_deref(), Some("example.org/trigpoint:2"));
    assert_eq!(canary.cluster.releases(), 1);
    let status = canary.cluster.fleet_status();
    assert_eq!(status["gates"][0]["verdict"], "Fail", "{status}");
    assert_eq!(canary.cluster.condition("GatesPassed")["status"], "False");
    assert!(canary.cluster.events().contains(&"GateFailed".to_owned()));
    // It asked for what the fleet says, of the two revisions.
    let asked = canary.service.asked.lock().unwrap();
    assert_eq!(asked[0].baseline_revision, canary.stable);
    assert_eq!(asked[0].revision, status["targetRevision"].as_str().unwrap());
}

#[test]
fn with_rollback_a_canary_that_fails_returns_to_the_stable_revision() {
    let mut canary = canary(Verdict::Fail, &json!({"onFailure": "Rollback"}));
    until(&mut canary.cluster, "the canary was released twice, and is back", |cluster| {
        let is_back = cluster.image("canary").as_deref() == Some("example.org/trigpoint:1");
        (is_back && cluster.releases() == 2).then_some(())
    });
    three_more_rounds(&mut canary.cluster, &canary.operator);
    assert_eq!(canary.cluster.releases(), 2);
    assert_eq!(canary.cluster.label("node-1"), Some(canary.stable));
}

#[test]
fn too_few_samples_are_no_pass_and_a_person_may_answer_for_them() {
    let mut canary = canary(Verdict::Inconclusive, &json!({}));
    until_paused(&mut canary, "GateInconclusive");
    three_more_rounds(&mut canary.cluster, &canary.operator);
    assert_eq!(canary.cluster.releases(), 1);
    canary.operator.say(&Word::Approve { wave: "canary".to_owned() });
    until(&mut canary.cluster, "the fleet goes on", |c| is_up_to_date(c, 2));
    assert_eq!(canary.cluster.image("node-1").as_deref(), Some("example.org/trigpoint:2"));
}

#[test]
fn a_canary_that_passes_its_gate_lets_the_rest_follow() {
    let mut canary = canary(Verdict::Pass, &json!({}));
    until(&mut canary.cluster, "the second revision is everywhere", |c| is_up_to_date(c, 2));
    assert!(canary.cluster.events().contains(&"GatePassed".to_owned()));
}

#[test]
fn a_query_service_that_does_not_answer_holds_up_no_other_fleet() {
    let mut canary = canary(Verdict::Pass, &json!({}));
    canary.service.is_silent.send_replace(true);
    let service = Arc::clone(&canary.service);
    until(&mut canary.cluster, "the gate is asked for", |_| {
        (!service.asked.lock().unwrap().is_empty()).then_some(())
    });
    canary.cluster.add_node_with("node-2", &json!({"station": "other"}));
    let others = json!({"nodeSelector": {"matchLabels": {"station": "other"}}});
    canary.cluster.apply_fleet_as("others", &others);
    until(&mut canary.cluster, "another fleet comes about", |cluster| {
        let condition = cluster.condition_of("others", "Progressing");
        (condition["reason"] == "UpToDate").then_some(())
    });
    assert!(canary.cluster.label("node-2").unwrap().starts_with("others-"));
    assert_eq!(canary.cluster.label("node-1"), Some(canary.stable));
    // Once, however many rounds there were.
    assert_eq!(service.asked.lock().unwrap().len(), 1);
    service.is_silent.send_replace(false);
    until(&mut canary.cluster, "its answer lets the fleet go on", |c| is_up_to_date(c, 2));
}

/// By an operator that has a key, so that its tests are marked in the data.
fn unsampled(synthetic: &Value) -> Canary {
    let changes = json!({
        "gates": [{
            "name": "failures", "metric": "FailedTestsPerThousand", "limit": 5,
            "inconclusiveLimit": 0, "interval": "10s",
        }],
        "syntheticTests": synthetic,
    });
    let settings = Settings { certificates: Some(certificates()), ..settings("one") };
    canary_of(Verdict::Inconclusive, &changes, settings)
}

#[test]
fn without_users_the_operator_tests_canary_and_others_by_turns_until_the_gate_passes() {
    let mut canary = unsampled(&json!({}));
    let tests = until(&mut canary.cluster, "four tests were made", |cluster| {
        let tests = cluster.samples();
        (tests.len() >= 4).then(|| tests.to_vec())
    });
    let tested: Vec<&str> = tests.iter().map(|test| test.tested.as_str()).collect();
    assert_eq!(tested[..4], ["canary", "node-1", "canary", "node-1"]);
    for test in &tests {
        assert_ne!(test.tested, test.from, "{test:?}");
        assert!(test.is_marked, "{test:?}");
        // What differs is the station, not the client.
        assert_eq!(test.image, "example.org/trigpoint:1");
    }
    *canary.service.verdict.lock().unwrap() = Verdict::Pass;
    until(&mut canary.cluster, "the second revision is everywhere", |c| is_up_to_date(c, 2));
    let made = canary.cluster.samples().len();
    three_more_rounds(&mut canary.cluster, &canary.operator);
    assert_eq!(canary.cluster.samples().len(), made);
}

#[test]
fn its_tests_move_no_more_than_the_fleet_allows_in_a_day_also_after_it_was_killed() {
    // Each of them moves 0.4 GB.
    let mut canary = unsampled(&json!({"gigabytesPerDay": 1}));
    until(&mut canary.cluster, "two tests were made", |cluster| {
        (cluster.samples().len() == 2).then_some(())
    });
    three_more_rounds(&mut canary.cluster, &canary.operator);
    canary.operator.kill();
    let gates: Arc<dyn Gates> = Arc::<Service>::clone(&canary.service);
    let settings = Settings { certificates: Some(certificates()), ..settings("one") };
    let successor = Running::with(&canary.cluster, settings, Door::open(), Some(gates)).unwrap();
    three_more_rounds(&mut canary.cluster, &successor);
    assert_eq!(canary.cluster.samples().len(), 2);
}

#[test]
fn a_fleet_that_wants_no_synthetic_tests_gets_none() {
    let mut canary = unsampled(&json!({"gigabytesPerDay": 0}));
    until_paused(&mut canary, "GateInconclusive");
    three_more_rounds(&mut canary.cluster, &canary.operator);
    assert_eq!(canary.cluster.samples(), []);
}

/// They would be taken for tests of users.
#[test]
fn an_operator_that_cannot_mark_its_tests_makes_none() {
    let mut canary = canary(Verdict::Inconclusive, &json!({}));
    until_paused(&mut canary, "GateInconclusive");
    three_more_rounds(&mut canary.cluster, &canary.operator);
    assert_eq!(canary.cluster.samples(), []);
}
