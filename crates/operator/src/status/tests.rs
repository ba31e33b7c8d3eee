//! What people read of a fleet, from a plan to its conditions.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;
use serde_json::json;
use trigpoint_rollout::{Observed, Revision, RevisionRecord, Time, plan};

use super::conditions::{Said, conditions, say_the_same};
use super::fleet::is_news;
use super::{invalid, of_fleet, troubles};
use crate::desired::desired;
use crate::desired::tests::fleet;
use crate::time::from_text;
use crate::view::View;

fn now() -> Time {
    from_text("2026-11-27T08:00:00Z").unwrap()
}

fn said(is_true: bool, reason: &str, message: &str) -> Vec<Said> {
    vec![Said::new("Ready", is_true, reason, message)]
}

#[test]
fn a_condition_keeps_its_time_until_its_status_changes() {
    let later = from_text("2026-11-27T09:00:00Z").unwrap();
    let first = conditions(said(false, "Starting", ""), &[], Some(1), now(), None);
    let second = conditions(said(false, "Draining", ""), &first, Some(2), later, None);
    assert_eq!(second[0].last_transition_time, first[0].last_transition_time);
    let third = conditions(said(true, "Serving", ""), &second, Some(2), later, None);
    assert_ne!(third[0].last_transition_time, first[0].last_transition_time);
    // A node that is gone is gone since then, although nothing ran before either.
    let gone = conditions(said(false, "Gone", ""), &second, Some(2), later, Some("Gone"));
    assert_ne!(gone[0].last_transition_time, first[0].last_transition_time);
    let still = conditions(said(false, "Gone", ""), &gone, Some(2), now(), Some("Gone"));
    assert_eq!(still[0].last_transition_time, gone[0].last_transition_time);
}

#[test]
fn seconds_that_go_by_are_no_news() {
    let say = |reason: &str, message: &str| {
        conditions(said(false, reason, message), &[], None, now(), None)
    };
    let before = say("IngestUnhealthy", "its oldest row has waited 11 s");
    assert!(say_the_same(&before, &say("IngestUnhealthy", "its oldest row has waited 12 s")));
    assert!(!say_the_same(&before, &say("IngestUnhealthy", "its spool cannot be asked")));
    assert!(!say_the_same(&before, &say("Draining", "its oldest row has waited 11 s")));
    assert!(!say_the_same(&before, &[]));
}

#[test]
fn a_message_is_cut_to_what_the_definition_takes() {
    let long = conditions(said(false, "Failed", &"é".repeat(5000)), &[], None, now(), None);
    assert_eq!(long[0].message.chars().count(), 4096);
    let whole = conditions(said(false, "Failed", &"é".repeat(4096)), &[], None, now(), None);
    assert!(whole[0].message.ends_with('é'));
}

#[test]
fn a_fleet_without_nodes_says_what_it_waits_for_and_says_it_once() {
    let mut fleet = fleet(&json!({}));
    let observed = Observed { is_collector_up: true, ..Observed::default() };
    let wanted = desired(&fleet, Revision::new("stations-0123456789")).unwrap();
    let plan = plan(&wanted, &observed, now());
    let status = of_fleet(&fleet, &observed, &plan, &[], now());
    let types: Vec<&str> = status.conditions.iter().map(|c| c.type_.as_str()).collect();
    assert_eq!(types, ["Ready", "Progressing", "Paused", "Qualified", "GatesPassed", "Degraded"]);
    for condition in &status.conditions {
        assert!(!condition.reason.is_empty(), "{condition:?}");
    }
    assert_eq!(status.target_revision.as_deref(), Some("stations-0123456789"));
    // The next round finds nothing to write.
    fleet.status = Some(status.clone());
    let later = from_text("2026-11-27T09:00:00Z").unwrap();
    assert_eq!(of_fleet(&fleet, &observed, &plan, &[], later), status);
}

#[test]
fn figures_can_wait_and_what_somebody_waits_for_cannot() {
    let fleet = fleet(&json!({}));
    let observed = Observed { is_collector_up: true, ..Observed::default() };
    let wanted = desired(&fleet, Revision::new("stations-0123456789")).unwrap();
    let plan = plan(&wanted, &observed, now());
    let before = of_fleet(&fleet, &observed, &plan, &[], now());
    let changed = |change: fn(&mut trigpoint_crd::MeasurementFleetStatus)| {
        let mut after = before.clone();
        change(&mut after);
        is_news(&before, &after)
    };
    assert!(!changed(|status| status.nodes.as_mut().unwrap().ready += 1));
    assert!(!changed(|status| status.conditions[0].status = "True".to_owned()));
    assert!(!changed(|status| status.conditions[1].message = "1 in flight".to_owned()));
    assert!(changed(|status| status.conditions[1].status = "True".to_owned()));
    assert!(changed(|status| status.observed_generation = Some(7)));
    assert!(changed(|status| status.stable_revision = status.target_revision.clone()));
}

#[test]
fn a_fleet_that_cannot_be_planned_for_keeps_what_was_said_and_says_what_is_wrong() {
    let mut fleet = fleet(&json!({}));
    let before = conditions(said(true, "StationsReady", ""), &[], None, now(), None);
    fleet.status = Some(trigpoint_crd::MeasurementFleetStatus {
        stable_revision: Some("stations-0123456789".to_owned()),
        conditions: before,
        ..Default::default()
    });
    let fleet = Arc::new(fleet);
    let status = invalid(&fleet, "`Mars/Olympus` is no time zone".to_owned(), now());
    assert_eq!(status.stable_revision.as_deref(), Some("stations-0123456789"));
    let degraded = status.conditions.iter().find(|c| c.type_ == "Degraded").unwrap();
    assert_eq!((degraded.status.as_str(), degraded.reason.as_str()), ("True", "Invalid"));
    assert!(degraded.message.contains("Mars/Olympus"));
    assert!(status.conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True"));
}

#[test]
fn a_fleet_names_the_nodes_that_another_one_has_and_what_to_do() {
    let node = |name: &str, more: &serde_json::Value| {
        let mut labels = json!({"station": "true"});
        labels.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let node = json!({"metadata": {"name": name, "labels": labels}});
        Arc::new(serde_json::from_value::<Node>(node).unwrap())
    };
    let of = |revision: &str| json!({trigpoint_crd::REVISION_LABEL: revision});
    let mut view = View::of(Arc::new(fleet(&json!({}))));
    view.nodes = vec![
        node("of-nobody", &json!({})),
        node("own", &of("stations-0123456789")),
        node("not-selected", &json!({"station": "false"})),
    ];
    view.taken = BTreeMap::from([("not-selected".to_owned(), "others".to_owned())]);
    assert_eq!(troubles(&view), []);
    // Of another namespace, by its label alone.
    view.nodes.push(node("beyond", &of("far-0123456789")));
    view.nodes.push(node("beside", &json!({})));
    view.taken.insert("beside".to_owned(), "others".to_owned());
    let told = troubles(&view);
    let [trouble] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(
        trouble.message,
        "`beside` belongs to fleet `others`, `beyond` belongs to fleet `far`: let one selector \
         leave such a node out"
    );
    let revision = Revision::new("stations-0123456789");
    let wanted = desired(&view.fleet, revision.clone()).unwrap();
    let stored = RevisionRecord {
        created_at: now(),
        promoted_at: Some(now()),
        has_daemon_set: true,
        refusal: None,
    };
    let observed = Observed {
        revisions: BTreeMap::from([(revision, stored)]),
        is_collector_up: true,
        ..Observed::default()
    };
    let status = of_fleet(&view.fleet, &observed, &plan(&wanted, &observed, now()), &told, now());
    let degraded = status.conditions.iter().find(|c| c.type_ == "Degraded").unwrap();
    assert_eq!((degraded.status.as_str(), degraded.reason.as_str()), ("True", "OwnedByOtherFleet"));
}
